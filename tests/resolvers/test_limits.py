"""Limits over the API: how they are set, and how they are shown."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from rules.identity import IdKind, parse_public_id, public_id
from rules.ledger.burn_down import Spender
from rules.ledger.commands import LimitSetting
from rules.ledger.kinds import LimitPeriod, LimitScope, MemberRole
from rules.ledger.outcomes import LimitsEffect
from rules.ledger.refusals import LimitReached, NotFound, RateLimited
from rules.ledger.spending import NO_LIMIT
from rules.ledger.team import Member
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT, ACCOUNT_ID, HOLD_ID, NOON, SECRET, TENANT, Stage, a_balance, a_limit

MEMBER = UUID(int=7)
MEMBER_ID = public_id(IdKind.MEMBER, ACCOUNT, part=MEMBER)
NOBODY = UUID(int=0)
STATUS = """{ accountId version asOf scope period memberId project limit consumed remaining level resetsAt }"""
SHOWN: dict[str, Any] = {
    "accountId": ACCOUNT_ID,
    "version": 9,
    "asOf": "2026-03-01T12:00:00Z",
    "scope": "ACCOUNT",
    "period": "DAY",
    "memberId": None,
    "project": None,
    "limit": "50",
    "consumed": "35",
    "remaining": "15",
    "level": "OK",
    "resetsAt": "2026-03-02T00:00:00Z",
}
SET = f"""mutation($input: SetLimitInput!) {{ setLimit(input: $input) {{ __typename
    ... on LimitSuccess {{ limit {STATUS} }} ... on InvalidInput {{ field }} ... on Problem {{ code }} }} }}"""
SET_ALL = """mutation($input: SetLimitsInput!) { setLimits(input: $input) { __typename
    ... on SetLimitsSuccess { limits { scope period } } ... on InvalidInput { field } ... on Problem { code } } }"""
LIMITS = f"""query($id: ID!, $member: ID, $project: String) {{ account(id: $id) {{
    limits(memberId: $member, project: $project) {STATUS} }} }}"""


def an_effect(*statuses: Any) -> LimitsEffect:
    return LimitsEffect(statuses, a_balance())


@pytest.mark.parametrize(
    ("given", "setting"),
    [
        ({"scope": "ACCOUNT", "limit": "50"}, LimitSetting(LimitScope.ACCOUNT, LimitPeriod.DAY, limit=50 * MICROS)),
        ({"scope": "ACCOUNT", "limit": None}, LimitSetting(LimitScope.ACCOUNT, LimitPeriod.DAY)),
        ({"scope": "ACCOUNT"}, LimitSetting(LimitScope.ACCOUNT, LimitPeriod.DAY)),
        ({"scope": "MEMBER", "limit": -1}, LimitSetting(LimitScope.MEMBER, LimitPeriod.DAY, limit=NO_LIMIT)),
        ({"scope": "ACCOUNT", "limit": "-0.000001"}, LimitSetting(LimitScope.ACCOUNT, LimitPeriod.DAY, limit=-2)),
        ({"scope": "ACCOUNT", "limit": -2}, LimitSetting(LimitScope.ACCOUNT, LimitPeriod.DAY, limit=-2 * MICROS)),
        (
            {"scope": "MEMBER", "memberId": MEMBER_ID, "limit": 0},
            LimitSetting(LimitScope.MEMBER, LimitPeriod.DAY, MEMBER, limit=0),
        ),
        (
            {"scope": "PROJECT", "project": "film", "limit": "9007199254.740993"},
            LimitSetting(LimitScope.PROJECT, LimitPeriod.DAY, None, "film", 2**53 + 1),
        ),
        ({"scope": "MEMBER", "memberId": "mem_x"}, LimitSetting(LimitScope.MEMBER, LimitPeriod.DAY, NOBODY)),
        (
            {"scope": "MEMBER", "memberId": public_id(IdKind.MEMBER, TENANT, part=MEMBER)},
            LimitSetting(LimitScope.MEMBER, LimitPeriod.DAY, NOBODY),
        ),
    ],
)
async def test_a_limit_is_set_as_the_input_says(
    ask: Ask, stage: Stage, given: dict[str, Any], setting: LimitSetting
) -> None:
    stage.limits.answers["set"] = an_effect(a_limit())

    result = await ask(SET, input={"accountId": ACCOUNT_ID, "period": "DAY", **given})

    assert stage.limits.calls == [("set", (TENANT, ACCOUNT, setting), {"by": SECRET})]
    assert result.data == {"setLimit": {"__typename": "LimitSuccess", "limit": SHOWN}}


async def test_many_are_set_at_once(ask: Ask, stage: Stage) -> None:
    stage.limits.answers["set_all"] = an_effect(a_limit(), a_limit(period=LimitPeriod.TOTAL, resets_at=None))
    limits = [{"scope": "ACCOUNT", "period": "DAY", "limit": 5}, {"scope": "ACCOUNT", "period": "TOTAL"}]

    result = await ask(SET_ALL, input={"accountId": ACCOUNT_ID, "limits": limits})

    settings = [
        LimitSetting(LimitScope.ACCOUNT, LimitPeriod.DAY, limit=5 * MICROS),
        LimitSetting(LimitScope.ACCOUNT, LimitPeriod.TOTAL),
    ]
    assert stage.limits.calls == [("set_all", (TENANT, ACCOUNT, settings), {"by": SECRET})]
    shown = [{"scope": "ACCOUNT", "period": "DAY"}, {"scope": "ACCOUNT", "period": "TOTAL"}]
    assert result.data == {"setLimits": {"__typename": "SetLimitsSuccess", "limits": shown}}


async def test_refusals_are_told(ask: Ask, stage: Stage) -> None:
    given: dict[str, Any] = {"accountId": ACCOUNT_ID, "scope": "ACCOUNT", "period": "DAY", "limit": 1}
    stage.limits.answers |= {"set": InvalidInput("limit", "m"), "set_all": NotFound("member")}
    invalid = await ask(SET, input=given)
    assert invalid.data == {"setLimit": {"__typename": "InvalidInput", "field": "limit", "code": "INVALID_INPUT"}}
    missing = await ask(SET_ALL, input={"accountId": ACCOUNT_ID, "limits": []})
    assert missing.data == {"setLimits": {"__typename": "NotFound", "code": "NOT_FOUND"}}
    for document, more in ((SET, {"scope": "ACCOUNT", "period": "DAY"}), (SET_ALL, {"limits": []})):
        nowhere = await ask(document, input={"accountId": HOLD_ID, **more})
        assert list((nowhere.data or {}).values()) == [{"__typename": "NotFound", "code": "NOT_FOUND"}]


async def test_an_accounts_limits_are_read_for_whom_they_are_asked(ask: Ask, stage: Stage) -> None:
    status = a_limit(scope=LimitScope.MEMBER, member_id=MEMBER, limit=None, period=LimitPeriod.TOTAL, resets_at=None)
    stage.reads.answers |= {
        "member": Member(MEMBER, "ada", "Ada", MemberRole.MEMBER, NOON),
        "limits": lambda tenant, account, spender: (a_limit(), status),
    }

    result = await ask(LIMITS, id=ACCOUNT_ID, member=MEMBER_ID, project="film")

    assert stage.reads.calls[-1] == ("limits", (TENANT, ACCOUNT, Spender(MEMBER, "film")), {})
    unlimited = {"scope": "MEMBER", "period": "TOTAL", "memberId": MEMBER_ID, "limit": None, "remaining": None}
    assert result.data == {"account": {"limits": [SHOWN, SHOWN | unlimited | {"resetsAt": None}]}}


@pytest.mark.parametrize("member", [HOLD_ID, "x", public_id(IdKind.MEMBER, TENANT, part=MEMBER), MEMBER_ID])
async def test_the_limits_of_nobody_are_an_error_of_the_caller(ask: Ask, stage: Stage, member: str) -> None:
    result = await ask(LIMITS, id=ACCOUNT_ID, member=member)

    assert result.errors is not None
    assert (result.errors[0].extensions or {})["code"] == "BAD_USER_INPUT"


async def test_each_limit_has_an_id_of_its_own_for_good(ask: Ask, stage: Stage) -> None:
    statuses = [
        a_limit(),
        a_limit(period=LimitPeriod.WEEK),
        a_limit(scope=LimitScope.MEMBER),
        a_limit(scope=LimitScope.MEMBER, member_id=MEMBER),
        a_limit(scope=LimitScope.PROJECT, project="film"),
        a_limit(scope=LimitScope.PROJECT, project="game"),
        a_limit(version=10, consumed=0, limit=None),
    ]
    stage.reads.answers["limits"] = tuple(statuses)

    result = await ask("query($id: ID!) { account(id: $id) { limits { id } } }", id=ACCOUNT_ID)

    ids = [limit["id"] for limit in (result.data or {})["account"]["limits"]]
    assert len(set(ids)) == 6
    assert ids[0] == ids[-1], "whatever it says"
    named = parse_public_id(ids[0])
    assert named is not None
    assert (named.kind, named.owner) == (IdKind.LIMIT, ACCOUNT)
    assert (await ask("query($id: ID!) { node(id: $id) { id } }", id=ids[0])).data == {"node": None}


async def test_a_balance_shows_the_running_day(ask: Ask, stage: Stage) -> None:
    result = await ask(f"query($id: ID!) {{ account(id: $id) {{ balance {{ today {STATUS} }} }} }}", id=ACCOUNT_ID)

    assert result.data == {"account": {"balance": {"today": SHOWN}}}


async def test_what_a_limit_or_the_rate_refuses_is_told(ask: Ask, stage: Stage) -> None:
    document = f"""mutation($input: ReserveInput!) {{ reserve(input: $input) {{ __typename
        ... on LimitReached {{ limit {STATUS} required code }} ... on RateLimited {{ retryAfterSeconds code }} }} }}"""
    given = {"idempotencyKey": "k", "accountId": ACCOUNT_ID, "work": {"amount": 16}}
    stage.fares.answers["reserve"] = LimitReached(a_limit(), 16 * MICROS)
    reached = await ask(document, input=given)
    assert reached.data == {
        "reserve": {"__typename": "LimitReached", "limit": SHOWN, "required": "16", "code": "LIMIT_REACHED"}
    }
    stage.fares.answers["reserve"] = RateLimited(17)
    limited = await ask(document, input=given)
    assert limited.data == {"reserve": {"__typename": "RateLimited", "retryAfterSeconds": 17, "code": "RATE_LIMITED"}}
