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
_MEMBER_NAMESPACE = b"farebox.member\x00"
_SCOPE_NAMESPACE = b"farebox.scope\x00"
_REFERRAL_NAMESPACE = b"farebox.referral\x00"
_REFERRAL_CODE_LENGTH = 16
_REFERRAL_LETTERS = str.maketrans("0123456789abcdef", "23456789CDFGHJKM")
"""Digits and letters that nobody takes for one another, and that make no words."""
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
    LIMIT = "lim"
    MEMBER = "mem"
    ALERT = "alert"
    PROMO_CODE = "promo"
    CHANGE = "chg"


_ROW_KINDS = frozenset({IdKind.GRANT, IdKind.HOLD, IdKind.ENTRY, IdKind.QUOTE, IdKind.ALERT, IdKind.CHANGE})
_PART_KINDS = frozenset({IdKind.MEMBER, IdKind.BALANCE, IdKind.LIMIT})
"""What may be a part of its owner that has a UUID of its own; a balance is also the whole account's."""


@dataclass(frozen=True, slots=True)
class PublicId:
    """A parsed public id. `local` is the journal version that made the row, a quote's random number, or an event's or
    change's number; `part` is a member, or for whom a balance is seen; None where the owner's UUID alone names it."""

    kind: IdKind
    owner: UUID
    local: int | None
    part: UUID | None = None


def account_id_of(tenant_id: UUID, external_id: str) -> UUID:
    """The account's id: a digest of tenant and externalId (UUID version 8): unique without any global index."""
    return _uuid_of(_NAMESPACE + tenant_id.bytes + external_id.encode())


def member_id_of(account_id: UUID, external_id: str) -> UUID:
    """The member's id, made like the account's: who comes back to an account is the same member."""
    return _uuid_of(_MEMBER_NAMESPACE + account_id.bytes + external_id.encode())


def scope_id_of(member_id: UUID | None, project: str | None) -> UUID | None:
    """Names for whom a balance is seen: the member, or a digest where a project is concerned; None: for everyone."""
    if project is None:
        return member_id
    member = b"" if member_id is None else member_id.bytes
    return _uuid_of(_SCOPE_NAMESPACE + len(member).to_bytes() + member + project.encode())


def _uuid_of(named: bytes) -> UUID:
    number = int.from_bytes(hashlib.sha256(named).digest()[:_UUID_BYTES], "big")
    return UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 0x8 << 76 | 0x2 << 62)


def referral_code_of(account_id: UUID) -> str:
    """The account's referral code: 64 bits of a digest of its id, in 16 letters and digits.

    The database derives the same, in models/sql/make_referrals.sql.
    """
    digest = hashlib.sha256(_REFERRAL_NAMESPACE + account_id.bytes).hexdigest()
    return digest[:_REFERRAL_CODE_LENGTH].translate(_REFERRAL_LETTERS)


def public_id(kind: IdKind, owner: UUID, local: int | None = None, part: UUID | None = None) -> str:
    """The opaque public form; ASCII, URL-safe. `owner` is the account, tenant or key that the id names or leads to."""
    raw = owner.bytes
    if local is not None:
        raw += local.to_bytes((local.bit_length() + 7) // 8 or 1, "big")
    elif part is not None:
        raw += part.bytes
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
    if kind in _PART_KINDS and len(raw) != _UUID_BYTES:
        return _parsed_part(kind, raw, text)
    has_local = kind in _ROW_KINDS
    if (
        len(raw) < _UUID_BYTES
        or kind is IdKind.MEMBER
        or (len(raw) > _UUID_BYTES) != has_local
        or len(raw) > _UUID_BYTES + 8
    ):
        return None
    local = int.from_bytes(raw[_UUID_BYTES:], "big") if has_local else None
    if local is not None and not 0 < local < 2**63:
        return None
    owner = UUID(bytes=raw[:_UUID_BYTES])
    return PublicId(kind, owner, local) if public_id(kind, owner, local) == text else None


def _parsed_part(kind: IdKind, raw: bytes, text: str) -> PublicId | None:
    if len(raw) != 2 * _UUID_BYTES:
        return None
    owner, part = UUID(bytes=raw[:_UUID_BYTES]), UUID(bytes=raw[_UUID_BYTES:])
    return PublicId(kind, owner, None, part) if public_id(kind, owner, None, part) == text else None
