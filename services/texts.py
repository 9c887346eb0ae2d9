"""Free texts that callers send: keys, labels, notes. What any of them must be before it is stored."""

from __future__ import annotations

import os
from typing import Final

from rules.pricing.refusals import InvalidInput

KEY_LENGTH_MAX: Final = 255
LABEL_LENGTH_MAX: Final = 255
NOTE_LENGTH_MAX: Final = 2_000
_SALT_BYTES: Final = 16


def fault_of_key(key: str) -> InvalidInput | None:
    """Why this cannot be an idempotency key; None when it can."""
    if not key:
        return InvalidInput("idempotencyKey", "must have at least one character")
    return fault_of_text("idempotencyKey", key, KEY_LENGTH_MAX)


def fault_of_text(field: str, text: str | None, length_max: int) -> InvalidInput | None:
    """Why this text cannot be stored; None when it can, or when there is none."""
    if text is None:
        return None
    if len(text) > length_max:
        return InvalidInput(field, f"must have at most {length_max} characters, not {len(text)}")
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        return InvalidInput(field, "must not contain NUL characters or broken Unicode")
    return None


def fault_of_label(field: str, label: str | None) -> InvalidInput | None:
    """Why this cannot be a label such as a project; None when it can, or when there is none."""
    if label is not None and not label.strip():
        return InvalidInput(field, "must not be empty; leave it out instead")
    return fault_of_text(field, label, LABEL_LENGTH_MAX)


def first_fault(*faults: InvalidInput | None) -> InvalidInput | None:
    """The first fault that there is."""
    return next((fault for fault in faults if fault is not None), None)


def new_salt() -> bytes:
    """Random bytes for the digest that the journal keeps of a command's free text."""
    return os.urandom(_SALT_BYTES)
