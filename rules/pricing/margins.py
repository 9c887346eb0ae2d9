"""Margins: what the provider charges for work, and what is left of what the work is sold for."""

from __future__ import annotations

from fractions import Fraction

from rules.pricing.dimensions import Value
from rules.pricing.price_book import Price, PriceBook
from rules.pricing.tokens import MICROS

MAX_MARGIN_PERCENT = 99


def provider_cost_micros(
    book: PriceBook, price: Price, values: tuple[Value, ...], count: int, tokens_micros: int
) -> int | None:
    """What the provider charges for `count` uses at these values, in millionths of the currency, rounded up.

    That is the price's own cost of a use with all that is charged by units; where it says neither, the book's cost for
    each of the tokens that the uses were charged; None where the book says nothing either.
    """
    if price.provider_cost_micros is None and not price.provider_meters:
        if book.provider_cost_per_token_micros is None:
            return None
        return -(-book.provider_cost_per_token_micros * tokens_micros // MICROS)
    cost = (price.provider_cost_micros or 0) + sum(meter.cost(values[meter.column]) for meter in price.provider_meters)
    return -(-cost * count // 1)


def margin_percent(book: PriceBook, price: Price, values: tuple[Value, ...], use_micros: int) -> Fraction | None:
    """What is left, in percent of what one use is sold for; None where the book does not say enough, or it is free."""
    cost = provider_cost_micros(book, price, values, 1, use_micros)
    if cost is None or book.token_value_micros is None or use_micros <= 0:
        return None
    return 100 * (1 - Fraction(cost * MICROS, use_micros * book.token_value_micros))


def target_margin_percent(book: PriceBook, price: Price) -> int | None:
    """The price's own target, else the book's."""
    return book.target_margin_percent if price.target_margin_percent is None else price.target_margin_percent
