from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from rules.identity import IdKind, account_id_of, public_id
from rules.ledger.kinds import HoldState, OverrunPolicy, WorkOutcome
from rules.ledger.outcomes import HoldEffect
from rules.ledger.records import CaptureView, LineView
from rules.ledger.refusals import (
    AccountFrozen,
    HoldExceeded,
    HoldExpired,
    HoldNotOpen,
    IdempotencyConflict,
    InsufficientTokens,
    NotFound,
    NotRefundable,
    QuoteExpired,
)
from rules.ledger.requests import CommitRequest, ExtendRequest, RefundRequest, ReleaseRequest, ReserveRequest
from rules.pricing.costs import CostStep
from rules.pricing.formulas import PricingType
from rules.pricing.rating import LineRequest
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from rules.pricing.tokens import MICROS
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT, ACCOUNT_ID, HOLD_ID, NOON, TENANT, Stage, a_balance, a_hold

WORK = {"lines": [{"ref": "n1", "model": "flux", "params": {"width": 512}, "count": 3}, {"model": "kling"}]}
LINES = (LineRequest("flux", {"width": 512}, 3, "n1"), LineRequest("kling", {}, 1, None))

PROBLEM = "... on Problem { code message } ... on InvalidInput { field }"

MUTATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "reserve": ("ReserveInput", {"idempotencyKey": "k", "accountId": ACCOUNT_ID, "work": {"amount": "1"}}),
    "charge": ("ReserveInput", {"idempotencyKey": "k", "accountId": ACCOUNT_ID, "work": {"amount": "1"}}),
    "commit": ("CommitInput", {"idempotencyKey": "k", "holdId": HOLD_ID}),
    "release": ("ReleaseInput", {"idempotencyKey": "k", "holdId": HOLD_ID}),
    "extend": ("ExtendInput", {"idempotencyKey": "k", "holdId": HOLD_ID}),
    "refund": ("RefundInput", {"idempotencyKey": "k", "holdId": HOLD_ID}),
}


async def act(ask: Ask, verb: str, selection: str = "__typename", **changes: Any) -> Any:
    input_type, given = MUTATIONS[verb]
    document = f"mutation($input: {input_type}!) {{ {verb}(input: $input) {{ __typename {selection} }} }}"
    result = await ask(document, input=given | changes)
    assert result.errors is None, result.errors
    return result.data[verb]


async def test_a_reserve_asks_for_what_the_input_says(ask: Ask, stage: Stage) -> None:
    stage.fares.answers["reserve"] = HoldEffect(a_hold(), a_balance())

    answer = await act(
        ask,
        "reserve",
        "... on ReserveSuccess { hold { id accountId amount remaining state expiresAt } "
        "balance { id accountId version available held level remainingPercent asOf } replayed }",
        work=WORK,
        ttlSeconds=60,
        project="film",
        notAfter="2026-03-01T13:00:00+01:00",
        description="a clip",
    )

    assert stage.fares.request == ReserveRequest(
        TENANT,
        ACCOUNT,
        key="k",
        work=LINES,
        ttl_seconds=60,
        project="film",
        not_after=datetime(2026, 3, 1, 12, tzinfo=UTC),
        description="a clip",
    )
    assert answer == {
        "__typename": "ReserveSuccess",
        "hold": {
            "id": HOLD_ID,
            "accountId": ACCOUNT_ID,
            "amount": "35",
            "remaining": "35",
            "state": "OPEN",
            "expiresAt": "2026-03-01T12:15:00Z",
        },
        "balance": {
            "id": public_id(IdKind.BALANCE, ACCOUNT),
            "accountId": ACCOUNT_ID,
            "version": 9,
            "available": "65",
            "held": "35",
            "level": "GREEN",
            "remainingPercent": 65,
            "asOf": "2026-03-01T12:00:00Z",
        },
        "replayed": False,
    }


async def test_an_absent_or_null_time_to_live_is_the_default_one(ask: Ask, stage: Stage) -> None:
    stage.fares.answers["reserve"] = HoldEffect(a_hold(), a_balance())

    await act(ask, "reserve")
    await act(ask, "reserve", ttlSeconds=None)

    assert [call[1][0].ttl_seconds for call in stage.fares.calls] == [900, 900]


async def test_an_account_may_be_named_by_the_tenants_own_name(ask: Ask, stage: Stage) -> None:
    stage.fares.answers["reserve"] = HoldEffect(a_hold(), a_balance())

    await act(ask, "reserve", accountId=None, accountExternalId="alice")

    assert stage.fares.request.account_id == ACCOUNT == account_id_of(TENANT, "alice")


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ({"accountId": ACCOUNT_ID, "accountExternalId": "alice"}, "INVALID_INPUT"),
        ({"accountId": None}, "INVALID_INPUT"),
        ({"accountId": "no id"}, "NOT_FOUND"),
        ({"accountId": HOLD_ID}, "NOT_FOUND"),
        ({"accountId": None, "accountExternalId": ""}, "NOT_FOUND"),
        ({"accountId": None, "accountExternalId": "a" * 256}, "NOT_FOUND"),
        ({"accountId": None, "accountExternalId": "\ud800"}, "NOT_FOUND"),
    ],
)
async def test_an_account_must_be_named_in_one_way(ask: Ask, stage: Stage, named: dict[str, Any], code: str) -> None:
    for verb in ("reserve", "charge"):
        answer = await act(ask, verb, PROBLEM, **named)

        assert answer["code"] == code
    assert stage.fares.calls == []


async def test_a_charge_takes_the_same_input(ask: Ask, stage: Stage) -> None:
    stage.fares.answers["charge"] = HoldEffect(a_hold(), a_balance(), amount=5 * MICROS, uncovered=1)

    answer = await act(ask, "charge", "... on CommitSuccess { amount uncovered replayed }", work={"amount": 5})

    assert stage.fares.request == ReserveRequest(TENANT, ACCOUNT, key="k", work=5 * MICROS)
    assert answer == {"__typename": "CommitSuccess", "amount": "5", "uncovered": "0.000001", "replayed": False}


async def test_a_commit_without_actual_captures_all_that_remains(ask: Ask, stage: Stage) -> None:
    stage.fares.answers["commit"] = HoldEffect(a_hold(), a_balance(), replayed=True)

    answer = await act(ask, "commit", "... on CommitSuccess { replayed }")

    assert stage.fares.request == CommitRequest(TENANT, ACCOUNT, key="k", hold_id=7)
    assert answer["replayed"] is True


async def test_a_commit_asks_for_what_the_input_says(ask: Ask, stage: Stage) -> None:
    stage.fares.answers["commit"] = HoldEffect(a_hold(), a_balance())

    await act(ask, "commit", actual=WORK, final=False, overrun="CHARGE_AVAILABLE")
    await act(ask, "commit", actual={"amount": 0}, final=None, overrun=None)

    first, second = (call[1][0] for call in stage.fares.calls)
    assert (first.actual, first.final, first.overrun) == (LINES, False, OverrunPolicy.CHARGE_AVAILABLE)
    assert (second.actual, second.final, second.overrun) == (0, True, OverrunPolicy.REFUSE)


async def test_release_extend_and_refund_ask_for_what_their_inputs_say(ask: Ask, stage: Stage) -> None:
    effect = HoldEffect(a_hold(state=HoldState.RELEASED, outcome=WorkOutcome.FILTERED, ended_at=NOON), a_balance())
    stage.fares.answers |= {"release": effect, "extend": effect, "refund": effect}

    released = await act(
        ask, "release", "... on ReleaseSuccess { hold { state outcome endedAt } }", outcome="FILTERED", note="n"
    )
    await act(ask, "extend", ttlSeconds=60, work={"amount": "2.5"})
    await act(ask, "refund", amount="2.5", reason="bad")

    assert released["hold"] == {"state": "RELEASED", "outcome": "FILTERED", "endedAt": "2026-03-01T12:00:00Z"}
    assert [call[1][0] for call in stage.fares.calls] == [
        ReleaseRequest(TENANT, ACCOUNT, key="k", hold_id=7, outcome=WorkOutcome.FILTERED, note="n"),
        ExtendRequest(TENANT, ACCOUNT, key="k", hold_id=7, ttl_seconds=60, work=2_500_000),
        RefundRequest(TENANT, ACCOUNT, key="k", hold_id=7, amount=2_500_000, reason="bad"),
    ]


@pytest.mark.parametrize("verb", ["commit", "release", "extend", "refund"])
@pytest.mark.parametrize("id", ["", "7", ACCOUNT_ID, HOLD_ID + "!", HOLD_ID[:-1], "hold_" + "A" * 10_000])
async def test_what_is_no_holds_id_is_not_found(ask: Ask, stage: Stage, verb: str, id: str) -> None:
    answer = await act(ask, verb, "... on Problem { code message }", holdId=id)

    assert (answer["__typename"], answer["code"]) == ("NotFound", "NOT_FOUND")
    assert "no such hold" in answer["message"]
    assert stage.fares.calls == []


START = [
    InsufficientTokens(2, 1),
    AccountFrozen(),
    UnknownModel("x", ()),
    InvalidParams("x", None, "m"),
    QuoteExpired(NOON),
    HoldExpired(NOON),
    HoldNotOpen(HoldState.RELEASED),
    IdempotencyConflict("k"),
    NotFound("hold"),
    InvalidInput("f", "m"),
]
END = [
    HoldExpired(NOON),
    HoldNotOpen(HoldState.RELEASED),
    IdempotencyConflict("k"),
    NotFound("hold"),
    InvalidInput("f", "m"),
]
REFUSALS = {
    "reserve": START,
    "extend": START,
    "charge": [*START, HoldExceeded(1, 2), NotRefundable(1, 2)],
    "commit": [*START, HoldExceeded(1, 2), NotRefundable(1, 2)],
    "refund": [*START, HoldExceeded(1, 2), NotRefundable(1, 2)],
    "release": END,
}


@pytest.mark.parametrize(
    ("verb", "refusal"),
    [(verb, refusal) for verb, refusals in REFUSALS.items() for refusal in refusals],
    ids=lambda part: part if isinstance(part, str) else type(part).__name__,
)
async def test_every_refusal_of_a_verb_is_a_member_of_its_result(
    ask: Ask, stage: Stage, verb: str, refusal: Any
) -> None:
    stage.fares.answers[verb] = refusal

    answer = await act(ask, verb, "... on Problem { code message }")

    assert answer["__typename"] == type(refusal).__name__
    assert answer["message"]


async def test_what_lies_behind_a_hold_is_read_when_it_is_selected(ask: Ask, stage: Stage) -> None:
    line = LineView(
        "n1", "flux", "image", 2, 5, 10, 4, None, PricingType.FLAT, 3, (CostStep("price", 5), CostStep("2 uses", 5))
    )
    hold = a_hold(captured=10, refunded=4, rounding=1, project="film", description="a clip")
    stage.reads.answers |= {"hold": hold, "hold_lines": (line,), "hold_captures": (CaptureView(10, NOON, (line,)),)}

    result = await ask(
        """query($id: ID!) { hold(id: $id) {
            captured refunded rounding project description outcome endedAt
            lines {
                ref model category count unitCost cost minCost maxCost pricingType priceBookVersion
                steps { label amount }
            }
            captures { amount at lines { model } }
            priceBook { slug version name currency tiers publishedAt }
        } }""",
        id=HOLD_ID,
    )

    assert result.errors is None
    assert result.data is not None
    assert result.data["hold"] == {
        "captured": "0.00001",
        "refunded": "0.000004",
        "rounding": "0.000001",
        "project": "film",
        "description": "a clip",
        "outcome": None,
        "endedAt": None,
        "lines": [
            {
                "ref": "n1",
                "model": "flux",
                "category": "image",
                "count": 2,
                "unitCost": "0.000005",
                "cost": "0.00001",
                "minCost": "0.000004",
                "maxCost": None,
                "pricingType": "FLAT",
                "priceBookVersion": 3,
                "steps": [{"label": "price", "amount": "0.000005"}, {"label": "2 uses", "amount": "0.000005"}],
            }
        ],
        "captures": [{"amount": "0.00001", "at": "2026-03-01T12:00:00Z", "lines": [{"model": "flux"}]}],
        "priceBook": {
            "slug": "studio",
            "version": 3,
            "name": "Studio",
            "currency": "usd",
            "tiers": ["free", "pro"],
            "publishedAt": "2026-03-01T12:00:00Z",
        },
    }
    assert [call[:2] for call in stage.reads.calls] == [
        ("hold", (TENANT, ACCOUNT, 7)),
        ("hold_lines", (TENANT, ACCOUNT, hold)),
        ("hold_captures", (TENANT, ACCOUNT, hold)),
    ]


async def test_nothing_is_read_for_a_reserve_that_asks_for_its_own_facts(ask: Ask, stage: Stage) -> None:
    stage.fares.answers["reserve"] = HoldEffect(a_hold(), a_balance())

    await act(ask, "reserve", "... on ReserveSuccess { hold { id amount } balance { available } }")

    assert stage.reads.calls == []
    assert stage.price_books.calls == []


BAD_AMOUNTS = [
    "1.5",
    "1e3",
    '"NaN"',
    '"1e3"',
    "true",
    "null",
    "9223372036854775808",
    '"0.0000001"',
    '"1\\u0000"',
    "[1]",
]


@pytest.mark.parametrize("amount", BAD_AMOUNTS)
async def test_an_amount_out_of_form_never_reaches_the_service(ask: Ask, stage: Stage, amount: str) -> None:
    result = await ask(
        f'mutation {{ reserve(input: {{idempotencyKey: "k", accountId: "a", work: {{amount: {amount}}}}}) '
        "{ __typename } }"
    )

    assert result.errors
    assert stage.fares.calls == []


@pytest.mark.parametrize(
    "work",
    [{}, {"lines": [], "amount": "1"}, {"lines": None}, {"amount": None}, {"amount": "1", "lines": None}, None, [], 5],
)
async def test_work_is_exactly_one_thing(ask: Ask, stage: Stage, work: Any) -> None:
    given = MUTATIONS["reserve"][1] | {"work": work}
    result = await ask("mutation($input: ReserveInput!) { reserve(input: $input) { __typename } }", input=given)

    assert result.data is None
    assert result.errors
    assert stage.fares.calls == []


@pytest.mark.parametrize("count", [2**31, 1.5, "1", True])
async def test_a_count_is_a_whole_number_of_32_bits(ask: Ask, stage: Stage, count: Any) -> None:
    given = MUTATIONS["reserve"][1] | {"work": {"lines": [{"model": "flux", "count": count}]}}
    result = await ask("mutation($input: ReserveInput!) { reserve(input: $input) { __typename } }", input=given)

    assert result.data is None
    assert stage.fares.calls == []
