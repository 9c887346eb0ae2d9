"""Pricing at the ledger's door: a caller's work becomes lines with costs, or a refusal that travels in the command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from rules.ledger.commands import Line
from rules.ledger.gates import Gate
from rules.ledger.line_codec import encode_lines
from rules.ledger.refusals import InputRefusal
from rules.ledger.requests import Work
from rules.pricing.rating import Priced, PricedLine, Purpose, price_lines
from rules.pricing.refusals import InvalidInput
from rules.pricing.tiers import plans_that_open
from rules.pricing.tokens import MAX_MICROS, MAX_TOKENS
from services.price_books import PublishedBook


@dataclass(frozen=True, slots=True)
class PricedWork:
    """Work with its price, in micro-tokens; `refusal` says why it has none."""

    amount: int = 0
    lines: tuple[Line, ...] = ()
    refusal: InputRefusal | None = None
    rounding_unit: int = 0
    gates: tuple[Gate, ...] = ()
    """The models that not every plan opens; none for work that has run."""

    @property
    def lines_json(self) -> str:
        """The lines as a hold keeps them."""
        return encode_lines(self.lines)


def price_work(
    published: PublishedBook,
    work: Work,
    purpose: Purpose,
    *,
    field: str,
    fallback: PublishedBook | None = None,
    in_force: PublishedBook | None = None,
) -> PricedWork:
    """Prices lines by a published book, or takes an amount as it is. `field` is the input's name, for refusals.

    `in_force` is the version in force where that may be another one: a plan of its has its tier.
    """
    if isinstance(work, int):
        return _amount(work, purpose, field)
    priced = price_lines(
        published.book, work, purpose=purpose, fallback=fallback.book if fallback is not None else None
    )
    match priced:
        case Priced(lines, total, _, unit):
            versions = published.version, fallback.version if fallback is not None else published.version
            gates = () if purpose is Purpose.ACTUAL else gates_of(lines, published, in_force or published)
            return PricedWork(total, tuple(_line(line, versions) for line in lines), rounding_unit=unit, gates=gates)
        case InvalidInput(fault_field, message):
            return PricedWork(refusal=InvalidInput(f"{field}.{fault_field}", message))
        case refusal:
            return PricedWork(refusal=refusal)


def gates_of(lines: Sequence[PricedLine], published: PublishedBook, in_force: PublishedBook) -> tuple[Gate, ...]:
    """The models of these lines that not every plan opens, each once, in the order of the lines."""
    tiers = {line.model: line.tier for line in lines if line.tier is not None}
    return tuple(
        Gate(model, tier, plans_that_open(published.book, tier, in_force.book)) for model, tier in tiers.items()
    )


def _amount(amount: int, purpose: Purpose, field: str) -> PricedWork:
    least = 0 if purpose is Purpose.ACTUAL else 1
    if amount < least:
        wanted = "at least 0" if least == 0 else "more than 0"
        return PricedWork(refusal=InvalidInput(f"{field}.amount", f"must be {wanted}"))
    if amount > MAX_MICROS:
        return PricedWork(refusal=InvalidInput(f"{field}.amount", f"must be at most {MAX_TOKENS} tokens"))
    return PricedWork(amount)


def _line(line: PricedLine, versions: tuple[int, int]) -> Line:
    return Line(
        ref=line.ref,
        model=line.model,
        category=line.category,
        params_json=params_json(line.params),
        count=line.count,
        cost=line.cost,
        price_book_version=versions[1] if line.at_fallback else versions[0],
        rounds_at_end=line.rounds_at_end,
    )


def params_json(params: Sequence[tuple[str, str]]) -> str:
    """Canonical params as the JSON object that rows keep: names and texts."""
    return json.dumps(dict(params), ensure_ascii=False, separators=(",", ":")) if params else "{}"
