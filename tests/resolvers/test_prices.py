from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rules.ledger.records import Estimated, EstimateWarning, LineView
from rules.ledger.refusals import AccountFrozen, InsufficientTokens, NotFound
from rules.ledger.requests import EstimateRequest
from rules.pricing.costs import CostStep
from rules.pricing.formulas import PricingType
from rules.pricing.money import Paid
from rules.pricing.offers import Package
from rules.pricing.rating import LineRequest
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from rules.pricing.tokens import MICROS
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT, ACCOUNT_ID, TENANT, ABook, Stage, a_book

MODELS = "nodes { model } totalCount pageInfo { hasNextPage hasPreviousPage endCursor }"


async def test_the_price_list_comes_by_the_page_in_its_own_order(ask: Ask) -> None:
    seen: list[str] = []
    after = None
    while True:
        result = await ask(f"query($after: String) {{ prices(first: 3, after: $after) {{ {MODELS} }} }}", after=after)
        assert result.errors is None
        page = result.data["prices"]
        assert page["totalCount"] == 4
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        seen += [node["model"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert seen == ["flux", "imagen", "kling", "suno"]


@pytest.mark.parametrize(
    ("filter", "models"),
    [
        ({"category": "video"}, ["kling"]),
        ({"models": ["suno", "flux", "absent"]}, ["flux", "suno"]),
        ({"search": "IMA-gen"}, ["imagen"]),
        ({"search": "imagne"}, ["imagen"]),
        ({"premium": False}, ["flux", "imagen", "kling", "suno"]),
        ({"premium": True}, []),
        ({"tier": "pro"}, []),
        ({"provider": "nobody"}, []),
        ({}, ["flux", "imagen", "kling", "suno"]),
        (None, ["flux", "imagen", "kling", "suno"]),
    ],
)
async def test_a_filter_chooses_prices(ask: Ask, filter: Any, models: list[str]) -> None:
    result = await ask(f"query($filter: PriceFilter) {{ prices(filter: $filter) {{ {MODELS} }} }}", filter=filter)

    assert result.data is not None
    assert [node["model"] for node in result.data["prices"]["nodes"]] == models
    assert result.data["prices"]["totalCount"] == len(models)


@pytest.mark.parametrize("arguments", ["first: 0", "first: 1000000000", 'after: "cHJpY2VzOnh5"', 'after: "!"'])
async def test_a_page_out_of_bounds_is_a_coded_error(ask: Ask, arguments: str) -> None:
    result = await ask(f"{{ prices({arguments}) {{ {MODELS} }} }}")

    assert result.data == {"prices": None}
    assert result.errors is not None
    assert result.errors[0].extensions == {"code": "BAD_USER_INPUT"}


async def test_one_price_is_shown_whole_or_not_at_all(ask: Ask) -> None:
    result = await ask(
        """{ flux: price(model: "flux") {
            model name category provider tier premium notes pricingType tokenCost minTokenCost maxTokenCost
            dimensions { name type unit values default minimum maximum }
        } nothing: price(model: "flx") { model } }"""
    )

    assert result.data == {
        "flux": {
            "model": "flux",
            "name": "Flux",
            "category": "image",
            "provider": None,
            "tier": None,
            "premium": False,
            "notes": None,
            "pricingType": "FLAT",
            "tokenCost": "5",
            "minTokenCost": "5",
            "maxTokenCost": "5",
            "dimensions": [
                {
                    "name": "width",
                    "type": "INTEGER",
                    "unit": "px",
                    "values": None,
                    "default": "512",
                    "minimum": "64",
                    "maximum": "2048",
                }
            ],
        },
        "nothing": None,
    }


ESTIMATE = """query($input: EstimateInput!) { estimate(input: $input) { __typename
    ... on EstimateSuccess { estimate {
        total rounding affordable balanceAfter warnings
        lines { ref cost steps { label amount } }
        priceBook { slug version }
        blockers { __typename code message ... on InsufficientTokens { required available } }
    } }
    ... on Problem { code message }
    ... on InvalidInput { field }
} }"""


async def test_an_estimate_tells_the_price_and_what_stands_in_the_way(ask: Ask, stage: Stage) -> None:
    line = LineView(
        "n1", "flux", 1, 5 * MICROS, 5 * MICROS, 5, 5, PricingType.FLAT, 3, (CostStep("price", 5 * MICROS),)
    )
    stage.fares.answers["estimate"] = Estimated(
        5 * MICROS,
        0,
        (line,),
        3,
        affordable=False,
        blockers=(AccountFrozen(), InsufficientTokens(5 * MICROS, MICROS)),
        warnings=(EstimateWarning.LOW_BALANCE,),
        balance_after=0,
    )
    given = {"lines": [{"ref": "n1", "model": "flux"}], "accountId": ACCOUNT_ID, "project": "film"}

    result = await ask(ESTIMATE, input=given)

    assert stage.fares.request == EstimateRequest(
        TENANT, (LineRequest("flux", {}, 1, "n1"),), account_id=ACCOUNT, project="film"
    )
    assert result.errors is None
    assert result.data is not None
    estimate = result.data["estimate"]["estimate"]
    assert [blocker.pop("message") != "" for blocker in estimate["blockers"]] == [True, True]
    assert estimate == {
        "total": "5",
        "rounding": "0",
        "affordable": False,
        "balanceAfter": None,
        "warnings": ["LOW_BALANCE"],
        "lines": [{"ref": "n1", "cost": "5", "steps": [{"label": "price", "amount": "5"}]}],
        "priceBook": {"slug": "studio", "version": 3},
        "blockers": [
            {"__typename": "AccountFrozen", "code": "ACCOUNT_FROZEN"},
            {"__typename": "InsufficientTokens", "code": "INSUFFICIENT_TOKENS", "required": "5", "available": "1"},
        ],
    }


async def test_an_estimate_without_an_account_says_nothing_of_balance(ask: Ask, stage: Stage) -> None:
    stage.fares.answers["estimate"] = Estimated(5, 0, (), 3)

    result = await ask(ESTIMATE, input={"amount": "0.000005"})

    assert stage.fares.request == EstimateRequest(TENANT, 5)
    assert result.data is not None
    assert result.data["estimate"]["estimate"]["affordable"] is None


MONEY = """query($input: EstimateInput!) { estimate(input: $input) {
    ... on EstimateSuccess { estimate { money { minorUnits currency formatted } } }
} }"""


@pytest.mark.parametrize(
    ("account", "paid", "shown"),
    [
        ({}, (), {"minorUnits": 4, "currency": "usd", "formatted": "$0.04"}),
        ({"accountId": ACCOUNT_ID}, (), {"minorUnits": 4, "currency": "usd", "formatted": "$0.04"}),
        (
            {"accountId": ACCOUNT_ID},
            (Paid("usd", 5000, 1000 * MICROS),),
            {"minorUnits": 18, "currency": "usd", "formatted": "$0.18"},
        ),
    ],
)
async def test_an_estimate_is_told_in_money_at_the_accounts_rate_or_the_smallest_packages(
    ask: Ask, stage: Stage, account: Any, paid: tuple[Paid, ...], shown: Any
) -> None:
    packages = (
        Package("large", "Large", 10_000 * MICROS, 0, 8000),
        Package("small", "Small", 1000 * MICROS, 0, 1000),
    )
    book = ABook(replace(a_book(), packages=packages))
    stage.price_books.answers |= {"current": book, "at_version": book}
    stage.reads.answers["paid"] = paid
    stage.fares.answers["estimate"] = Estimated(3_500_000, 0, (), 3)

    result = await ask(MONEY, input={"amount": "3.5"} | account)

    assert result.data == {"estimate": {"estimate": {"money": shown}}}
    assert [name for name, _, _ in stage.reads.calls] == (["paid"] if account else [])


async def test_without_packages_an_estimate_has_no_money_and_none_is_looked_for_unasked(ask: Ask, stage: Stage) -> None:
    stage.fares.answers["estimate"] = Estimated(MICROS, 0, (), 3)

    unasked = await ask(ESTIMATE, input={"amount": "1", "accountId": ACCOUNT_ID})
    assert stage.reads.calls == []
    result = await ask(MONEY, input={"amount": "1", "accountId": ACCOUNT_ID})

    assert unasked.errors is None
    assert result.data == {"estimate": {"estimate": {"money": None}}}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "lines"),
        ({"lines": [], "amount": 1}, "lines"),
        ({"amount": 1, "accountId": ACCOUNT_ID, "accountExternalId": "alice"}, "accountId"),
    ],
)
async def test_an_estimate_is_of_one_thing_and_one_account(ask: Ask, given: Any, field: str) -> None:
    result = await ask(ESTIMATE, input=given)

    assert result.data is not None
    assert (result.data["estimate"]["__typename"], result.data["estimate"]["field"]) == ("InvalidInput", field)


async def test_the_balance_afterwards_is_of_work_that_would_go_through(ask: Ask, stage: Stage) -> None:
    stage.fares.answers["estimate"] = Estimated(5, 0, (), 3, affordable=True, balance_after=MICROS)

    result = await ask(ESTIMATE, input={"amount": "0.000005", "accountId": ACCOUNT_ID})

    assert result.data is not None
    assert result.data["estimate"]["estimate"]["balanceAfter"] == "1"


@pytest.mark.parametrize("work", [{}, {"lines": [], "amount": 1}])
async def test_an_account_that_is_not_there_is_told_of_before_what_else_is_wrong(ask: Ask, work: Any) -> None:
    known = await ask(ESTIMATE, input={"accountExternalId": "alice"} | work)
    unknown = await ask(ESTIMATE, input={"accountExternalId": "nobody"} | work)
    malformed = await ask(ESTIMATE, input={"accountId": "nonsense"} | work)

    kinds = [result.data and result.data["estimate"]["__typename"] for result in (known, unknown, malformed)]
    assert kinds == ["InvalidInput", "NotFound", "NotFound"]


@pytest.mark.parametrize(
    "refusal", [UnknownModel("x", ()), InvalidParams("x", None, "m"), NotFound("account"), InvalidInput("f", "m")]
)
async def test_every_refusal_of_an_estimate_is_a_member_of_its_result(ask: Ask, stage: Stage, refusal: Any) -> None:
    stage.fares.answers["estimate"] = refusal

    result = await ask(ESTIMATE, input={"amount": 1})

    assert result.errors is None
    assert result.data is not None
    assert result.data["estimate"]["__typename"] == type(refusal).__name__
