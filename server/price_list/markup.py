"""Markup: HTML built from values, in which text is always escaped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Final

_WITHOUT_END: Final = frozenset(("link", "meta", "br"))


@dataclass(frozen=True, slots=True)
class Markup:
    """HTML that is safe as it stands; made by `element` and `raw` alone."""

    html: str


Content = Markup | str | None
"""Text is escaped when it becomes part of an element; None is nothing."""


def element(name: str, /, *content: Content | Iterable[Content], **attributes: str | None) -> Markup:
    """One element. Attributes that are None are left out; `class_` is `class`, and `_` in a name is a hyphen."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _WITHOUT_END:
        return Markup(f"<{name}{shown}>")
    return Markup(f"<{name}{shown}>{joined(*content).html}</{name}>")


def joined(*content: Content | Iterable[Content]) -> Markup:
    """Several parts, one after the other."""
    return Markup("".join(_html(part) for part in content))


def raw(html: str) -> Markup:
    """HTML of our own that has no value of anybody else's in it."""
    return Markup(html)


def _html(part: Content | Iterable[Content]) -> str:
    if part is None:
        return ""
    if isinstance(part, Markup):
        return part.html
    if isinstance(part, str):
        return escape(part)
    return "".join(_html(inner) for inner in part)
