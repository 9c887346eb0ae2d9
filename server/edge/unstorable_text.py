"""Text that cannot be kept: NUL is refused by the database, half a surrogate pair is no character at all."""

from __future__ import annotations

import re

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_ESCAPED = re.compile(rb"\\u(?:0000|[dD][89aAbB][0-9a-fA-F]{2}|[dD][c-fC-F][0-9a-fA-F]{2})")


def is_unstorable(text: str) -> bool:
    """Whether the text holds NUL or half a surrogate pair."""
    return _UNSTORABLE.search(text) is not None


def may_be_unstorable(json_text: bytes) -> bool:
    """Whether a JSON text may decode to such text: the cheap look that spares the thorough one nearly always."""
    return _ESCAPED.search(json_text) is not None


def holds_unstorable(value: object) -> bool:
    """Whether a decoded JSON value holds such text anywhere, in keys too."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                if is_unstorable(text):
                    return True
            case list(members):
                waiting.extend(members)
            case dict(members):
                waiting.extend(members)
                waiting.extend(members.values())
            case _:
                pass
    return False
