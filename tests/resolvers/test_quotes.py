from __future__ import annotations

from typing import Any

import pytest

from rules.identity import IdKind, public_id
from rules.ledger.outcomes import HoldEffect
from rules.ledger.records import Estimated, Quote
from rules.ledger.refusals import InsufficientTokens, NotFound
from rules.ledger.requests import EstimateRequest, Quoted
from rules.pricing.rating import LineRequest
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from rules.pricing.tokens import MICROS
from services.principal import Principal, Scope
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT, ACCOUNT_ID, HOLD_ID, NOON, SECRET, TENANT, Stage, a_balance, a_hold

SHOWN = "total affordable blockers { __typename } priceBook { version }"
LOCK = f"""mutation($input: EstimateInput!) {{ estimate(input: $input) {{ __typename
    ... on EstimateSuccess {{ estimate {{ {SHOWN} }} quote {{ id expiresAt estimate {{ {SHOWN} }} }} }}
    ... on Problem {{ code message }}
}} }}"""
QUOTE_ID = public_id(IdKind.QUOTE, ACCOUNT, 7)


async def test_the_mutation_locks_the_price_that_it_shows(ask: Ask, stage: Stage) -> None:
    short = Estimated(5 * MICROS, 0, (), 3, affordable=False, blockers=(InsufficientTokens(5 * MICROS, 1),))
    stage.fares.answers["quote"] = Quote(ACCOUNT, 7, NOON, short)

    result = await ask(LOCK, input={"lines": [{"model": "flux"}], "accountExternalId": "alice", "project": "film"})

    assert stage.fares.request == EstimateRequest(TENANT, (LineRequest("flux"),), account_id=ACCOUNT, project="film")
    assert result.errors is None
    shown = {
        "total": "5",
        "affordable": False,
        "blockers": [{"__typename": "InsufficientTokens"}],
        "priceBook": {"version": 3},
    }
    assert result.data is not None
    assert result.data["estimate"] == {
        "__typename": "EstimateSuccess",
        "estimate": shown,
        "quote": {"id": QUOTE_ID, "expiresAt": "2026-03-01T12:00:00Z", "estimate": shown},
    }


async def test_the_query_locks_nothing(ask: Ask, stage: Stage) -> None:
    stage.fares.answers["estimate"] = Estimated(5, 0, (), 3)

    result = await ask("{ estimate(input: {amount: 1}) { ... on EstimateSuccess { quote { id } } } }")

    assert result.data == {"estimate": {"quote": None}}


@pytest.mark.parametrize(
    "refusal", [UnknownModel("x", ()), InvalidParams("x", None, "m"), NotFound("account"), InvalidInput("f", "m")]
)
async def test_every_refusal_of_a_quote_is_a_member_of_its_result(ask: Ask, stage: Stage, refusal: Any) -> None:
    stage.fares.answers["quote"] = refusal

    result = await ask(LOCK, input={"amount": 1})

    assert result.errors is None
    assert result.data is not None
    assert result.data["estimate"]["__typename"] == type(refusal).__name__


@pytest.mark.parametrize("work", [{}, {"lines": [], "amount": 1}])
async def test_bad_input_is_told_as_by_the_query(ask: Ask, stage: Stage, work: Any) -> None:
    known = await ask(LOCK, input={"accountExternalId": "alice"} | work)
    unknown = await ask(LOCK, input={"accountExternalId": "nobody"} | work)

    kinds = [result.data and result.data["estimate"]["__typename"] for result in (known, unknown)]
    assert kinds == ["InvalidInput", "NotFound"]
    assert stage.fares.calls == []


async def test_who_only_reads_estimates_and_locks_nothing(ask: Ask, stage: Stage) -> None:
    reader = Principal(SECRET.kind, (Scope.READ,), SECRET.tenant_id)
    stage.fares.answers["estimate"] = Estimated(5, 0, (), 3)

    asked = await ask("{ estimate(input: {amount: 1}) { __typename } }", reader)
    locked = await ask(LOCK, reader, input={"amount": 1})

    assert asked.errors is None
    assert locked.errors is not None
    assert locked.errors[0].extensions == {"code": "FORBIDDEN"}


@pytest.mark.parametrize("id", [QUOTE_ID, HOLD_ID, "", "nonsense", "\ud800"])
async def test_a_quote_is_work_and_is_judged_by_the_service_whatever_its_id(ask: Ask, stage: Stage, id: str) -> None:
    """Only there a known key comes first."""
    effect = HoldEffect(a_hold(), a_balance())
    stage.fares.answers |= {"reserve": effect, "charge": effect, "extend": effect}
    whose = {"idempotencyKey": "k", "accountId": ACCOUNT_ID, "work": {"quoteId": id}}

    for verb, kind, given in (
        ("reserve", "ReserveInput", whose),
        ("charge", "ReserveInput", whose),
        ("extend", "ExtendInput", {"idempotencyKey": "k", "holdId": HOLD_ID, "work": {"quoteId": id}}),
    ):
        result = await ask(f"mutation($i: {kind}!) {{ {verb}(input: $i) {{ __typename }} }}", i=given)
        assert result.errors is None

    assert [call[1][0].work for call in stage.fares.calls] == [Quoted(id)] * 3


@pytest.mark.parametrize(
    "work", [{"quoteId": QUOTE_ID, "amount": "1"}, {"quoteId": QUOTE_ID, "lines": []}, {"quoteId": None}]
)
async def test_a_quote_stands_alone(ask: Ask, stage: Stage, work: Any) -> None:
    given = {"idempotencyKey": "k", "accountId": ACCOUNT_ID, "work": work}

    result = await ask("mutation($i: ReserveInput!) { reserve(input: $i) { __typename } }", i=given)

    assert result.errors is not None
    assert stage.fares.calls == []


async def test_a_quote_is_no_node(ask: Ask) -> None:
    result = await ask(f'{{ node(id: "{QUOTE_ID}") {{ id }} }}')

    assert (result.errors, result.data) == (None, {"node": None})
