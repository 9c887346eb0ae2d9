"""Replay: what captured work would cost by another price book, model by model.

Under the very version that priced a line the difference is zero: published versions never change, and rating has no
other input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from rules.pricing.captured_work import CapturedWork
from rules.pricing.dimensions import params_of_texts
from rules.pricing.price_book import PriceBook
from rules.pricing.rating import LineRequest, Priced, Purpose, price_lines
from rules.pricing.refusals import InvalidParams, UnknownModel

ALIKE_MAX = 10_000
"""Lines alike in version, model, params and count that are remembered, so that each is priced once."""

_PURPOSES = (Purpose.ACTUAL, Purpose.RESERVE)
"""Work is charged at its cost; a hold that is captured whole at what was set aside, which for some prices is more."""


@dataclass(slots=True)
class ModelReplay:
    """One model's lines, in micro-tokens: those priced anew with their cost then and now, and those that cannot be.

    `gone`: the book has no such model. `refused`: it does not take the params, for the first reason in `why_refused`.
    """

    model: str
    lines: int = 0
    uses: int = 0
    cost_then: int = 0
    cost_now: int = 0
    gone_lines: int = 0
    gone_cost: int = 0
    refused_lines: int = 0
    refused_cost: int = 0
    why_refused: str | None = None

    @property
    def difference(self) -> int:
        """What would have been charged more, or less."""
        return self.cost_now - self.cost_then


@dataclass(slots=True)
class Replay:
    """All lines: by model, and what no price list changes, in micro-tokens.

    `by_amount`: the caller named the amount, with or without a model. `rounding`: what the ends of holds added.
    `uncharged` of the costs was not charged, or was given back.
    """

    models: dict[str, ModelReplay] = field(default_factory=dict)
    lines: int = 0
    by_amount_lines: int = 0
    by_amount: int = 0
    rounding: int = 0
    uncharged: int = 0

    def of_model(self, model: str) -> ModelReplay:
        """The model's sums so far."""
        if model not in self.models:
            self.models[model] = ModelReplay(model)
        return self.models[model]


class Repricer:
    """Adds captured lines up, each priced anew by `target`."""

    def __init__(self, target: PriceBook) -> None:
        self.replay = Replay()
        self._target = target
        self._books: dict[int, PriceBook] = {}
        self._priced = lru_cache(maxsize=ALIKE_MAX)(self._price)

    def knows(self, version: int) -> bool:
        """Whether the book of this version has been learned."""
        return version in self._books

    def learn(self, version: int, book: PriceBook) -> None:
        """The book that lines of this version were priced by; to be given before the first of them."""
        self._books[version] = book

    def add(self, work: CapturedWork) -> None:
        """One line more."""
        replay = self.replay
        replay.lines += 1
        replay.uncharged += work.cost - work.kept
        if work.rounding:
            replay.rounding += work.cost
            return
        purpose = self._purpose(work)
        if work.model is None or purpose is None:
            replay.by_amount_lines += 1
            replay.by_amount += work.cost
            return
        now = self._priced(None, work.model, work.params, work.count, purpose)
        sums = replay.of_model(work.model)
        match now:
            case int():
                sums.lines += 1
                sums.uses += work.count
                sums.cost_then += work.cost
                sums.cost_now += now
            case UnknownModel():
                sums.gone_lines += 1
                sums.gone_cost += work.cost
            case InvalidParams(message=message):
                sums.refused_lines += 1
                sums.refused_cost += work.cost
                sums.why_refused = sums.why_refused or message

    def _purpose(self, work: CapturedWork) -> Purpose | None:
        """For what its own version priced the line at its cost; None where no price did."""
        if work.model is None or work.count < 1:
            return None
        for purpose in _PURPOSES:
            priced = self._priced(work.price_book_version, work.model, work.params, work.count, purpose)
            if priced == work.cost:
                return purpose
        return None

    def _price(
        self, version: int | None, model: str, params: tuple[tuple[str, str], ...], count: int, purpose: Purpose
    ) -> int | UnknownModel | InvalidParams:
        """A line's cost by a version, or by the target (None), or why it has none."""
        book = self._target if version is None else self._books[version]
        price = book.price(model)
        given = {} if price is None else params_of_texts(price.dimensions, dict(params))
        priced = price_lines(book, (LineRequest(model, given, count),), purpose=purpose)
        match priced:
            case Priced((line,)):
                return line.cost
            case UnknownModel() | InvalidParams():
                return priced
            case _:
                return InvalidParams(model, None, "It would cost more than an amount can be.")


def by_difference(models: Sequence[ModelReplay]) -> list[ModelReplay]:
    """The greatest change first, then the costliest, then by name."""
    return sorted(models, key=lambda sums: (-abs(sums.difference), -sums.cost_then, sums.model))
