from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from rules.identity import IdKind, public_id
from rules.ledger.alerting import AlertEvent, Alerting
from rules.ledger.kinds import AlertKind, LimitScope
from rules.ledger.records import EVERYONE, AlertFilter, Page, Slice
from rules.ledger.refusals import NotFound
from rules.ledger.spending import Scope
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT, ACCOUNT_ID, NOON, SECRET, TENANT, AnAccount, Stage

SET = """mutation($input: SetAlertsInput!) { setAlerts(input: $input) { __typename
    ... on AccountSuccess { account { id } } ... on InvalidInput { field } } }"""
EVENT = """{ id accountId kind at version available thresholdPercent thresholdTokens rearmedAt scope project consumed
    limit grantId amount expiresAt }"""
ALERT_ID = public_id(IdKind.ALERT, ACCOUNT, 2)


def an_event(event_id: int = 2, **changes: Any) -> AlertEvent:
    facts: dict[str, Any] = {"kind": AlertKind.LOW_BALANCE, "at": NOON, "version": 9, "available": 15 * MICROS}
    return AlertEvent(event_id=event_id, **facts | changes)


def shown(**changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = dict.fromkeys(EVENT.strip("{ }").split())
    return {
        **facts,
        "id": ALERT_ID,
        "accountId": ACCOUNT_ID,
        "kind": "LOW_BALANCE",
        "at": "2026-03-01T12:00:00Z",
        "version": 9,
        "available": "15",
        **changes,
    }


async def test_an_account_shows_what_it_is_warned_of(stage: Stage, ask: Ask) -> None:
    stage.reads.answers["alert_settings"] = Alerting((50, 5), (2_500_000,), (90,))

    result = await ask(
        "query($id: ID!) { account(id: $id) { alerts { lowBalancePercents lowBalanceTokens dailyLimitPercents } } }",
        id=ACCOUNT_ID,
    )

    assert result.errors is None
    assert result.data == {
        "account": {"alerts": {"lowBalancePercents": [50, 5], "lowBalanceTokens": ["2.5"], "dailyLimitPercents": [90]}}
    }


@pytest.mark.parametrize(
    ("event", "as_shown"),
    [
        (an_event(threshold_percent=20), shown(thresholdPercent=20)),
        (
            an_event(threshold_tokens=2_500_000, rearmed_at=NOON + timedelta(hours=1)),
            shown(thresholdTokens="2.5", rearmedAt="2026-03-01T13:00:00Z"),
        ),
        (
            an_event(
                kind=AlertKind.DAY_LIMIT,
                threshold_percent=80,
                scope=Scope(LimitScope.PROJECT, None, "film"),
                consumed=80 * MICROS,
                limit=100 * MICROS,
                expires_at=NOON,
            ),
            shown(
                kind="DAY_LIMIT",
                thresholdPercent=80,
                scope="PROJECT",
                project="film",
                consumed="80",
                limit="100",
                expiresAt="2026-03-01T12:00:00Z",
            ),
        ),
        (
            an_event(kind=AlertKind.GRANT_EXPIRING, grant_id=1, amount=MICROS, expires_at=NOON),
            shown(
                kind="GRANT_EXPIRING",
                grantId=public_id(IdKind.GRANT, ACCOUNT, 1),
                amount="1",
                expiresAt="2026-03-01T12:00:00Z",
            ),
        ),
    ],
    ids=["percent", "tokens", "day limit", "expiring"],
)
async def test_an_event_is_shown_with_what_its_kind_has_and_found_by_its_id(
    stage: Stage, ask: Ask, event: AlertEvent, as_shown: dict[str, Any]
) -> None:
    stage.reads.answers["alert_event"] = event
    stage.reads.answers["alert_events"] = Page((event,), False)

    result = await ask(
        f"""query($id: ID!, $account: ID!) {{ node(id: $id) {{ ... on AlertEvent {EVENT} }}
            account(id: $account) {{ alertEvents {{ nodes {EVENT} }} }} }}""",
        id=ALERT_ID,
        account=ACCOUNT_ID,
    )

    assert result.errors is None
    assert result.data == {"node": as_shown, "account": {"alertEvents": {"nodes": [as_shown]}}}
    assert stage.reads.calls[0] == ("alert_event", (TENANT, ACCOUNT, 2), {"seen": EVERYONE})


@pytest.mark.parametrize("name", [f'accountId: "{ACCOUNT_ID}"', 'accountExternalId: "alice"'])
async def test_events_are_listed_by_page_kind_and_what_is_still_so(stage: Stage, ask: Ask, name: str) -> None:
    stage.reads.answers["alert_events"] = Page((an_event(7), an_event(6)), True)
    stage.reads.answers["count_alert_events"] = 5

    result = await ask(
        f"""{{ alertEvents({name}, first: 2, after: "YWxlcnRFdmVudHM6OA", kinds: [LOW_BALANCE], activeOnly: true)
            {{ totalCount nodes {{ id }} pageInfo {{ hasNextPage hasPreviousPage endCursor }} }} }}"""
    )

    wanted = AlertFilter(frozenset({AlertKind.LOW_BALANCE}), active_only=True)
    assert result.errors is None
    assert result.data == {
        "alertEvents": {
            "totalCount": 5,
            "nodes": [{"id": public_id(IdKind.ALERT, ACCOUNT, number)} for number in (7, 6)],
            "pageInfo": {"hasNextPage": True, "hasPreviousPage": True, "endCursor": "YWxlcnRFdmVudHM6Ng"},
        }
    }
    assert stage.reads.calls == [
        ("alert_events", (TENANT, ACCOUNT, Slice(2, 8), wanted), {}),
        ("count_alert_events", (TENANT, ACCOUNT, wanted), {}),
    ]


@pytest.mark.parametrize("name", ['accountExternalId: "bob"', 'accountId: "bob"'])
async def test_an_account_that_is_not_there_has_no_list(ask: Ask, name: str) -> None:
    result = await ask(f"{{ alertEvents({name}) {{ totalCount }} }}")

    assert result.errors is None
    assert result.data == {"alertEvents": None}


@pytest.mark.parametrize("names", ["", f'(accountId: "{ACCOUNT_ID}", accountExternalId: "alice")'])
async def test_one_account_must_be_named(ask: Ask, names: str) -> None:
    result = await ask(f"{{ alertEvents{names} {{ totalCount }} }}")

    assert result.errors is not None
    assert result.errors[0].extensions == {"code": "BAD_USER_INPUT"}


async def test_what_is_given_is_set_and_what_is_absent_is_left_alone(stage: Stage, ask: Ask) -> None:
    stage.alerts.answers["set_alerts"] = AnAccount()

    result = await ask(SET, input={"accountId": ACCOUNT_ID, "lowBalancePercents": [5, 50], "lowBalanceTokens": ["2.5"]})
    by_name = await ask(SET, input={"accountExternalId": "alice", "dailyLimitPercents": []})

    success = {"__typename": "AccountSuccess", "account": {"id": ACCOUNT_ID}}
    assert (result.errors, by_name.errors) == (None, None)
    assert result.data == by_name.data == {"setAlerts": success}
    assert stage.alerts.calls == [
        (
            "set_alerts",
            (TENANT, ACCOUNT),
            {"balance_percents": [5, 50], "balance_tokens": [2_500_000], "day_limit_percents": None, "by": SECRET},
        ),
        (
            "set_alerts",
            (TENANT, ACCOUNT),
            {"balance_percents": None, "balance_tokens": None, "day_limit_percents": [], "by": SECRET},
        ),
    ]


@pytest.mark.parametrize("field", ["lowBalancePercents", "lowBalanceTokens", "dailyLimitPercents"])
async def test_null_is_no_list(stage: Stage, ask: Ask, field: str) -> None:
    result = await ask(SET, input={"accountId": ACCOUNT_ID, field: None})

    assert result.errors is None
    assert result.data == {"setAlerts": {"__typename": "InvalidInput", "field": field}}
    assert stage.alerts.calls == []


@pytest.mark.parametrize("more", [{}, {"lowBalancePercents": None}])
async def test_an_account_that_is_not_there_is_told_of_first(stage: Stage, ask: Ask, more: dict[str, Any]) -> None:
    stage.alerts.answers["set_alerts"] = NotFound("account")
    nowhere = public_id(IdKind.ACCOUNT, UUID(int=99))

    result = await ask(SET, input={"accountId": nowhere, **more})

    assert result.errors is None
    assert result.data == {"setAlerts": {"__typename": "NotFound"}}


async def test_an_account_must_be_named(stage: Stage, ask: Ask) -> None:
    result = await ask(SET, input={"lowBalancePercents": [5]})

    assert result.errors is None
    assert result.data == {"setAlerts": {"__typename": "InvalidInput", "field": "accountId"}}


async def test_a_refusal_is_a_member_of_the_result(stage: Stage, ask: Ask) -> None:
    stage.alerts.answers["set_alerts"] = InvalidInput("lowBalanceTokens", "must be different")

    result = await ask(SET, input={"accountId": ACCOUNT_ID, "lowBalanceTokens": ["1", "1"]})

    assert result.errors is None
    assert result.data == {"setAlerts": {"__typename": "InvalidInput", "field": "lowBalanceTokens"}}
