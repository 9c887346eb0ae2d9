"""Usage as it is read for those who watch it: each capture once, the running day as it is summed up, by keys alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from models.database import Database
from models.statements import statement
from rules.ledger.usage import UsageKey
from rules.ledger.usage_events import NOTHING, ROWS_MAX, Sums, UsageEvent, UsagePosition, UsageView
from services.ledger.live_usage import read_usage
from services.ledger.reads import LedgerReads
from services.price_books import PriceBooks
from tests.services.ledger.cashier import Cashier, rows_of
from tests.services.ledger.teams_at_work import Team, facts_of, three_teams, work_for_thirty_days


@pytest.fixture
def reads(database: Database, cashier: Cashier) -> LedgerReads:
    return LedgerReads(database, cashier.writer, PriceBooks(database))


class Screen:
    """One view of one account, read whenever it is told to."""

    def __init__(self, reads: LedgerReads, tenant_id: UUID, account_id: UUID, *views: UsageView) -> None:
        self.reads = reads
        self.account = tenant_id, account_id
        self.known: dict[UsageView, UsageEvent | None] = dict.fromkeys(views)
        self.begun: dict[UsageView, UsageEvent] = {}
        self.told: dict[UsageView, list[UsageEvent]] = {view: [] for view in views}

    async def read(self) -> None:
        async with self.reads.settled(*self.account) as (connection, reading):
            assert reading is not None
            position = UsagePosition.of(reading.account, reading.now)
            for view, (known, told) in (await read_usage(connection, position, self.known)).items():
                assert known.today == await sums_of_day(connection, position, view)
                self.known[view] = known
                self.begun.setdefault(view, known)
                if told is not None:
                    self.told[view].append(told)


async def sums_of_day(connection: object, position: UsagePosition, view: UsageView) -> Sums:
    """The day's sums as they are kept."""
    row = await connection.fetchrow(
        "SELECT coalesce(sum(charged), 0)::bigint, coalesce(sum(refunded), 0)::bigint, coalesce(sum(uses), 0)::bigint,"
        " coalesce(sum(operations), 0)::bigint FROM usage_day WHERE account_id = $1 AND day = $2"
        " AND ($3::uuid IS NULL OR member_id = $3) AND ($4::text IS NULL OR project = $4)",
        position.account_id,
        position.day.day,
        view.member_id,
        view.project,
    )
    return Sums(*row)


async def test_thirty_days_of_three_teams_are_told_once_and_as_they_are_summed_up(
    database: Database, cashier: Cashier, reads: LedgerReads
) -> None:
    teams = await three_teams(database, cashier)
    screens = [Screen(reads, cashier.tenant_id, team.account_id, *views_of(team)) for team in teams]
    for screen in screens:
        await screen.read()
    work = asyncio.create_task(work_for_thirty_days(database, cashier, teams))
    while not work.done():
        for screen in screens:
            await screen.read()
    await work
    for screen in screens:
        await screen.read()

    days = set()
    for team, screen in zip(teams, screens, strict=True):
        facts = await facts_of(database, team)
        for view in views_of(team):
            told = screen.told[view]
            assert len(told) > 10, "the work was watched while it was done"
            days |= {event.position.day.day for event in told}
            journaled: dict[UsageKey, Sums] = {}
            for fact in facts:
                if view.member_id in (None, fact.member_id) and view.project in (None, fact.project):
                    member = fact.member_id if view.by_member else None
                    key = UsageKey(fact.day, member, fact.project, fact.model, fact.category)
                    figures = Sums(fact.charged, fact.refunded, fact.uses, fact.operations)
                    journaled[key] = journaled.get(key, NOTHING).plus(figures)
            assert screen.begun[view].added.is_empty, "who began before the work is told of all of it"
            assert added_up(told) == journaled
    assert len(days) > 25


def views_of(team: Team) -> list[UsageView]:
    return [
        UsageView(),
        UsageView(by_member=False),
        UsageView(team.members[0]),
        UsageView(project="film"),
        UsageView(team.members[0], "film"),
    ]


def added_up(events: list[UsageEvent]) -> dict[UsageKey, Sums]:
    whole: dict[UsageKey, Sums] = {}
    for event in events:
        for key, sums in event.added.rows.items():
            whole[key] = whole.get(key, NOTHING).plus(sums)
    return whole


async def test_a_day_that_is_joined_has_its_rows_up_to_the_bound_and_all_of_it_summed_up(
    database: Database, cashier: Cashier, reads: LedgerReads
) -> None:
    account = await cashier.open(tokens=100)
    member = uuid4()
    reading = await reads.read(cashier.tenant_id, account)
    assert reading is not None
    today = UsagePosition.of(reading.account, reading.now).day.day
    for owner, charged in ((None, 1_000), (member, 1)):
        await rows_of(
            database,
            "INSERT INTO usage_day (account_id, day, member_id, model, tenant_id, charged, refunded, uses, operations)"
            " SELECT $1, $2, $3, 'model ' || n, $4, $5 + n, 1, 2, 1 FROM generate_series(1, $6) n",
            account,
            today,
            owner,
            cashier.tenant_id,
            charged,
            ROWS_MAX + 1,
        )
    views = UsageView(), UsageView(by_member=False), UsageView(member), UsageView(project="none")
    screen = Screen(reads, cashier.tenant_id, account, *views)
    await screen.read()

    everyone, together, one, nothing = (screen.begun[view] for view in views)

    number = ROWS_MAX + 1
    assert (
        everyone.today
        == together.today
        == Sums(1_001 * number + number * (number + 1), 2 * number, 4 * number, 2 * number)
    )
    assert len(everyone.added.rows) == len(together.added.rows) == len(one.added.rows) == ROWS_MAX
    assert {key.member_id for key in everyone.added.rows} == {None}, "the pool's have more to tell"
    assert {key.member_id for key in one.added.rows} == {member}
    assert one.added.rest == Sums(2, 1, 2, 1)
    assert all(event.added.total == event.today for event in (everyone, together, one))
    assert nothing.today == NOTHING
    assert nothing.added.is_empty


@pytest.mark.parametrize(
    ("name", "arguments", "scanned"),
    [
        ("list_captures_since", (4_990,), {"captured_line_pkey", "refunded_line_pkey"}),
        (
            "sum_usage_of_views",
            (timedelta(0), [None, UUID(int=3)], [None, "film"], [True, False], ROWS_MAX),
            {"usage_day_account_id_day_member_id_project_model_category_key"},
        ),
    ],
)
async def test_what_came_is_found_by_keys_alone(
    database: Database, cashier: Cashier, name: str, arguments: tuple[object, ...], scanned: set[str]
) -> None:
    account = await cashier.open(tokens=100)
    given = [(await today_of(database)) if isinstance(value, timedelta) else value for value in arguments]
    async with database.owner() as connection:
        await connection.execute(
            "INSERT INTO captured_line (account_id, version, tenant_id, hold_id, call, rounding, at, amount, cost,"
            " refunded, count, price_book_version, params, day)"
            " SELECT $1, n, $2, n % 100, n, false, now(), 1, 1, 0, 1, 1, '{}', now() FROM generate_series(10, 5000) n",
            account,
            cashier.tenant_id,
        )
        await connection.execute("ANALYZE captured_line")
        await connection.execute("SET enable_seqscan = off")
        plan = await connection.fetch("EXPLAIN " + statement(name), account, *given)
    text = "\n".join(row[0] for row in plan)

    assert all(index in text for index in scanned), text
    assert "entry" not in text


async def today_of(database: Database) -> object:
    (row,) = await rows_of(database, "SELECT current_date AS today")
    return row["today"]
