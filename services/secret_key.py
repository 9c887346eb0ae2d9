"""The form of keys: `fbx_secret_live_<43 random characters>_<6 of checksum>`, `fbx_partner_live_…` for those that read,
`fbx_root_…` for the server's own.

The prefix lets secret scanners and people recognise a key; the checksum refuses typing errors and guesses without the
database.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from typing import Final

from models.api_key import ApiKeyKind
from models.tenant import TenantMode

SECRET_BYTES: Final = 32
"""256 random bits: nothing to guess, so a plain SHA-256 is hash enough."""

KEY_LENGTH_MAX: Final = 256
"""Characters; anything longer is refused unread."""

_ALPHABET: Final = string.digits + string.ascii_letters
_RANDOM_LENGTH: Final = 43
_CHECKSUM_LENGTH: Final = 6
_HINT_LENGTH: Final = 4
_FORM: Final = re.compile(r"(fbx_(?:root|(?:secret|partner)_(?:live|test))_)([0-9A-Za-z]{43})_([0-9A-Za-z]{6})")


def new_root_key() -> str:
    """A new key for the server itself."""
    return _new_key("fbx_root_")


def new_secret_key(mode: TenantMode, kind: ApiKeyKind = ApiKeyKind.SECRET) -> str:
    """A new key of a tenant, for its backend unless it is another kind."""
    return _new_key(f"fbx_{kind.value.lower()}_{mode.value.lower()}_")


def is_well_formed(key: str) -> bool:
    """Whether the key has the form and its checksum fits."""
    match = _FORM.fullmatch(key) if len(key) <= KEY_LENGTH_MAX else None
    return match is not None and secrets.compare_digest(_checksum(match[1] + match[2]), match[3])


def hash_of(key: str) -> bytes:
    """What is kept of a key: 32 bytes."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def hint_of(key: str) -> str:
    """The beginning of a well-formed key, by which its owner recognises it in a list; tells 24 of 256 bits."""
    match = _FORM.fullmatch(key)
    if match is None:
        raise ValueError("not a well-formed key")
    return match[1] + match[2][:_HINT_LENGTH]


def _new_key(prefix: str) -> str:
    body = prefix + _base62(int.from_bytes(secrets.token_bytes(SECRET_BYTES), "big"), _RANDOM_LENGTH)
    return f"{body}_{_checksum(body)}"


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
