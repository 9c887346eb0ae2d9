"""Usage as it is asked and answered; what it comes to is the service's to know."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from rules.identity import IdKind, public_id
from rules.ledger.records import EntryFilter, Page
from rules.ledger.refusals import NotFound
from rules.ledger.usage_reports import Forecast, UsageGroup, UsageReport, UsageRequest, UsageRow, WorkEnds
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from services.principal import SCOPES
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT, NOON, SECRET, TENANT, Stage

USAGE = """query ($input: UsageInput!) { usage(input: $input) {
    rows { date ref model category memberId project tokens refunded uses averagePerUse }
    total operations timeZone asOf
    work { committed cancelled failed filtered timedOut expired failedPercent filteredPercent }
} }"""
MEMBER = UUID(int=77)
MEMBER_ID = public_id(IdKind.MEMBER, ACCOUNT, part=MEMBER)
MAY = {"accountExternalId": "alice", "from": "2026-05-01", "to": "2026-05-31", "groupBy": ["DAY", "MODEL"]}


def a_row(**changes: Any) -> UsageRow:
    row = UsageRow(date(2026, 5, 1), "n1", "flux", "image", MEMBER, "film", 10 * MICROS, 2 * MICROS, 3, 2)
    return replace(row, **changes)


def a_report(*rows: UsageRow, works: WorkEnds | None = None) -> UsageReport:
    return UsageReport(rows, "Asia/Kathmandu", NOON, works)


async def test_a_report_is_shown_whole(ask: Ask, stage: Stage) -> None:
    works = WorkEnds(committed=5, cancelled=1, failed=1, filtered=2, timed_out=1, expired=1)
    stage.usage.answers["report"] = a_report(a_row(), a_row(charged=0, uses=0, operations=0), works=works)

    result = await ask(USAGE, input=MAY)

    assert result.errors is None
    usage = (result.data or {})["usage"]
    assert usage["rows"][0] == {
        "date": "2026-05-01",
        "ref": "n1",
        "model": "flux",
        "category": "image",
        "memberId": MEMBER_ID,
        "project": "film",
        "tokens": "8",
        "refunded": "2",
        "uses": 3,
        "averagePerUse": "2.666667",
    }
    assert (usage["rows"][1]["tokens"], usage["rows"][1]["averagePerUse"]) == ("-2", None)
    assert (usage["total"], usage["operations"]) == ("6", 2)
    assert (usage["timeZone"], usage["asOf"]) == ("Asia/Kathmandu", "2026-03-01T12:00:00Z")
    assert usage["work"] == {
        "committed": 5,
        "cancelled": 1,
        "failed": 1,
        "filtered": 2,
        "timedOut": 1,
        "expired": 1,
        "failedPercent": "18.2",
        "filteredPercent": "18.2",
    }


async def test_what_is_asked_is_passed_on(ask: Ask, stage: Stage) -> None:
    stage.usage.answers["report"] = a_report()

    result = await ask(USAGE, input={**MAY, "memberId": MEMBER_ID, "project": "film", "model": "flux"})

    assert (result.data or {})["usage"]["rows"] == []
    assert (result.data or {})["usage"]["work"] is None
    groups = frozenset({UsageGroup.DAY, UsageGroup.MODEL})
    wanted = UsageRequest(TENANT, ACCOUNT, date(2026, 5, 1), date(2026, 5, 31), groups, MEMBER, "film", "flux")
    assert stage.usage.calls == [("report", (wanted,), {})]


async def test_an_unknown_account_has_no_report(ask: Ask, stage: Stage) -> None:
    stage.usage.answers["report"] = NotFound("account")

    by_name = await ask(USAGE, input=MAY)
    by_id = await ask(USAGE, input={**MAY, "accountExternalId": None, "accountId": "acc_nonsense"})

    for result in (by_name, by_id):
        assert (result.errors, result.data) == (None, {"usage": None})


@pytest.mark.parametrize(
    "changes",
    [
        {"accountExternalId": None},
        {"accountId": public_id(IdKind.ACCOUNT, ACCOUNT)},
        {"memberId": "mem_nonsense"},
        {"memberId": public_id(IdKind.MEMBER, UUID(int=9), part=MEMBER)},
        {"from": "2026-05-1"},
        {"from": "20260501"},
        {"to": "2026-02-30"},
        {"to": 20260501},
        {"groupBy": ["HOUR"]},
    ],
)
async def test_bad_input_is_a_coded_error(ask: Ask, stage: Stage, changes: dict[str, Any]) -> None:
    result = await ask(USAGE, input={**MAY, **changes})

    assert result.errors is not None
    assert stage.usage.calls == []


async def test_what_cannot_be_told_names_the_field(ask: Ask, stage: Stage) -> None:
    stage.usage.answers["report"] = InvalidInput("groupBy", "ask for less")

    result = await ask(USAGE, input=MAY)

    assert result.errors is not None
    assert result.errors[0].message == "`groupBy`: ask for less."
    assert result.errors[0].extensions == {"code": "BAD_USER_INPUT"}


async def test_more_uses_than_an_int_can_tell_are_refused_and_not_cut(ask: Ask, stage: Stage) -> None:
    stage.usage.answers["report"] = a_report(a_row(uses=2**31))

    result = await ask(USAGE, input=MAY)

    assert result.errors is not None
    assert result.errors[0].extensions == {"code": "BAD_USER_INPUT"}


async def test_a_credential_of_one_account_asks_of_its_own_and_no_other(ask: Ask, stage: Stage) -> None:
    own = replace(SECRET, account_id=ACCOUNT)
    stage.usage.answers["report"] = a_report()

    silent = await ask(USAGE, own, input={**MAY, "accountExternalId": None})
    other = await ask(USAGE, own, input={**MAY, "accountExternalId": "bob"})

    assert silent.errors is None
    assert [arguments[0].account_id for _, arguments, _ in stage.usage.calls] == [ACCOUNT]
    assert other.data == {"usage": None}


async def test_who_may_not_read_may_not_ask(ask: Ask, stage: Stage) -> None:
    nobody = await ask(USAGE, None, input=MAY)
    root = await ask(USAGE, replace(SECRET, scopes=SCOPES[SECRET.kind.ROOT], tenant_id=None), input=MAY)

    codes = [(result.errors or [])[0].extensions for result in (nobody, root)]
    assert codes == [{"code": "UNAUTHENTICATED"}, {"code": "FORBIDDEN"}]
    assert stage.usage.calls == []


async def test_an_account_tells_how_long_its_tokens_last(ask: Ask, stage: Stage) -> None:
    stage.usage.answers["forecast"] = Forecast(1_500_000, 28, 40, date(2026, 4, 10))

    result = await ask('{ account(externalId: "alice") { forecast { averagePerDay daysLeft runsOutOn basis } } }')

    assert (result.data or {})["account"]["forecast"] == {
        "averagePerDay": "1.5",
        "daysLeft": 40,
        "runsOutOn": "2026-04-10",
        "basis": 28,
    }
    assert stage.usage.calls == [("forecast", (TENANT, ACCOUNT), {})]


async def test_entries_of_one_member(ask: Ask, stage: Stage) -> None:
    stage.reads.answers["entries"] = Page((), has_more=False)
    document = 'query ($id: ID) { account(externalId: "alice") { entries(memberId: $id) { nodes { id } } } }'

    await ask(document, id=MEMBER_ID)
    of_a_stranger = await ask(document, id=public_id(IdKind.MEMBER, UUID(int=9), part=MEMBER))

    assert [arguments[3] for name, arguments, _ in stage.reads.calls] == [EntryFilter(member_id=MEMBER)]
    assert (of_a_stranger.errors or [])[0].extensions == {"code": "BAD_USER_INPUT"}
