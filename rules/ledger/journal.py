"""The journal: append-only entries with gap-free versions, each chained to the one before by a hash.

The hash covers every fact of the entry; of free text it covers only a salted digest, so that names can be erased and
the chain still holds. The layout is reproduced in SQL by the audit, byte for byte.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import NamedTuple
from uuid import UUID

from rules.ledger.kinds import EntryKind

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NUMBERS = Struct(">11q")
_LENGTH = Struct(">i")
_ABSENT = _LENGTH.pack(-1)
_NO_MEMBER = bytes(16)
_KIND_TEXTS = {kind: _LENGTH.pack(len(kind)) + kind.encode() for kind in EntryKind}
_LAYOUT = b"\x01"
"""Names what follows it, so that a later layout can cover more and the chain goes on."""


class Entry(NamedTuple):
    """One fact of an account. Changes are in micro-tokens and cover the whole account; the signs are product.md's."""

    account_id: UUID
    version: int
    kind: EntryKind
    at: datetime
    total_change: int
    held_change: int
    owed_change: int
    clawed_change: int
    """The part of `owed_change` that was clawed back or pays for it; the rest is the credit line's."""
    spent: int
    """Charged by this entry: positive for captures and rounding, negative for refunds, else 0."""
    available_after: int
    credit_limit: int
    """The account's limit at the time, so that `available_after` can be proven later."""
    member_id: UUID | None
    project: str | None
    model: str | None
    category: str | None
    hold_id: int | None
    grant_id: int | None
    ref: str | None
    note: str | None
    text_salt: bytes
    """Random bytes mixed into the digest of `ref` and `note`; empty without text."""
    text_digest: bytes
    hash: bytes


def epoch_micros(at: datetime) -> int:
    """Microseconds since 1970 in UTC, exactly."""
    return (at - EPOCH) // _MICROSECOND


def digest_of_text(salt: bytes, ref: str | None, note: str | None) -> bytes:
    """What the hash covers of an entry's free text; empty when there is none."""
    if ref is None and note is None:
        return b""
    return hashlib.sha256(salt + _text(ref) + _text(note)).digest()


def chained_hash(
    before: bytes,
    tenant_id: UUID,
    account_id: UUID,
    numbers: tuple[int, int, int, int, int, int, int, int, int, int, int],
    kind: EntryKind,
    member_id: UUID | None,
    project: str | None,
    model: str | None,
    category: str | None,
    text_digest: bytes,
) -> bytes:
    """The entry's hash over the one before.

    `numbers`: version, at, the changes of total, held, owed and clawed back, spent, available after, credit limit, hold
    and grant (0: none).
    """
    return hashlib.sha256(
        _LAYOUT
        + before
        + tenant_id.bytes
        + account_id.bytes
        + _NUMBERS.pack(*numbers)
        + _KIND_TEXTS[kind]
        + (member_id.bytes if member_id is not None else _NO_MEMBER)
        + _text(project)
        + _text(model)
        + _text(category)
        + text_digest
    ).digest()


def _text(value: str | None) -> bytes:
    if value is None:
        return _ABSENT
    encoded = value.encode()
    return _LENGTH.pack(len(encoded)) + encoded
