from __future__ import annotations

from typing import Any

import pytest

from rules.ledger.refusals import NotFound
from rules.ledger.requests import AffordableRequest
from rules.pricing.affordable import Affordable
from rules.pricing.refusals import InvalidParams, UnknownModel
from rules.pricing.tokens import MICROS
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT, ACCOUNT_ID, TENANT, Stage

MOST = """query($input: AffordableInput!) { affordable(input: $input) { __typename
    ... on Affordable { value unbounded cost limitedBy }
    ... on Problem { code message }
    ... on InvalidInput { field }
} }"""
OF_STEPS = {"model": "flux", "params": {"quality": "hd"}, "dimension": "steps"}


async def shown(ask: Ask, **given: Any) -> Any:
    result = await ask(MOST, input=OF_STEPS | given)
    assert result.errors is None, result.errors
    assert result.data is not None
    return result.data["affordable"]


async def test_the_most_is_shown_with_what_it_costs_and_what_limits_it(ask: Ask, stage: Stage) -> None:
    stage.fares.answers["affordable"] = Affordable("42", False, 5 * MICROS, "balance")

    answer = await shown(ask, accountExternalId="alice", project="film")

    assert stage.fares.request == AffordableRequest(TENANT, ACCOUNT, "flux", "steps", {"quality": "hd"}, "film")
    assert answer == {
        "__typename": "Affordable",
        "value": "42",
        "unbounded": False,
        "cost": "5",
        "limitedBy": "balance",
    }


@pytest.mark.parametrize("largest", [Affordable(None, False, None, "frozen"), Affordable(None, True, None, None)])
async def test_where_there_is_none_nothing_is_made_up(ask: Ask, stage: Stage, largest: Affordable) -> None:
    stage.fares.answers["affordable"] = largest

    answer = await shown(ask, accountId=ACCOUNT_ID, params=None)

    assert stage.fares.request.params == {}
    assert (answer["value"], answer["cost"]) == (None, None)
    assert (answer["unbounded"], answer["limitedBy"]) == (largest.unbounded, largest.limited_by)


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        ({}, "InvalidInput"),
        ({"accountId": ACCOUNT_ID, "accountExternalId": "alice"}, "InvalidInput"),
        ({"accountId": "nonsense"}, "NotFound"),
    ],
)
async def test_an_account_must_be_named_in_one_way(ask: Ask, stage: Stage, named: dict[str, Any], kind: str) -> None:
    assert (await shown(ask, **named))["__typename"] == kind
    assert stage.fares.calls == []


@pytest.mark.parametrize(
    "refusal", [UnknownModel("x", ()), InvalidParams("x", "steps", "no such number"), NotFound("account")]
)
async def test_every_refusal_is_a_member_of_the_result(ask: Ask, stage: Stage, refusal: Any) -> None:
    stage.fares.answers["affordable"] = refusal

    answer = await shown(ask, accountId=ACCOUNT_ID)

    assert answer["__typename"] == type(refusal).__name__
