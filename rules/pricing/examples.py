"""Worked examples: what a book says of itself and must keep."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExampleLine:
    """One line of a worked example; `cost_micros` is what it must cost, where the example says."""

    model: str
    params: tuple[tuple[str, object], ...] = ()
    count: int = 1
    cost_micros: int | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A worked example inside a book: its lines must add up to its total, or the book is refused."""

    name: str
    lines: tuple[ExampleLine, ...]
    total_micros: int
