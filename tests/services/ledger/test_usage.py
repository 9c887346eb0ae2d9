"""Usage reports equal the journal to the unit, whatever they are grouped by, and cost no more with more entries."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import chain, combinations
from typing import Any
from uuid import UUID, uuid4

import pytest

from models.database import Database
from models.statements import statement
from rules.ledger.commands import AdjustAccount
from rules.ledger.kinds import EntryKind
from rules.ledger.local_days import local_day_of
from rules.ledger.records import EntryFilter, Slice
from rules.ledger.refusals import NotFound
from rules.ledger.state import UNLIMITED
from rules.ledger.usage_reports import (
    DATES,
    ROWS_MAX,
    UsageGroup,
    UsageReport,
    UsageRequest,
    UsageRow,
    WorkEnds,
)
from rules.pricing.refusals import InvalidInput
from services.ledger import usage
from services.ledger.audit import audit
from services.ledger.reads import LedgerReads
from services.ledger.usage import Usage
from services.price_books import PriceBooks
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import Cashier, held, move_clock, rows_of, value_of
from tests.services.ledger.teams_at_work import DAYS, Fact, Team, facts_of, three_teams, work_for_thirty_days

G = UsageGroup
TODAY = datetime.now(UTC).date()


@pytest.fixture
def reads(database: Database, cashier: Cashier) -> LedgerReads:
    return LedgerReads(database, cashier.writer, PriceBooks(database))


@pytest.fixture
def reports(database: Database, reads: LedgerReads) -> Usage:
    return Usage(database, reads)


def groupings() -> list[frozenset[UsageGroup]]:
    """Everything that a report can be grouped by: one kind of date or none, and any of the others."""
    others = (G.MODEL, G.CATEGORY, G.MEMBER, G.PROJECT, G.REF)
    some = chain.from_iterable(combinations(others, number) for number in range(len(others) + 1))
    return [frozenset(chosen) | dated for chosen in some for dated in (frozenset(), *({day} for day in DATES))]


def summed(facts: Iterable[Fact], groups: frozenset[UsageGroup]) -> dict[tuple[Any, ...], list[int]]:
    """The journal's facts added up, by what is grouped by."""
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for fact in facts:
        day = None
        if G.DAY in groups:
            day = fact.day
        elif G.WEEK in groups:
            day = fact.day - timedelta(days=fact.day.weekday())
        elif G.MONTH in groups:
            day = fact.day.replace(day=1)
        key = (
            day,
            fact.ref if G.REF in groups else None,
            fact.model if G.MODEL in groups else None,
            fact.category if G.CATEGORY in groups else None,
            fact.member_id if G.MEMBER in groups else None,
            fact.project if G.PROJECT in groups else None,
        )
        for index, figure in enumerate((fact.charged, fact.refunded, fact.uses, fact.operations)):
            sums[key][index] += figure
    return dict(sums)


def told(rows: Iterable[UsageRow]) -> dict[tuple[Any, ...], list[int]]:
    """A report's rows in the same form."""
    return {
        (row.day, row.ref, row.model, row.category, row.member_id, row.project): [
            row.charged,
            row.refunded,
            row.uses,
            row.operations,
        ]
        for row in rows
    }


async def a_report(reports: Usage, request: UsageRequest) -> UsageReport:
    report = await reports.report(request)
    assert isinstance(report, UsageReport), report
    return report


async def test_thirty_days_of_three_teams_equal_the_journal_by_every_grouping(
    database: Database, cashier: Cashier, reports: Usage, reads: LedgerReads
) -> None:
    teams = await three_teams(database, cashier)
    await work_for_thirty_days(database, cashier, teams)

    for team in teams:
        await reads.read(cashier.tenant_id, team.account_id)
        facts = await facts_of(database, team)
        days = sorted({fact.day for fact in facts})
        assert len(days) >= DAYS
        assert {fact.operations for fact in facts} == {0, 1}
        assert sum(fact.refunded > 0 for fact in facts) > 10
        since, until = days[0], days[0] + timedelta(days=30)
        within = [fact for fact in facts if since <= fact.day <= until]
        for groups in groupings():
            request = UsageRequest(cashier.tenant_id, team.account_id, since, until, groups)
            report = await a_report(reports, request)
            assert told(report.rows) == summed(within, groups), sorted(groups)
            assert report.tokens == sum(fact.charged - fact.refunded for fact in within)
            assert report.operations == sum(fact.operations for fact in within)
            order = [(row.day or date.min, -row.tokens) for row in report.rows]
            assert order == sorted(order)
        for narrowed in ({"member_id": team.members[0]}, {"project": "=SUM(A1)"}, {"model": "llm"}):
            ((name, value),) = narrowed.items()
            some = [fact for fact in within if getattr(fact, name) == value]
            assert some
            for groups in (frozenset({G.DAY, G.MODEL}), frozenset({G.REF})):
                request = UsageRequest(cashier.tenant_id, team.account_id, since, until, groups, **narrowed)
                assert told((await a_report(reports, request)).rows) == summed(some, groups)
        spent = sum(fact.charged - fact.refunded for fact in within if fact.member_id == team.members[0])
        assert spent == await reports.usage_of_member(cashier.tenant_id, team.account_id, team.members[0], since, until)
        exported: list[UsageRow] = []
        by_day = UsageRequest(cashier.tenant_id, team.account_id, since, until, frozenset({G.DAY, G.MEMBER}))
        assert await reports.export(by_day, exported.extend) is None
        assert tuple(exported) == (await a_report(reports, by_day)).rows
        of_a_member = EntryFilter(member_id=team.members[0], kinds=frozenset({EntryKind.CAPTURE}))
        count = await reads.count_entries(cashier.tenant_id, team.account_id, of_a_member)
        page = await reads.entries(cashier.tenant_id, team.account_id, Slice(10_000), of_a_member)
        assert count == len(page.rows) == sum(fact.operations for fact in facts if fact.member_id == team.members[0])
        assert {entry.member_id for entry in page.rows} == {team.members[0]}
        whole = sum(fact.charged - fact.refunded for fact in facts)
        unbounded = [
            await reports.usage_of_member(cashier.tenant_id, team.account_id, member, None, None)
            for member in team.members
        ]
        others = sum(fact.charged - fact.refunded for fact in facts if fact.member_id is None)
        assert sum(unbounded) + others == whole
        assert whole == await value_of(
            database, "SELECT sum(spent)::bigint FROM entry WHERE account_id = $1", team.account_id
        )

    york, sydney, flying = teams
    assert await hours_worked_through(database, york) == {23, 24}
    assert await hours_worked_through(database, sydney) == {24, 25}
    assert len({zone for _, zone in flying.zones}) == 5
    assert await audit(database) == ()


async def test_a_day_ends_at_the_accounts_midnight_and_stays_what_it_was(
    database: Database, cashier: Cashier, reports: Usage
) -> None:
    account = await cashier.open(tokens=100)
    await cashier.writer.submit(AdjustAccount(cashier.tenant_id, account, "Pacific/Kiritimati"))
    await cashier.commit(account, await cashier.hold(account, 5))
    there = (datetime.now(UTC) + timedelta(hours=14)).date()
    await cashier.writer.submit(AdjustAccount(cashier.tenant_id, account, "Pacific/Honolulu"))

    request = UsageRequest(
        cashier.tenant_id, account, there - timedelta(days=9), there + timedelta(days=9), frozenset({G.DAY})
    )
    report = await a_report(reports, request)

    assert report.time_zone == "Pacific/Honolulu"
    assert [(row.day, row.tokens) for row in report.rows] in ([(there, 5)], [(there - timedelta(days=1), 5)])


async def test_what_is_due_is_settled_before_it_is_told(database: Database, cashier: Cashier, reports: Usage) -> None:
    account = await cashier.open(tokens=100)
    await cashier.hold(account, 5, ttl_seconds=60)
    await move_clock(database, cashier.tenant_id, 61)

    report = await a_report(reports, this_month(cashier, account))

    assert report.works == WorkEnds(expired=1)


async def test_works_are_told_by_how_they_ended(cashier: Cashier, reports: Usage) -> None:
    account = await cashier.open(tokens=100)
    for _ in range(3):
        await cashier.commit(account, await cashier.hold(account, 2), 1)
    (anna,) = await cashier.add_members(account, "anna")
    held(await cashier.release(account, await cashier.hold(account, 2, member_id=anna)))

    report = await a_report(reports, this_month(cashier, account))
    of_a_model = await a_report(reports, replace(this_month(cashier, account), model="flux"))
    of_a_member = await a_report(reports, replace(this_month(cashier, account), member_id=anna))
    before = await a_report(reports, replace(this_month(cashier, account), until=TODAY - timedelta(days=1)))
    of_a_project = await a_report(reports, replace(this_month(cashier, account), project="film"))

    assert report.works == WorkEnds(committed=3, cancelled=1)
    assert of_a_model.works is None
    assert of_a_member.works == WorkEnds(cancelled=1)
    assert before.works == WorkEnds()
    assert of_a_project.works == WorkEnds()
    assert [row.tokens for row in report.rows] == [3]
    assert of_a_project.rows == ()


async def test_an_account_of_another_tenant_is_not_there(
    cashier: Cashier, reports: Usage, a_tenant: TenantBuilder
) -> None:
    account = await cashier.open(tokens=10)
    await cashier.commit(account, await cashier.hold(account, 2))
    abroad = replace(this_month(cashier, account), tenant_id=(await a_tenant()).id)

    assert await reports.report(abroad) == NotFound("account")
    assert await reports.export(abroad, lambda rows: None) == NotFound("account")
    assert await reports.forecast(abroad.tenant_id, account) is None
    assert await reports.usage_of_member(abroad.tenant_id, account, uuid4(), None, None) == 0
    assert await reports.export_entries(abroad.tenant_id, account, EntryFilter()) == NotFound("account")


async def test_a_report_that_would_be_too_long_says_how_to_narrow_it(
    database: Database, cashier: Cashier, reports: Usage
) -> None:
    account = await cashier.open()
    await rows_of(
        database,
        "INSERT INTO usage_day (account_id, day, model, tenant_id, charged, refunded, uses, operations)"
        " SELECT $1, $2, 'model ' || n, $3, n, 0, 1, 1 FROM generate_series(1, $4) n",
        account,
        TODAY,
        cashier.tenant_id,
        ROWS_MAX + 1,
    )
    request = replace(this_month(cashier, account), groups=frozenset({G.MODEL}))
    taken: list[int] = []

    refused = await reports.report(request)
    whole = await reports.export(request, lambda rows: taken.append(len(rows)))

    assert isinstance(refused, InvalidInput)
    assert "10000" in refused.message
    assert whole is None
    assert sum(taken) == ROWS_MAX + 1
    assert max(taken) <= usage.EXPORT_PAGE_ROWS, "never more in memory than a page"
    narrowed = await a_report(reports, replace(request, groups=frozenset({G.MONTH})))
    assert narrowed.operations == ROWS_MAX + 1


async def test_an_export_has_a_bound_of_its_own(
    database: Database, cashier: Cashier, reports: Usage, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await cashier.open(tokens=10)
    for project in "abc":
        await cashier.commit(account, await cashier.hold(account, 1, project=project))
    monkeypatch.setattr(usage, "EXPORT_ROWS_MAX", 2)

    refused = await reports.export(
        replace(this_month(cashier, account), groups=frozenset({G.PROJECT})), lambda rows: None
    )

    assert isinstance(refused, InvalidInput)


async def test_names_are_not_looked_for_among_too_many_entries(
    cashier: Cashier, reports: Usage, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await cashier.open(tokens=10)
    await cashier.commit(account, await cashier.hold(account, 1))
    monkeypatch.setattr(usage, "BY_REF_ENTRIES_MAX", 2)

    refused = await reports.report(replace(this_month(cashier, account), groups=frozenset({G.REF})))

    assert isinstance(refused, InvalidInput)
    assert "without REF" in refused.message


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"until": TODAY - timedelta(days=32)}, "to"),
        ({"groups": frozenset({G.DAY, G.WEEK})}, "groupBy"),
        ({"since": TODAY - timedelta(days=366), "groups": frozenset({G.DAY})}, "to"),
        ({"since": TODAY - timedelta(days=31), "groups": frozenset({G.REF})}, "to"),
        ({"since": TODAY - timedelta(days=3_660)}, "to"),
        ({"project": " "}, "project"),
        ({"model": "\x00"}, "model"),
    ],
)
async def test_what_cannot_be_told_is_refused_by_name(
    cashier: Cashier, reports: Usage, changes: dict[str, Any], field: str
) -> None:
    account = await cashier.open()
    request = replace(this_month(cashier, account), **changes)

    refused = await reports.report(request)

    assert isinstance(refused, InvalidInput)
    assert refused.field == field
    assert await reports.export(request, lambda rows: None) == refused


async def test_the_forecast_rests_on_the_last_whole_days(database: Database, cashier: Cashier, reports: Usage) -> None:
    account = await cashier.open(tokens=1_000)
    await cashier.commit(account, await cashier.hold(account, 60))
    on_the_first_day = await reports.forecast(cashier.tenant_id, account)
    await move_clock(database, cashier.tenant_id, 30 * 86_400)
    await cashier.commit(account, await cashier.hold(account, 100))
    idle = await reports.forecast(cashier.tenant_id, account)
    await move_clock(database, cashier.tenant_id, 2 * 86_400)
    later = await reports.forecast(cashier.tenant_id, account)

    assert on_the_first_day is not None
    assert (on_the_first_day.average_per_day, on_the_first_day.basis, on_the_first_day.days_left) == (60, 1, 15)
    assert on_the_first_day.runs_out_on in (TODAY + timedelta(days=15), TODAY + timedelta(days=16))
    assert idle is not None, "today is not over, and the first day too long ago"
    assert (idle.average_per_day, idle.basis, idle.days_left, idle.runs_out_on) == (0, 28, None, None)
    assert later is not None
    assert (later.average_per_day, later.basis, later.days_left) == (4, 28, 840 * 28 // 100)

    await cashier.writer.submit(AdjustAccount(cashier.tenant_id, account, credit_limit=UNLIMITED))
    unlimited = await reports.forecast(cashier.tenant_id, account)
    assert unlimited is not None
    assert (unlimited.average_per_day, unlimited.days_left, unlimited.runs_out_on) == (4, None, None)


async def test_entries_are_exported_oldest_first_up_to_the_latest_at_the_start(
    cashier: Cashier, reports: Usage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "EXPORT_PAGE_ROWS", 2)
    account = await cashier.open(tokens=100)
    for _ in range(3):
        await cashier.commit(account, await cashier.hold(account, 2), 1)
    exported = await reports.export_entries(cashier.tenant_id, account, EntryFilter())
    assert not isinstance(exported, NotFound)

    versions: list[int] = []
    async for page in exported:
        assert len(page) <= 2
        versions += [entry.version for entry in page]
        await asyncio.gather(*(cashier.hold(account, 1) for _ in range(3)))

    assert versions == list(range(1, 11))
    only = await reports.export_entries(
        cashier.tenant_id, account, EntryFilter(after_version=4, kinds=frozenset({EntryKind.CAPTURE}))
    )
    assert not isinstance(only, NotFound)
    assert [entry.kind async for page in only for entry in page] == [EntryKind.CAPTURE] * 2


async def test_a_report_reads_sums_and_no_entries(database: Database) -> None:
    """Its cost follows from what it reads; the benchmark measures it."""
    plan = await rows_of(
        database,
        "EXPLAIN " + statement("sum_usage"),
        uuid4(),
        TODAY,
        TODAY,
        sorted(G),
        None,
        None,
        None,
        ROWS_MAX,
    )
    text = "\n".join(row[0] for row in plan)

    assert "usage_day" in text
    assert "entry" not in text
    assert "captured_line" not in text


async def hours_worked_through(database: Database, team: Team) -> set[int]:
    """How long the days were on which the team was charged something."""
    zone = team.zones[1][1]
    charged = await rows_of(database, "SELECT at FROM captured_line WHERE account_id = $1", team.account_id)
    days = {local_day_of(zone, row["at"]) for row in charged}
    return {round((day.ends_at - day.starts_at) / timedelta(hours=1)) for day in days}


def this_month(cashier: Cashier, account_id: UUID) -> UsageRequest:
    """Thirty days up to today and the days beside it, all in one row."""
    return UsageRequest(cashier.tenant_id, account_id, TODAY - timedelta(days=28), TODAY + timedelta(days=2))
