from __future__ import annotations

import re
from pathlib import Path

import pytest

from rules.pricing.price_book import PriceBook
from rules.pricing.rating import Purpose
from rules.pricing.tokens import MICROS
from rules.pricing.toml import read_price_book
from tests.rules.pricing.books import HEADER, a_book, priced

DOCUMENT = (Path(__file__).parents[2] / "docs" / "price-books.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_of_the_documentation_is_a_sound_book(block: str) -> None:
    answer = read_price_book(block if block.startswith("slug") else HEADER + block)
    assert isinstance(answer, PriceBook), answer


def test_the_documented_formula_costs_what_its_comments_say() -> None:
    book = a_book(next(block for block in BLOCKS if '"Painter"' in block))
    line = priced(book, {"quality": "high", "steps": 50, "upscale": True, "durationSeconds": 11}, model="painter")
    # 4 + 2 for the upscale + 3 beyond 10 s + 1 megapixel + 2 for 25 more steps + 3 started 5 s = 15, times 1.5.
    assert line.unit_cost == 23 * MICROS
    assert priced(book, {"steps": 101}, model="painter", purpose=Purpose.RESERVE).unit_cost > 0
