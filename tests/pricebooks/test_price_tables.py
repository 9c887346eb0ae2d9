"""The shipped books against tables that were transcribed from their sources by hand."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from rules.pricing.margins import provider_cost_micros
from rules.pricing.rating import LineRequest, Priced, Purpose, price_lines
from rules.pricing.slugs import model_slug
from rules.pricing.tokens import MICROS
from tests.rules.pricing.books import a_shipped_book

TABLES = Path(__file__).parents[1] / "price_tables"
NODE_STUDIO = a_shipped_book("node-studio")
PLAYGROUND = a_shipped_book("ai-playground")
LLM_METERING = a_shipped_book("llm-metering")


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


def test_llm_metering_has_the_text_models_of_its_table_a_request_and_an_agents_run() -> None:
    table = rows("llm_metering.csv")
    assert len(table) == 10
    assert [price.model for price in LLM_METERING.prices] == [
        *(row["slug"] for row in table),
        "chat-request",
        "agent-run",
    ]
    assert [(row["name"], row["provider"]) for row in table] == [
        (price.name, price.provider) for price in LLM_METERING.prices[:10]
    ]


@pytest.mark.parametrize("row", rows("llm_metering.csv"), ids=lambda row: row["slug"])
def test_every_token_costs_its_providers_price_with_the_markup(row: dict[str, str]) -> None:
    """Dollars for a million, times 1.7, at a tenth of a cent a token."""
    used = {"inputTokens": 100_000, "cachedInputTokens": 10_000, "outputTokens": 1_000}
    answer = price_lines(LLM_METERING, [LineRequest(row["slug"], used)], purpose=Purpose.ACTUAL)
    assert isinstance(answer, Priced)
    dollars = (
        Decimal(row["input"]) * 100_000 + Decimal(row["cached"]) * 10_000 + Decimal(row["output"]) * 1_000
    ) / 1_000_000
    assert Decimal(answer.lines[0].cost) / MICROS == dollars * Decimal("1.7") * 1_000
    price = LLM_METERING.prices_by_model[row["slug"]]
    cost = provider_cost_micros(LLM_METERING, price, (100_000, 10_000, 1_000), 1, answer.lines[0].cost)
    assert cost == dollars * 1_000_000


@pytest.mark.parametrize(("tokens", "cost"), [(1, "6"), (8_000, "6"), (8_001, "6.0006"), (10_000, "7.2")])
def test_a_chat_request_has_one_price_up_to_8000_tokens_and_one_by_tokens_above(tokens: int, cost: str) -> None:
    answer = price_lines(LLM_METERING, [LineRequest("chat-request", {"inputTokens": tokens})], purpose=Purpose.ESTIMATE)
    assert isinstance(answer, Priced)
    assert Decimal(answer.lines[0].cost) / MICROS == Decimal(cost)
