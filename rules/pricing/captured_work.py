"""Captured work: what was charged for a line, looked at again when prices are compared with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CapturedWork:
    """A line as it was captured; amounts in micro-tokens.

    `params` are canonical texts by name. `cost` is what the work cost by its price, or what the caller said; `amount`
    is what was charged of it, of which `refunded` was given back. `rounding`: what the end of a hold added.
    """

    model: str | None
    params: tuple[tuple[str, str], ...]
    count: int
    cost: int
    amount: int
    refunded: int
    price_book_version: int
    rounding: bool = False

    @property
    def kept(self) -> int:
        """What was charged and not given back."""
        return self.amount - self.refunded
