"""Holds as they are read for those who watch them: whatever is done, what adds up is what is open, by keys alone."""

from __future__ import annotations

import asyncio
from random import Random
from uuid import UUID

import asyncpg
import pytest

from models.database import Database
from models.statements import statement
from rules.ledger import hold_events
from rules.ledger.commands import Line, Refund
from rules.ledger.hold_events import HoldsEvent, HoldsPosition, HoldsView
from rules.ledger.kinds import HoldState, Mutation
from rules.ledger.line_codec import encode_lines
from rules.ledger.records import EVERYONE, MembersSeen
from services.ledger import live_holds
from services.ledger.live_holds import read_holds
from services.ledger.reads import LedgerReads
from services.price_books import PriceBooks
from tests.services.ledger.cashier import Cashier, a_key, held, move_clock, rows_of

OPEN = HoldState.OPEN


@pytest.fixture
def reads(database: Database, cashier: Cashier) -> LedgerReads:
    return LedgerReads(database, cashier.writer, PriceBooks(database))


class Screen:
    """Some views of one account, read whenever it is told to, and compared with what is open."""

    def __init__(self, reads: LedgerReads, tenant_id: UUID, account_id: UUID, *views: HoldsView) -> None:
        self.reads = reads
        self.account = tenant_id, account_id
        self.known: dict[HoldsView, HoldsEvent | None] = dict.fromkeys(views)
        self.told: dict[HoldsView, list[HoldsEvent]] = {view: [] for view in views}

    async def read(self) -> None:
        async with self.reads.settled(*self.account) as (connection, reading):
            assert reading is not None
            position = HoldsPosition.of(reading.account)
            events = await read_holds(connection, position, self.known)
            found = await connection.fetch(
                "SELECT hold_id, remaining, member_id FROM hold WHERE account_id = $1 AND open ORDER BY hold_id DESC",
                self.account[1],
            )
        for view, (known, told) in events.items():
            shown = [row for row in found if view.shows(known_as(row["member_id"]))]
            assert (known.open.number, known.open.held) == (len(shown), sum(row["remaining"] for row in shown))
            newest = [(row["hold_id"], row["remaining"]) for row in shown][: hold_events.HOLDS_MAX]
            assert [(hold.hold_id, hold.remaining) for hold in known.holds] == newest
            self.known[view] = known
            if told is not None:
                self.told[view].append(told)


def known_as(member_id: UUID | None) -> hold_events.Hold:
    """A hold of which only the member matters."""
    return hold_events.Hold(1, 0, 0, None, None, 1, member_id=member_id)


@pytest.mark.parametrize("holds_max", [2, 100])
async def test_whatever_is_done_to_holds_what_adds_up_is_what_is_open(
    database: Database, cashier: Cashier, reads: LedgerReads, monkeypatch: pytest.MonkeyPatch, holds_max: int
) -> None:
    monkeypatch.setattr(hold_events, "HOLDS_MAX", holds_max)
    monkeypatch.setattr(live_holds, "HOLDS_MAX", holds_max)
    monkeypatch.setattr(hold_events, "SPARE_HOLDS", 1)
    monkeypatch.setattr(live_holds, "SPARE_HOLDS", 1)
    account = await cashier.open(tokens=1_000_000)
    anna, bert = await cashier.add_members(account, "anna", "bert")
    views = [
        HoldsView(),
        HoldsView(anna),
        HoldsView(seen=MembersSeen(everyone=False, member_id=bert)),
        HoldsView(anna, EVERYONE),
    ]
    screen = Screen(reads, cashier.tenant_id, account, *views)
    await screen.read()
    work = asyncio.create_task(busy(database, cashier, account, (None, anna, bert)))
    while not work.done():
        await screen.read()
    await work
    await screen.read()

    told = screen.told[HoldsView()]
    assert len(told) > 10
    versions = [event.version for event in told]
    assert versions == sorted(set(versions))
    if holds_max == 100:
        ended = {hold.hold_id: hold.state for event in told for hold in event.holds if hold.state is not OPEN}
        rows = await rows_of(database, "SELECT hold_id, state FROM hold WHERE account_id = $1 AND NOT open", account)
        assert ended == {row["hold_id"]: HoldState(row["state"]) for row in rows}
        assert {HoldState.COMMITTED, HoldState.RELEASED, HoldState.EXPIRED} == set(ended.values())
        assert any(hold.refunded for event in told for hold in event.holds)
        assert {hold.member_id for event in screen.told[HoldsView(anna)] for hold in event.holds} == {anna}


async def busy(database: Database, cashier: Cashier, account: UUID, members: tuple[UUID | None, ...]) -> None:
    """Reserves, extends, captures, ends and refunds, and forgets some."""
    chance, holds, ended = Random(48), list[int](), list[int]()
    for step in range(150):
        way = chance.random()
        if way < 0.4 or not holds:
            holds.append(
                await cashier.hold(account, chance.randint(1, 50), member_id=chance.choice(members), ttl_seconds=3_600)
            )
        elif way < 0.5:
            held(await cashier.extend(account, chance.choice(holds), amount=3))
        elif way < 0.6:
            hold = chance.choice(holds)
            held(await cashier.commit(account, hold, 1, final=False))
            if chance.random() < 0.5:
                await give_back(cashier, account, hold)
        elif way < 0.75:
            ended.append(holds.pop(chance.randrange(len(holds))))
            held(await cashier.commit(account, ended[-1]))
        elif way < 0.9:
            held(await cashier.release(account, holds.pop(chance.randrange(len(holds)))))
        elif ended:
            await give_back(cashier, account, ended.pop())
        if step == 100:
            await move_clock(database, cashier.tenant_id, 3_601)
            holds = []


async def test_what_is_given_back_of_a_hold_that_is_still_open_makes_it_no_second_one(
    cashier: Cashier, reads: LedgerReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As many as are shown: where fewer are known than there seem to be, they are read anew.
    monkeypatch.setattr(hold_events, "HOLDS_MAX", 1)
    account = await cashier.open(tokens=100)
    hold = await cashier.hold(account, 10)
    held(await cashier.commit(account, hold, 4, final=False))
    screen = Screen(reads, cashier.tenant_id, account, HoldsView())
    await screen.read()

    await give_back(cashier, account, hold, 1)
    await screen.read()
    await give_back(cashier, account, hold, 1)
    held(await cashier.release(account, hold))
    await screen.read()
    await give_back(cashier, account, hold, 1)
    await screen.read()

    assert [event.open.number for event in screen.told[HoldsView()]] == [1, 0, 0]


async def give_back(cashier: Cashier, account: UUID, hold: int, amount: int | None = None) -> None:
    key = a_key(Mutation.REFUND)
    held(await cashier.writer.submit(Refund(cashier.tenant_id, account, key, hold, amount, "it was blurred", b"salt")))


async def test_more_changes_than_are_read_at_once_lead_to_a_snapshot(
    cashier: Cashier, reads: LedgerReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_holds, "CHANGED_HOLDS_MAX", 2)
    account = await cashier.open(tokens=100)
    screen = Screen(reads, cashier.tenant_id, account, HoldsView())
    await screen.read()
    for _ in range(3):
        await cashier.hold(account, 1)

    await screen.read()

    (told,) = screen.told[HoldsView()]
    assert told.snapshot
    assert len(told.holds) == told.open.number == 3


async def test_what_changed_is_found_in_the_months_since_and_by_keys(database: Database, cashier: Cashier) -> None:
    account = await cashier.open(tokens=100)
    async with database.owner() as connection:
        await connection.execute("SET enable_seqscan = off")
        now = await connection.fetchval("SELECT now()")
        text = await plan_of(connection, "list_changed_holds", account, 1, now, 101)
        months = await connection.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'entry'::regclass")

    assert months >= 4
    assert f"entry_{now:%Y_%m}" in text
    month_before = f"entry_{now.year - (now.month == 1)}_{(now.month - 2) % 12 + 1:02}"
    assert month_before not in text, "what lies before is not looked into"
    assert "Seq Scan" not in text
    assert "hold_pkey" in text


async def test_what_is_open_is_found_among_much_that_has_ended(database: Database, cashier: Cashier) -> None:
    account = await cashier.open(tokens=100)
    async with database.owner() as connection:
        await connection.execute(
            "INSERT INTO hold (account_id, hold_id, tenant_id, state, open, amount, remaining, captured, returned,"
            " refunded, overrun, rounding, rounding_unit, metered, captures, price_book_version, lines, created_at,"
            " expires_at, ended_at, ended_day)"
            " SELECT $1, n, $2, 'RELEASED', false, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, '[]', now(), now(), now(), now()"
            " FROM generate_series(100, 20000) n",
            account,
            cashier.tenant_id,
        )
        text = await plan_of(connection, "list_open_holds", account, [None], [True], [None], 200)

    assert "hold_open" in text


async def plan_of(connection: asyncpg.Connection, name: str, *arguments: object) -> str:
    """How the statement is executed, with what it really looked into."""
    plan = await connection.fetch("EXPLAIN (ANALYZE, COSTS off, TIMING off) " + statement(name), *arguments)
    return "\n".join(row[0] for row in plan)


async def test_the_latest_captures_of_many_holds_are_whole_calls_up_to_a_version(
    cashier: Cashier, reads: LedgerReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ledger.reads.LATEST_LINES", 3)
    account = await cashier.open(tokens=1_000)
    long, short, untouched = [await cashier.hold(account, 50) for _ in range(3)]
    for amounts in ((1, 2), (3, 4), (5, 6)):
        lines = tuple(Line(None, None, None, "{}", 1, amount, 1) for amount in amounts)
        held(await cashier.commit(account, long, lines=lines, final=False))
    version = held(await cashier.commit(account, short, 7, final=False)).balance.version
    held(await cashier.commit(account, short, 8, final=False))

    captures = await reads.latest_captures(cashier.tenant_id, account, [long, short, untouched], version)

    assert {hold: [capture.amount for capture in found] for hold, found in captures.items()} == {
        long: [7, 11],
        short: [7],
    }
    whole = await reads.hold_captures(cashier.tenant_id, account, held(await cashier.commit(account, long)).hold)
    assert [capture.amount for capture in whole][:3] == [3, 7, 11]


async def test_rows_of_events_do_without_lines(cashier: Cashier, reads: LedgerReads) -> None:
    account = await cashier.open(tokens=1_000)
    lines = tuple(Line(f"line {number}", None, None, "{}", 1, 1, 1) for number in range(1_000))
    hold = await cashier.hold(account, 1_000, lines=lines, lines_json=encode_lines(lines))
    screen = Screen(reads, cashier.tenant_id, account, HoldsView())
    await screen.read()
    held(await cashier.commit(account, hold, 1, final=False))
    await screen.read()

    (told,) = screen.told[HoldsView()]
    known = screen.known[HoldsView()]
    assert known is not None
    assert {row.lines_json for event in (told, known) for row in (*event.holds, *event.open.newest)} == {"[]"}
