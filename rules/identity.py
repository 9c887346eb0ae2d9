"""Ids: how an account's id derives from its tenant, and how rows are named in public.

Every public id carries the account, so that any request reaches its rows (and later its shard) without a look-up.
Ids are names, never secrets: what may be seen is decided by the credential alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

_NAMESPACE = b"farebox.account\x00"
_UUID_BYTES = 16
_LONGEST_ID = 64
"""Characters; the longest public id made here has 48, so anything longer is refused unread."""


class IdKind(StrEnum):
    """What a public id names; the id's prefix."""

    ACCOUNT = "acc"
    BALANCE = "bal"
    GRANT = "grant"
    HOLD = "hold"
    QUOTE = "quote"
    ENTRY = "entry"
    TENANT = "ten"
    API_KEY = "key"
    CHANGE = "chg"


_ROW_KINDS = frozenset({IdKind.GRANT, IdKind.HOLD, IdKind.ENTRY, IdKind.QUOTE, IdKind.CHANGE})


@dataclass(frozen=True, slots=True)
class PublicId:
    """A parsed public id. `local` is the journal version that made the row, a quote's random number or a change's
    number in the log; None where the UUID alone names it."""

    kind: IdKind
    owner: UUID
    local: int | None


def account_id_of(tenant_id: UUID, external_id: str) -> UUID:
    """The account's id: a digest of tenant and externalId (UUID version 8): unique without any global index."""
    digest = hashlib.sha256(_NAMESPACE + tenant_id.bytes + external_id.encode()).digest()
    number = int.from_bytes(digest[:_UUID_BYTES], "big")
    return UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 0x8 << 76 | 0x2 << 62)


def public_id(kind: IdKind, owner: UUID, local: int | None = None) -> str:
    """The opaque public form; ASCII, URL-safe. `owner` is the account, tenant or key that the id names or leads to."""
    raw = owner.bytes
    if local is not None:
        raw += local.to_bytes((local.bit_length() + 7) // 8 or 1, "big")
    return f"{kind.value}_{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"


def parse_public_id(text: str) -> PublicId | None:
    """Reads an id made by `public_id`; None for anything else, also for another spelling of the same bytes."""
    prefix, separator, body = text.partition("_")
    if not separator or len(text) > _LONGEST_ID or not text.isascii():
        return None
    try:
        kind = IdKind(prefix)
        raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    has_local = kind in _ROW_KINDS
    if len(raw) < _UUID_BYTES or (len(raw) > _UUID_BYTES) != has_local or len(raw) > _UUID_BYTES + 8:
        return None
    local = int.from_bytes(raw[_UUID_BYTES:], "big") if has_local else None
    if local is not None and not 0 < local < 2**63:
        return None
    owner = UUID(bytes=raw[:_UUID_BYTES])
    return PublicId(kind, owner, local) if public_id(kind, owner, local) == text else None
