from __future__ import annotations

from dataclasses import replace

from schema.prices import shown_price
from tests.rules.pricing.books import a_book_with
from tests.rules.pricing.test_combinations import GAPPY


def test_a_price_shows_what_a_calculator_needs_to_grey_out_and_what_it_is_called_elsewhere() -> None:
    price = replace(a_book_with(GAPPY).prices[0], names_by_language=(("ru", "Художник"),))

    shown = shown_price(price)

    assert [(choice.dimension, choice.values) for choice in shown.not_allowed[0].choices] == [
        ("size", ["wide"]),
        ("quality", ["standard"]),
    ]
    assert [(name.language, name.name) for name in shown.names] == [("ru", "Художник")]
