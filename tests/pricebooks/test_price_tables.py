"""The shipped books against tables that were transcribed from their sources by hand."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from rules.pricing.rating import LineRequest, Priced, Purpose, price_lines
from rules.pricing.slugs import model_slug
from rules.pricing.tokens import MICROS
from tests.rules.pricing.books import a_shipped_book

TABLES = Path(__file__).parents[1] / "price_tables"
NODE_STUDIO = a_shipped_book("node-studio")
PLAYGROUND = a_shipped_book("ai-playground")


def rows(name: str) -> list[dict[str, str]]:
    with (TABLES / name).open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def params(row: dict[str, str]) -> dict[str, object]:
    """The row's params as JSON would carry them: choices as text, numbers as int or float."""
    given: dict[str, object] = {name: row[name] for name in ("resolution", "quality") if row[name]}
    if row["steps"]:
        given["steps"] = int(row["steps"])
    if row["durationSeconds"]:
        given["durationSeconds"] = float(row["durationSeconds"])
    return given


def test_node_studio_has_the_71_models_and_tools_of_its_table_and_no_others() -> None:
    table = rows("node_studio.csv")
    assert len(table) == 71
    assert [(row["category"], row["name"], row["slug"]) for row in table] == [
        (price.category, price.name, price.model) for price in NODE_STUDIO.prices
    ]


@pytest.mark.parametrize("row", rows("node_studio.csv"), ids=lambda row: row["slug"])
def test_every_node_costs_what_its_table_says(row: dict[str, str]) -> None:
    for purpose in Purpose:
        answer = price_lines(NODE_STUDIO, [LineRequest(row["slug"])], purpose=purpose)
        assert isinstance(answer, Priced)
        assert answer.total == int(row["tokens"]) * MICROS
    assert row["slug"] == model_slug(row["name"])


def test_the_playground_has_the_ten_models_of_its_table_and_no_others() -> None:
    table = rows("ai_playground.csv")
    models = list(dict.fromkeys((row["category"], row["name"], row["slug"]) for row in table))
    assert len(models) == 10
    assert models == [(price.category, price.name, price.model) for price in PLAYGROUND.prices]


@pytest.mark.parametrize("row", rows("ai_playground.csv"), ids=lambda row: "-".join(filter(None, row.values())))
def test_every_use_costs_what_the_playgrounds_table_says(row: dict[str, str]) -> None:
    answer = price_lines(PLAYGROUND, [LineRequest(row["slug"], params(row))], purpose=Purpose.ESTIMATE)
    assert isinstance(answer, Priced)
    assert Decimal(answer.total) / MICROS == Decimal(row["tokens"])
