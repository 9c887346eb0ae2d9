from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from rules.pricing.captured_work import CapturedWork
from rules.pricing.earnings import Earnings, NoRate, half_up, package_rate
from rules.pricing.money import TokenRate
from rules.pricing.price_book import PriceBook
from rules.pricing.tokens import MICROS
from rules.pricing.toml import read_price_book
from tests.rules.pricing.books import a_book

STUDIO = """
provider_cost_per_token = 0.004
[[prices]]
name = "Picture"
category = "image"
provider_cost = 0.03
tokens = 5
[[prices]]
name = "Chat"
category = "text"
rounding_unit = 0.000001
dimensions = [{ name = "words", type = "integer", minimum = 0, maximum = 1000, default = 10 }]
metered = { of = "words", tokens = 0.1, provider_cost = 0.0005 }
[[prices]]
name = "Upscale"
category = "tool"
tokens = 8
[[packages]]
id = "large"
name = "Large"
tokens = 1000
price_minor_units = 800
[[packages]]
id = "small"
name = "Small"
tokens = 90
bonus_tokens = 10
price_minor_units = 100
"""
CENT_A_TOKEN = TokenRate(Fraction(1, MICROS), "usd")


def work(model: str | None, cost: int, count: int = 1, **more: Any) -> CapturedWork:
    facts: dict[str, Any] = {"params": (), "amount": cost * MICROS, "refunded": 0, "price_book_version": 1}
    return CapturedWork(model, count=count, cost=cost * MICROS, **facts | more)


def earned(*lines: CapturedWork, book: PriceBook | None = None) -> Earnings:
    earnings = Earnings("usd")
    for line in lines:
        earnings.add(line, book or a_book(STUDIO))
    return earnings


@pytest.mark.parametrize(
    ("line", "cents"),
    [
        (work("picture", 10, 2), 6),
        (work("chat", 4, params=(("words", "40"),)), 2),
        (work("upscale", 24, 3), Fraction(96, 10)),
    ],
    ids=["by use", "by units", "by token"],
)
def test_the_provider_charges_by_use_by_units_or_by_token(line: CapturedWork, cents: Fraction | int) -> None:
    (sums,) = earned(line).models.values()

    assert sums.provider_cost(CENT_A_TOKEN) == cents
    assert sums.revenue(CENT_A_TOKEN) == line.cost // MICROS
    assert sums.margin(CENT_A_TOKEN) == line.cost // MICROS - cents


def test_what_was_given_back_or_not_charged_brings_in_nothing_and_still_cost_the_provider() -> None:
    capped = work("picture", 10, 2, amount=8 * MICROS, refunded=8 * MICROS)

    (sums,) = earned(capped).models.values()

    assert sums.revenue(CENT_A_TOKEN) == 0
    assert sums.margin(CENT_A_TOKEN) == -6
    assert sums.margin_percent(CENT_A_TOKEN) is None


def test_the_margin_in_percent_is_of_what_came_in() -> None:
    (sums,) = earned(work("picture", 10, 2)).models.values()

    assert sums.margin_percent(CENT_A_TOKEN) == 40


def test_what_is_shown_adds_up_to_the_cent() -> None:
    rate = TokenRate(Fraction(7, 5 * MICROS), "usd")
    sums = earned(work("picture", 5), work("upscale", 8)).total

    revenue, cost, margin = sums.shown(rate)

    # 18.2 cents came in and 6.2 were charged: 12 are left, and 18 less 6 are 12 as well.
    assert cost is not None
    assert margin is not None
    assert revenue.minor_units - cost.minor_units == margin.minor_units
    assert (revenue.minor_units, cost.minor_units, margin.minor_units) == (18, 6, 12)


@pytest.mark.parametrize(("tokens", "shown"), [(1, (1, 0, 1)), (9, (9, 4, 5))])
def test_the_margin_is_what_the_two_beside_it_leave(tokens: int, shown: tuple[int, int, int]) -> None:
    revenue, cost, margin = earned(work("upscale", tokens)).total.shown(CENT_A_TOKEN)

    assert cost is not None
    assert margin is not None
    assert (revenue.minor_units, cost.minor_units, margin.minor_units) == shown


def test_where_a_cost_is_not_known_no_margin_is_made_up() -> None:
    earnings = earned(work("picture", 5), work(None, 7), work(None, 1, 0, rounding=True))

    assert earnings.models[None].provider_cost(CENT_A_TOKEN) is None
    assert earnings.models[None].margin(CENT_A_TOKEN) is None
    assert earnings.models[None].tokens_micros == 8 * MICROS
    assert (earnings.models[None].uses, earnings.models[None].lines) == (1, 1)
    assert earnings.models["picture"].margin(CENT_A_TOKEN) == 2
    assert earnings.total.margin(CENT_A_TOKEN) is None
    assert earnings.total.provider_cost(CENT_A_TOKEN) == 3
    assert earnings.total.revenue(CENT_A_TOKEN) == 13


def test_costs_in_another_currency_are_not_known() -> None:
    book = read_price_book('slug = "a"\nname = "A"\ncurrency = "eur"\n' + STUDIO)
    assert isinstance(book, PriceBook)

    assert earned(work("picture", 5), book=book).total.provider_cost(CENT_A_TOKEN) is None


def test_a_currency_without_minor_units_counts_in_whole_ones() -> None:
    (sums,) = earned(work("picture", 10, 2)).models.values()

    assert sums.provider_cost(TokenRate(Fraction(1, MICROS), "jpy")) == Fraction(6, 100)


def test_models_are_listed_by_what_they_bring_in() -> None:
    earnings = earned(work("picture", 5), work("upscale", 8), work("picture", 5))

    assert [sums.model for sums in earnings.by_revenue()] == ["picture", "upscale"]
    assert earnings.total.tokens_micros == 18 * MICROS


def test_a_token_is_worth_what_the_package_says_bonus_included() -> None:
    book = a_book(STUDIO)

    assert package_rate(book, "small") == package_rate(book, None) == CENT_A_TOKEN
    assert package_rate(book, "large") == TokenRate(Fraction(8, 10 * MICROS), "usd")
    assert package_rate(book, "none") == NoRate("none", ("large", "small"))


def test_without_packages_a_token_is_worth_what_the_book_says() -> None:
    prices = '[[prices]]\nname = "Work"\ncategory = "image"\ntokens = 1\n'

    assert package_rate(a_book("token_value = 0.01\n" + prices), None) == CENT_A_TOKEN
    assert package_rate(a_book(prices), None) == NoRate(None, ())


@pytest.mark.parametrize(("number", "whole"), [("1/2", 1), ("-1/2", -1), ("3/2", 2), ("149/100", 1), ("0", 0)])
def test_half_a_minor_unit_is_rounded_away_from_zero(number: str, whole: int) -> None:
    assert half_up(Fraction(number)) == whole
