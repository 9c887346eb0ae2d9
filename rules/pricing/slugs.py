"""Slugs: the name of a model as a key."""

from __future__ import annotations

import re

MAX_SLUG_CHARACTERS = 100

_OTHER = re.compile(r"[^a-z0-9.]+")
_SLUG = re.compile(r"[a-z0-9.]+(?:-[a-z0-9.]+)*")


def model_slug(name: str) -> str:
    """The slug of a model's name: lower case, ASCII letters, digits and dots; every run of anything else is one hyphen.

    "DALL·E 3" gives "dall-e-3". Empty when the name has neither letter, digit nor dot.
    """
    return _OTHER.sub("-", name.lower()).strip("-")


def is_slug(text: str) -> bool:
    """Whether a text has the form of a slug and is short enough to be one."""
    return len(text) <= MAX_SLUG_CHARACTERS and _SLUG.fullmatch(text) is not None
