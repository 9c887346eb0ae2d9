"""The form of client tokens: `fbx_client_live_<what it says>.<signature>`, both in URL-safe base64.

What it says is packed into bytes of fixed places, so there is one way to write a token and nothing in it that chooses
how it is checked: always HMAC-SHA-256 with the tenant's signing secret, over the prefix and the bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from models.tenant import TenantMode
from rules.ledger.kinds import MemberRole

CLIENT_TOKEN_PREFIX: Final = "fbx_client_"
SIGNING_SECRET_BYTES: Final = 32

_VERSION: Final = 1
_LAYOUT: Final = struct.Struct(">BB16s16s16s16sqq")
"""Version, role; key, tenant, account, member (zeros: none); issued and expiring, in microseconds since 1970."""

_ROLES: Final = (MemberRole.ADMIN, MemberRole.MEMBER, MemberRole.VIEWER)
"""By their number in a token; never reordered."""

_NO_MEMBER: Final = UUID(int=0)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_BODY_LENGTH: Final = (_LAYOUT.size * 4 + 2) // 3
_SIGNATURE_LENGTH: Final = 43
_FORM: Final = re.compile(
    rf"({CLIENT_TOKEN_PREFIX}(?:live|test)_)([0-9A-Za-z_-]{{{_BODY_LENGTH}}})\.([0-9A-Za-z_-]{{{_SIGNATURE_LENGTH}}})"
)


@dataclass(frozen=True, slots=True)
class ClientToken:
    """What a token says: made with which key, for which account, member and role, from when to when."""

    key_id: UUID
    tenant_id: UUID
    account_id: UUID
    member_id: UUID | None
    role: MemberRole
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A token as somebody sent it: what it says counts for nothing until `is_signed_with` has been asked."""

    claims: ClientToken
    _signed: bytes
    _signature: bytes

    def is_signed_with(self, secret: bytes) -> bool:
        """Whether the signature was made with this secret; takes equally long whatever is wrong."""
        return hmac.compare_digest(_signature_of(self._signed, secret), self._signature)


def new_signing_secret() -> bytes:
    """A new secret of a tenant."""
    return secrets.token_bytes(SIGNING_SECRET_BYTES)


def signed_token(token: ClientToken, mode: TenantMode, secret: bytes) -> str:
    """The token as its holder sends it; ASCII, URL-safe."""
    packed = _LAYOUT.pack(
        _VERSION,
        _ROLES.index(token.role),
        token.key_id.bytes,
        token.tenant_id.bytes,
        token.account_id.bytes,
        (token.member_id or _NO_MEMBER).bytes,
        _micros_of(token.issued_at),
        _micros_of(token.expires_at),
    )
    prefix = f"{CLIENT_TOKEN_PREFIX}{mode.value.lower()}_"
    return f"{prefix}{_text_of(packed)}.{_text_of(_signature_of(prefix.encode() + packed, secret))}"


def read_token(text: str) -> UnverifiedToken | None:
    """What a text claims if it has the form of a token, in the one way that there is of writing it; else None."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    packed, signature = _bytes_of(match[2]), _bytes_of(match[3])
    if packed is None or signature is None:
        return None
    version, role, key, tenant, account, member, issued, expires = _LAYOUT.unpack(packed)
    if version != _VERSION or role >= len(_ROLES):
        return None
    try:
        issued_at, expires_at = _EPOCH + issued * _MICROSECOND, _EPOCH + expires * _MICROSECOND
    except OverflowError:
        return None
    member_id = UUID(bytes=member)
    claims = ClientToken(
        UUID(bytes=key),
        UUID(bytes=tenant),
        UUID(bytes=account),
        None if member_id == _NO_MEMBER else member_id,
        _ROLES[role],
        issued_at,
        expires_at,
    )
    return UnverifiedToken(claims, match[1].encode() + packed, signature)


def _signature_of(signed: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, signed, hashlib.sha256)


def _micros_of(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _text_of(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes_of(text: str) -> bytes | None:
    """The bytes of a text that `_text_of` made; None for another spelling of the same bytes."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if _text_of(raw) == text else None
