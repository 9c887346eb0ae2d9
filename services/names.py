"""Display names: what any of them must be."""

from __future__ import annotations

import unicodedata

from models.tenant import NAME_LENGTH_MAX
from rules.pricing.refusals import InvalidInput

# Control characters (NUL cannot be stored) and surrogates (not text at all).
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs"})


def fault_of_name(field: str, name: str) -> InvalidInput | None:
    """Why this cannot be a display name; None when it can."""
    if not name.strip():
        return InvalidInput(field, "must not be empty")
    if len(name) > NAME_LENGTH_MAX:
        return InvalidInput(field, f"must have at most {NAME_LENGTH_MAX} characters")
    if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in name):
        return InvalidInput(field, "must not contain control characters or broken Unicode")
    return None
