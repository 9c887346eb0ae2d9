"""Every row of the transcribed tables, asked of the API as a product's backend asks it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.pricebooks.conftest import Query, Stall
from tests.pricebooks.tables import Work, faults_of_prices, rows, tables, works

PAGE = 20

FIELDS = "model name category provider tier premium notes pricingType tokenCost minTokenCost maxTokenCost"
PRICES = f"""query($after: String) {{ prices(first: {PAGE}, after: $after) {{
    totalCount nodes {{ {FIELDS} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
PRICE = f"query($model: String!) {{ price(model: $model) {{ {FIELDS} }} }}"
ESTIMATE = """query($lines: [LineInput!]!) { estimate(input: {lines: $lines}) {
    ... on EstimateSuccess { estimate { total rounding lines { model count cost minCost maxCost steps { amount } } } }
    ... on Problem { code message } } }"""
OFFERS = """{
    packages { id name tokens bonusTokens price { minorUnits currency } pricePerToken }
    plans { id name tokens bonusTokens price { minorUnits currency } interval tier } }"""
RUSSIAN = """{ prices { nodes { model names { language name } } }
    packages { id names { language name } } plans { id names { language name } } }"""
CREATE_ACCOUNT = """mutation($input: CreateAccountInput!) { createAccount(input: $input) {
    ... on AccountSuccess { account { id } } } }"""
GRANT = "mutation($input: GrantTokensInput!) { grantTokens(input: $input) { __typename } }"
SAVE_PROJECT = """mutation($input: SaveProjectInput!) { saveProject(input: $input) {
    ... on ProjectSuccess { project { budget } } } }"""
SET_LIMIT = "mutation($input: SetLimitInput!) { setLimit(input: $input) { __typename } }"
CHARGE = "mutation($input: ReserveInput!) { charge(input: $input) { __typename } }"
AFFORDABLE = """query($input: AffordableInput!) { affordable(input: $input) {
    ... on Affordable { value cost limitedBy } } }"""
PROJECT = """query($name: String!) { project(name: $name, accountExternalId: "planner") {
    estimate budget actual } }"""

BOOKS = ["node-studio", "ai-playground", "generator-app", "elumenta"]


async def price_list(query: Query) -> tuple[list[dict[str, Any]], int]:
    """All prices by the page, and how many the API says there are."""
    shown: list[dict[str, Any]] = []
    after = None
    while True:
        page = (await query(PRICES, after=after))["prices"]
        assert len(page["nodes"]) <= PAGE
        shown += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return shown, page["totalCount"]


@pytest.mark.parametrize("book", BOOKS)
async def test_the_price_list_is_the_table_row_by_row(stall: Stall, book: str) -> None:
    table = rows(book)
    async with stall(book) as query:
        shown, count = await price_list(query)
    assert count == len(table)
    assert faults_of_prices(table, shown) == []


@pytest.mark.parametrize("book", BOOKS)
async def test_each_price_by_itself_is_its_row(stall: Stall, book: str) -> None:
    faults = []
    async with stall(book) as query:
        for row in rows(book):
            price = (await query(PRICE, model=row["model"]))["price"]
            faults += faults_of_prices([row], [price] if price else [])
    assert faults == []


@pytest.mark.parametrize("book", BOOKS)
async def test_one_use_at_the_defaults_is_estimated_as_the_table_says(stall: Stall, book: str) -> None:
    # What has a single figure in the table, whatever its kind of price.
    table = [(row["model"], row.get("tokens") or row["least"]) for row in rows(book) if is_single(row)]
    async with stall(book) as query:
        estimate = await estimated(query, [{"model": model} for model, _ in table])
    assert [(line["model"], line["cost"]) for line in estimate["lines"]] == table
    assert estimate["total"] == str(sum(int(tokens) for _, tokens in table))


@pytest.mark.parametrize("book", tables("-points"))
async def test_every_point_is_estimated_as_the_table_says(stall: Stall, book: str) -> None:
    faults = []
    async with stall(book) as query:
        for work in works(book):
            faults += await faults_of_work(query, work)
    assert faults == []


async def test_every_rate_of_a_metered_model_is_charged_with_the_markup(stall: Stall) -> None:
    """Dollars for a million, times 1.7, at a tenth of a cent a token."""
    used = {"inputTokens": 100_000, "cachedInputTokens": 10_000, "outputTokens": 1_000}
    table = rows("llm-metering-rates")
    async with stall("llm-metering") as query:
        estimate = await estimated(query, [{"model": row["slug"], "params": used} for row in table])
    costs = [
        (Decimal(row["input"]) / 10 + Decimal(row["cached"]) / 100 + Decimal(row["output"]) / 1_000) * 1_700
        for row in table
    ]
    assert [Decimal(line["cost"]) for line in estimate["lines"]] == costs
    assert Decimal(estimate["total"]) == sum(costs) + Decimal(estimate["rounding"])


@pytest.mark.parametrize("book", ["node-studio", "elumenta"])
async def test_packages_and_plans_are_sold_as_the_table_says(stall: Stall, book: str) -> None:
    currency = {"node-studio": "usd", "elumenta": "rub"}[book]
    async with stall(book) as query:
        offers = await query(OFFERS)
    packages = [
        (one["id"], one["name"], one["tokens"], one["bonusTokens"], str(one["price"]["minorUnits"]))
        for one in offers["packages"]
    ]
    table = [row for row in rows("packages") if row["book"] == book]
    assert packages == [(row["id"], row["name"], row["tokens"], "0", row["price_minor_units"]) for row in table]
    rates = [one["pricePerToken"] for one in offers["packages"]]
    assert [rate for rate, row in zip(rates, table, strict=True) if row["rate"] not in ("", rate)] == []
    plans = [
        {
            "book": book,
            "id": one["id"],
            "name": one["name"],
            "tokens": one["tokens"],
            "bonus_tokens": one["bonusTokens"],
            "price_minor_units": str(one["price"]["minorUnits"]),
            "interval": one["interval"].lower().replace("_", "-"),
            "tier": one["tier"] or "",
        }
        for one in offers["plans"]
    ]
    assert plans == [row for row in rows("plans") if row["book"] == book]
    assert {one["price"]["currency"] for one in (*offers["packages"], *offers["plans"])} == {currency}


async def test_everything_that_elumenta_sells_has_its_russian_name(stall: Stall) -> None:
    async with stall("elumenta") as query:
        shown = await query(RUSSIAN)
    named = [*shown["prices"]["nodes"], *shown["packages"], *shown["plans"]]
    assert len(named) == 52 + 8 + 5
    assert [one for one in named if [name["language"] for name in one["names"]] != ["ru"]] == []


async def test_the_dynamic_price_comes_with_its_least_and_greatest(stall: Stall) -> None:
    async with stall("elumenta") as query:
        params = {"size": "1792x1024", "quality": "hd"}
        estimate = await estimated(query, [{"model": "dall-e-3", "params": params, "count": 1}])
        price = (await query(PRICE, model="dall-e-3"))["price"]
    (line,) = estimate["lines"]
    assert (line["cost"], line["minCost"], line["maxCost"], price["pricingType"]) == ("13", "5", "13", "MATRIX")


async def test_the_project_of_the_example_has_a_budget_of_1200_tokens_and_keeps_it(stall: Stall) -> None:
    """What its table comes to and a fifth more; the work leaves 200, which are four drafts and nothing beside them."""
    account = {"accountExternalId": "planner"}
    project = {**account, "name": "Main Street Redesign"}
    (work,) = [work for work in works("generator-app") if work.name == project["name"]]
    lines = [{"model": line.model, "params": line.params, "count": line.count} for line in work.lines]
    async with stall("generator-app") as query:
        made = await query(CREATE_ACCOUNT, input={"externalId": "planner", "name": "Planner"})
        await query(GRANT, input={**account, "idempotencyKey": "g", "amount": "5000"})
        estimate = await estimated(query, lines)
        saved = await query(SAVE_PROJECT, input={**project, "estimate": estimate["total"], "bufferPercent": 20})
        budget = saved["saveProject"]["project"]["budget"]
        assert budget == "1200"
        limit = {"scope": "PROJECT", "period": "TOTAL", "project": project["name"], "limit": budget}
        await query(SET_LIMIT, input={"accountId": made["createAccount"]["account"]["id"], **limit})

        async def charge(key: str, *lines: dict[str, Any]) -> str:
            given = {**account, "idempotencyKey": key, "project": project["name"], "work": {"lines": lines}}
            return str((await query(CHARGE, input=given))["charge"]["__typename"])

        assert await charge("all of it", *lines) == "CommitSuccess"
        more = {"model": "flux.1-dev", "dimension": "count", "project": project["name"], **account}
        assert (await query(AFFORDABLE, input=more))["affordable"] == {
            "value": "4",
            "cost": "200",
            "limitedBy": "limit PROJECT TOTAL",
        }
        assert await charge("one too many", {"model": "flux.1-dev", "count": 5}) == "LimitReached"
        assert await charge("four more", {"model": "flux.1-dev", "count": 4}) == "CommitSuccess"
        assert await charge("the cheapest", {"model": "flux.1-schnell"}) == "LimitReached"
        shown = await query(PROJECT, name=project["name"])
    assert shown["project"] == {"estimate": "1000", "budget": "1200", "actual": "1200"}


async def estimated(query: Query, lines: list[dict[str, Any]]) -> dict[str, Any]:
    answer = (await query(ESTIMATE, lines=lines))["estimate"]
    assert "estimate" in answer, answer
    estimate: dict[str, Any] = answer["estimate"]
    return estimate


async def faults_of_work(query: Query, work: Work) -> list[str]:
    lines = [{"model": line.model, "params": line.params, "count": line.count} for line in work.lines]
    estimate = await estimated(query, lines)
    faults = [
        f"{work.name}: {line.count} of {line.model} {line.params} costs {shown['cost']}, not {line.tokens}"
        for line, shown in zip(work.lines, estimate["lines"], strict=True)
        if shown["cost"] != line.tokens
    ]
    if work.total is not None and estimate["total"] != work.total:
        faults.append(f"{work.name}: costs {estimate['total']} in all, not {work.total}")
    return faults


def is_single(row: dict[str, str]) -> bool:
    return bool(row.get("tokens")) or ("least" in row and row["least"] == row["greatest"])
