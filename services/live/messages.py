"""What processes tell each other on the bus, as text that any carrier can take.

A message says which accounts moved and to which version, never what they hold: whoever hears it reads
the database. So a message may be lost, doubled, late or out of order without making anything wrong.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

MESSAGE_BYTES_MAX = 7_900
"""Postgres refuses a NOTIFY payload of 8,000 bytes or more; every carrier keeps to the smallest."""

RESYNC_TEXT = "resync"
"""What a backend hands out by itself after each reconnect, and what a publisher sends that lost count."""

_CHANGES_MARK = "c"
_SEPARATOR = ","
_ACCOUNT_CHARACTERS = 22
_BASE64_PADDING = "=="


@dataclass(frozen=True, slots=True)
class Changes:
    """Accounts that moved: pairs of account and the version that it has at least."""

    pairs: tuple[tuple[UUID, int], ...]


@dataclass(frozen=True, slots=True)
class Resync:
    """Something may have been missed: compare every watched account with the database."""


Message: TypeAlias = Changes | Resync


def encode_changes(changes: Mapping[UUID, int]) -> Iterator[str]:
    """Texts of at most MESSAGE_BYTES_MAX ASCII bytes each that name every account with its version once."""
    pairs: list[str] = []
    room = MESSAGE_BYTES_MAX - len(_CHANGES_MARK)
    for account_id, version in changes.items():
        pair = urlsafe_b64encode(account_id.bytes)[:_ACCOUNT_CHARACTERS].decode("ascii") + str(version)
        if len(pair) + len(_SEPARATOR) > room:
            yield _CHANGES_MARK + _SEPARATOR.join(pairs)
            pairs = []
            room = MESSAGE_BYTES_MAX - len(_CHANGES_MARK)
        pairs.append(pair)
        room -= len(pair) + len(_SEPARATOR)
    if pairs:
        yield _CHANGES_MARK + _SEPARATOR.join(pairs)


def decode(text: str) -> Message:
    """The message behind a text of the bus; one that cannot be read is a Resync, since it may have named anyone."""
    if not text.startswith(_CHANGES_MARK):
        return Resync()
    try:
        return Changes(tuple(_decode_pair(pair) for pair in text[len(_CHANGES_MARK) :].split(_SEPARATOR)))
    except (ValueError, binascii.Error):
        return Resync()


def _decode_pair(pair: str) -> tuple[UUID, int]:
    account = urlsafe_b64decode(pair[:_ACCOUNT_CHARACTERS] + _BASE64_PADDING)
    return UUID(bytes=account), int(pair[_ACCOUNT_CHARACTERS:])
