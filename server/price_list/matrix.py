"""A matrix price as a small table."""

from __future__ import annotations

from itertools import product
from typing import Final

from rules.pricing.dimensions import Value
from rules.pricing.formulas import Matrix
from rules.pricing.price_book import Price
from server.price_list.markup import Markup, element
from server.price_list.wording import choice_text, tokens_text

CELLS_MAX: Final = 60
"""A table with more is no help on a page; least and greatest cost still are."""

_NOT_OFFERED: Final = "\N{EM DASH}"


def matrix_table(price: Price) -> Markup | None:
    """The costs by choices: the last dimension across, all others down; None for other prices and for large tables."""
    matrix = price.pricing
    if not isinstance(matrix, Matrix) or len(matrix.cells) > CELLS_MAX or len(matrix.cells) < 2:
        return None
    *down, across = matrix.columns
    values = price.dimensions[across].values
    columns = [element("th", choice_text(value), scope="col") for value in values]
    head = element("thead", element("tr", element("td") if down else None, columns))
    rows = [
        element(
            "tr",
            element("th", " \N{MIDDLE DOT} ".join(map(choice_text, row)), scope="row") if row else None,
            [element("td", _cost(matrix, (*row, value))) for value in values],
        )
        for row in product(*(price.dimensions[column].values for column in down))
    ]
    return element("table", head, element("tbody", rows), class_="cells")


def _cost(matrix: Matrix, choices: tuple[Value, ...]) -> str:
    cell = matrix.cells.get(choices)
    return _NOT_OFFERED if cell is None else tokens_text(cell)
