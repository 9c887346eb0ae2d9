"""Work on its way to the ledger: priced, or with the refusal that travels along."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rules.ledger.line_codec import decode_lines
from rules.ledger.requests import Work
from rules.pricing.price_book import PriceBook
from rules.pricing.rating import Purpose
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from rules.pricing.tokens import MAX_MICROS, MICROS
from rules.pricing.toml import read_price_book
from services.price_books import PublishedBook
from services.work_pricing import PricedWork, price_work
from tests.services.shop import a_line, a_source

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def published(version: int, source: str) -> PublishedBook:
    book = read_price_book(source)
    assert isinstance(book, PriceBook), book
    return PublishedBook(version, NOW, NOW, book)


BOOK = published(3, a_source())
NEWER = published(4, a_source(picture=99, more='[[prices]]\nname = "Newcomer"\ncategory = "image"\ntokens = 7\n'))


def priced(work: Work, purpose: Purpose = Purpose.RESERVE, fallback: PublishedBook | None = None) -> PricedWork:
    return price_work(BOOK, work, purpose, field="work", fallback=fallback)


def test_lines_are_priced_with_their_canonical_params_and_version() -> None:
    work = priced((a_line("picture", 2, ref="node", steps=50.0), a_line()))

    assert (work.amount, work.refusal, work.rounding_unit) == (32 * MICROS, None, 0)
    first, second = work.lines
    assert (first.model, first.count, first.cost, first.ref) == ("picture", 2, 24 * MICROS, "node")
    assert (first.params_json, first.category) == ('{"steps":"50","quality":"fast"}', "image")
    assert (second.params_json, second.cost) == ("{}", 8 * MICROS)
    assert {line.price_book_version for line in work.lines} == {3}


def test_a_hold_keeps_its_lines_as_they_are() -> None:
    work = priced((a_line("picture", 2, ref='a "quoted" \N{MOUNTAIN RAILWAY}\n', quality="fine"), a_line()))

    assert decode_lines(work.lines_json) == work.lines


def test_a_model_that_the_book_lacks_is_priced_by_the_fallback_at_its_version() -> None:
    work = priced((a_line("picture"), a_line("newcomer")), Purpose.ACTUAL, NEWER)

    assert [(line.cost, line.price_book_version) for line in work.lines] == [(10 * MICROS, 3), (7 * MICROS, 4)]
    assert isinstance(priced((a_line("newcomer"),), Purpose.ACTUAL).refusal, UnknownModel)


@pytest.mark.parametrize("amount", [1, MICROS, MAX_MICROS])
def test_an_amount_is_taken_as_it_is(amount: int) -> None:
    work = priced(amount)
    assert (work.amount, work.lines, work.lines_json, work.refusal) == (amount, (), "[]", None)


def test_nothing_may_be_captured_but_not_set_aside() -> None:
    assert priced(0, Purpose.ACTUAL).refusal is None
    for purpose in (Purpose.RESERVE, Purpose.ESTIMATE):
        assert priced(0, purpose).refusal == InvalidInput("work.amount", "must be more than 0")


@pytest.mark.parametrize("amount", [-1, -(2**63), MAX_MICROS + 1, 2**63, 10**40])
@pytest.mark.parametrize("purpose", [*Purpose])
def test_an_amount_beyond_all_tokens_is_refused(amount: int, purpose: Purpose) -> None:
    refusal = priced(amount, purpose).refusal
    assert isinstance(refusal, InvalidInput)
    assert refusal.field == "work.amount"


def test_a_refusal_names_the_field_where_the_caller_finds_it() -> None:
    for work, field in (((), "work.lines"), ((a_line(), a_line(count=0)), "work.lines[1].count")):
        refusal = priced(work).refusal
        assert isinstance(refusal, InvalidInput)
        assert refusal.field == field
    refusal = priced((a_line("picture", steps=101),)).refusal
    assert isinstance(refusal, InvalidParams)
    assert (refusal.model, refusal.param) == ("picture", "steps")


def test_work_that_has_run_is_priced_beyond_the_bounds() -> None:
    assert priced((a_line("picture", steps=200),), Purpose.ACTUAL).amount == 24 * MICROS
    assert isinstance(priced((a_line("picture", steps="many"),), Purpose.ACTUAL).refusal, InvalidParams)
