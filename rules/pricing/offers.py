"""Offers: the packages and plans that a book sells its tokens in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

MAX_MINOR_UNITS = 2**53 - 1
"""The greatest amount of money that the API can show."""


class PlanInterval(Enum):
    """How often a plan is paid and grants its tokens."""

    MONTH = "MONTH"
    YEAR = "YEAR"
    ONE_TIME = "ONE_TIME"


@dataclass(frozen=True, slots=True)
class Package:
    """Tokens sold once: price in minor units of the book's currency."""

    id: str
    name: str
    tokens_micros: int
    bonus_tokens_micros: int
    price_minor_units: int
    target_markup_percents: tuple[int, int] | None = None
    names_by_language: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> Mapping[str, str]:
        """The name in further languages, by ISO 639 code."""
        return dict(self.names_by_language)


@dataclass(frozen=True, slots=True)
class Plan:
    """Tokens sold by the month or year, or given once: price in minor units of the book's currency.

    Without rollover, what is left of a period's tokens ends with the period.
    """

    id: str
    name: str
    tier: str | None
    tokens_micros: int
    bonus_tokens_micros: int
    price_minor_units: int
    interval: PlanInterval
    rollover: bool = False
    names_by_language: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> Mapping[str, str]:
        """The name in further languages, by ISO 639 code."""
        return dict(self.names_by_language)
