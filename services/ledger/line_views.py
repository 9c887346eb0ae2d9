"""How lines are shown: rated anew at the price book version they were priced at, so that their steps can be checked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final, assert_never
from uuid import UUID

from rules.ledger.charges import ChargeBasis
from rules.ledger.line_codec import decode_lines
from rules.ledger.records import CaptureView, LineView
from rules.ledger.state import CapturedLine
from rules.pricing.costs import CostStep
from rules.pricing.dimensions import params_of_texts
from rules.pricing.price_book import PriceBook
from rules.pricing.rating import LineRequest, Priced, PricedLine, Purpose, price_lines
from services.price_books import PriceBooks

AMOUNT_CAPTURED: Final = "amount captured"
SET_ASIDE_BEYOND_COST: Final = "set aside beyond the cost, for smaller values that cost more"
NOT_ITS_PRICE: Final = "captured at another cost than its price says"
NOT_CHARGED: Final = "not charged: the hold and its overrun policy allowed no more"


def line_view(line: PricedLine, price_book_version: int) -> LineView:
    """A line as it was just priced."""
    return LineView(
        ref=line.ref,
        model=line.model,
        category=line.category,
        count=line.count,
        unit_cost=line.unit_cost,
        cost=line.cost,
        min_cost=line.min_cost,
        max_cost=line.max_cost,
        pricing_type=line.pricing_type,
        price_book_version=price_book_version,
        steps=line.steps,
    )


async def reserved_views(price_books: PriceBooks, tenant_id: UUID, lines_json: str) -> tuple[LineView, ...]:
    """The lines that a hold was made for, from its row."""
    views = []
    for line in decode_lines(lines_json):
        if line.model is not None:
            rated = await _rated(
                price_books, tenant_id, line.price_book_version, line.model, line.params_json, line.count, line.ref
            )
            views.append(_view(rated, line.cost, line.price_book_version, SET_ASIDE_BEYOND_COST))
    return tuple(views)


async def views_of_holds(
    price_books: PriceBooks, tenant_id: UUID, lines_json: Mapping[int, str]
) -> dict[int, tuple[LineView, ...]]:
    """As `reserved_views` for several holds, by their ids."""
    views = {}
    for hold_id, text in lines_json.items():
        views[hold_id] = await reserved_views(price_books, tenant_id, text)
        await _let_others_go_on()
    return views


async def captures_of_holds(
    price_books: PriceBooks, tenant_id: UUID, lines: Sequence[CapturedLine]
) -> dict[int, tuple[CaptureView, ...]]:
    """As `captured_views` for several holds, whose lines follow one another."""
    views = {}
    for hold_id, together in groupby(lines, key=lambda line: line.hold_id):
        views[hold_id] = await captured_views(price_books, tenant_id, tuple(together))
        await _let_others_go_on()
    return views


async def _let_others_go_on() -> None:
    """Rating the lines of a hundred holds takes some milliseconds, which nobody else should have to wait."""
    await asyncio.sleep(0)


async def captured_views(
    price_books: PriceBooks, tenant_id: UUID, lines: Sequence[CapturedLine]
) -> tuple[CaptureView, ...]:
    """Captured lines, grouped by the commit that captured them; rounding is left to the hold's own field."""
    views = []
    for _, together in groupby(lines, key=lambda line: line.call):
        work = [line for line in together if not line.rounding]
        if not work:
            continue
        shown = [await _captured_view(price_books, tenant_id, line) for line in work if line.model is not None]
        views.append(CaptureView(sum(line.amount for line in work), work[0].at, tuple(filter(None, shown))))
    return tuple(views)


async def rate_captured(price_books: PriceBooks, tenant_id: UUID, line: CapturedLine) -> PricedLine:
    """A captured line as its price makes it today; the line must have a model."""
    assert line.model is not None
    return await _rated(
        price_books, tenant_id, line.price_book_version, line.model, line.params_json, max(line.count, 1), line.ref
    )


async def bound_of_captured(price_books: PriceBooks, tenant_id: UUID, line: CapturedLine) -> int | None:
    """What would be set aside for a captured line; None where its params are beyond what may be reserved."""
    assert line.model is not None
    published = await price_books.version(tenant_id, line.price_book_version)
    params = kept_params(published.book, line.model, line.params_json)
    request = LineRequest(line.model, params, max(line.count, 1), line.ref)
    priced = price_lines(published.book, (request,), purpose=Purpose.RESERVE)
    return priced.lines[0].cost if isinstance(priced, Priced) else None


def explained_view(line: CapturedLine, basis: ChargeBasis, rated: PricedLine) -> LineView:
    """A captured line at what was charged for it, with its price's steps unless an amount was named instead."""
    if line.cost != rated.cost:
        match basis:
            case ChargeBasis.AMOUNT | ChargeBasis.ROUNDING:
                steps: tuple[CostStep, ...] = (CostStep(AMOUNT_CAPTURED, line.cost),)
            case ChargeBasis.SET_ASIDE:
                steps = (*rated.steps, CostStep(SET_ASIDE_BEYOND_COST, line.cost - rated.cost))
            case ChargeBasis.PRICE:
                steps = (*rated.steps, CostStep(NOT_ITS_PRICE, line.cost - rated.cost))
            case _:
                assert_never(basis)
        rated = replace(rated, count=line.count, cost=line.cost, steps=steps)
    return _view(rated, line.amount, line.price_book_version, NOT_CHARGED)


async def _captured_view(price_books: PriceBooks, tenant_id: UUID, line: CapturedLine) -> LineView | None:
    if line.model is None:
        return None
    # Where it is not its price, the caller said how much: the price's own steps would explain something else.
    return explained_view(line, ChargeBasis.AMOUNT, await rate_captured(price_books, tenant_id, line))


async def _rated(
    price_books: PriceBooks,
    tenant_id: UUID,
    version: int,
    model: str,
    params_json: str,
    count: int,
    ref: str | None,
) -> PricedLine:
    """The line rated again; published versions never change, so what was priced once can be priced for ever."""
    published = await price_books.version(tenant_id, version)
    request = LineRequest(model, kept_params(published.book, model, params_json), count, ref)
    priced = price_lines(published.book, (request,), purpose=Purpose.ACTUAL)
    if not isinstance(priced, Priced):
        raise AssertionError(f"a line of {model} that was priced at version {version} no longer is")
    return priced.lines[0]


def kept_params(book: PriceBook, model: str, params_json: str) -> dict[str, object]:
    """A line's params as rows keep them, back as a caller's; the model must be the book's."""
    return params_of_texts(book.prices_by_model[model].dimensions, json.loads(params_json))


def _view(rated: PricedLine, cost: int, version: int, difference: str) -> LineView:
    """The rated line at what was really set aside or charged; the steps add up to that."""
    steps = rated.steps
    if cost != rated.cost:
        steps = (*steps, CostStep(difference, cost - rated.cost))
    return LineView(
        ref=rated.ref,
        model=rated.model,
        category=rated.category,
        count=rated.count,
        unit_cost=cost if rated.count == 1 else rated.unit_cost,
        cost=cost,
        min_cost=rated.min_cost,
        max_cost=rated.max_cost,
        pricing_type=rated.pricing_type,
        price_book_version=version,
        steps=steps,
    )
