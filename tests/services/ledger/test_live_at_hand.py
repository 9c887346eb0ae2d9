"""What a commit has at hand is what a read would bring; what it has not is read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

import pytest

from models.database import Database
from rules.ledger.burn_down import Spender
from rules.ledger.commands import AnyCommand
from rules.ledger.hold_events import HoldsView
from rules.ledger.usage_events import UsageView
from services.ledger.known_accounts import LoadedAccount
from services.ledger.live_feeds import HoldsFeed, UsageFeed
from services.ledger.live_reads import LiveReads
from services.ledger.live_views import BalanceView, CrossingsView, DayLimitView, StateEvent
from services.ledger.reads import LedgerReads
from services.ledger.submission import NO_RIDERS, LedgerOutcome, Riders
from services.ledger.writer import Writer
from services.live.reader import Reading, Wanted
from services.live.view import Event, View
from services.price_books import PriceBooks
from services.publishing import Publishing
from tests.conftest import TenantBuilder
from tests.services.ledger import histories
from tests.services.ledger.cashier import Cashier, held
from tests.services.shop import a_source

STATES: Final[tuple[View[Any], ...]] = (BalanceView(), DayLimitView())
CROSSINGS = CrossingsView()


class Announced:
    """Keeps what was announced last, and what was at hand then of the views that are asked for."""

    def __init__(self, database: Database) -> None:
        self.price_books = PriceBooks(database)
        self.writer = Writer(database, announce=self.hear)
        self.reads = LiveReads(database, LedgerReads(database, self.writer, self.price_books))
        self.wanted: dict[View[Any], Wanted] = {view: Wanted(None, joins=False) for view in STATES}
        self.committed: LoadedAccount | None = None
        self.version = 0
        self.reading: Reading | None = None

    def hear(self, committed: LoadedAccount) -> None:
        self.committed = committed
        _, self.version, _ = self.reads.announcement(committed)
        self.reading = self.look(committed.state.account.tenant_id)

    def look(self, tenant_id: UUID) -> Reading | None:
        """What is at hand for a tenant of what was committed last."""
        assert self.committed is not None
        _, _, at_hand = self.reads.announcement(self.committed)
        return at_hand(tenant_id, self.wanted)


@pytest.fixture
async def announced(database: Database) -> AsyncIterator[Announced]:
    announced = Announced(database)
    async with announced.writer:
        yield announced


@pytest.fixture
async def cashier(announced: Announced, database: Database, a_tenant: TenantBuilder) -> Cashier:
    tenant = await a_tenant()
    await Publishing(database, announced.price_books).publish(tenant.id, a_source(policies="daily_limit = 100"))
    await announced.price_books.current(tenant.id)
    return Cashier(announced.writer, tenant.id)


async def test_through_a_whole_ledgers_past_it_is_what_a_read_brings(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    alike: dict[UUID, int] = {}
    crossed = 0
    make_tenant = histories.a_tenant_named

    class ComparedWriter(Writer):
        """Compares each account after each command, before anybody gives the next."""

        def __init__(self, database: Database) -> None:
            super().__init__(database, announce=self.hear)
            self.price_books = PriceBooks(database)
            self.reads = LiveReads(database, LedgerReads(database, self, self.price_books))
            self.crossings: dict[UUID, Event] = {}
            self.at_hand: dict[UUID, Reading | None] = {}

        def hear(self, committed: LoadedAccount) -> None:
            account_id, _, at_hand = self.reads.announcement(committed)
            wanted: dict[View[Any], Wanted] = {view: Wanted(None, joins=False) for view in STATES}
            if account_id in self.crossings:
                wanted[CROSSINGS] = Wanted(self.crossings[account_id], joins=False)
            self.at_hand[account_id] = at_hand(committed.state.account.tenant_id, wanted)

        async def submit(self, command: AnyCommand, riders: Riders = NO_RIDERS) -> LedgerOutcome:
            outcome = await super().submit(command, riders)
            await self.compare(command.tenant_id, command.account_id)
            return outcome

        async def compare(self, tenant_id: UUID, account_id: UUID) -> None:
            nonlocal crossed
            handed = self.at_hand.pop(account_id, None)
            before = self.crossings.get(account_id)
            wanted: dict[View[Any], Wanted] = {view: Wanted(None, joins=False) for view in STATES}
            wanted[CROSSINGS] = Wanted(before, joins=before is None)
            reading = await self.reads.read(tenant_id, account_id, wanted)
            assert reading is not None
            read_crossings = self.crossings[account_id] = reading.events[CROSSINGS]
            if before is not None and not read_crossings.repeats(before):
                crossed += 1
                assert handed is None, "what was crossed is read"
            if handed is None:
                return
            assert (handed.version, handed.as_of, handed.besides) == (reading.version, reading.as_of, reading.besides)
            for view in STATES:
                shown, read = handed.events[view], reading.events[view]
                assert isinstance(shown, StateEvent)
                assert shown.repeats(read)
                assert (shown.order, shown.was_reset) == (read.order, read.was_reset)
            assert CROSSINGS not in handed.events or handed.events[CROSSINGS].repeats(read_crossings)
            assert handed.due_in_seconds is not None
            assert reading.due_in_seconds == pytest.approx(handed.due_in_seconds, abs=1)
            alike[account_id] = alike.get(account_id, 0) + 1

    async def a_tenant_with_a_book(database: Database, slug: str) -> UUID:
        tenant_id = await make_tenant(database, slug)
        await Publishing(database, PriceBooks(database)).publish(tenant_id, a_source(policies="daily_limit = 90"))
        return tenant_id

    monkeypatch.setattr(histories, "a_tenant_named", a_tenant_with_a_book)
    monkeypatch.setattr(histories, "Writer", ComparedWriter)
    lived_in = await histories.live_in(database)

    lively = (lived_in.rider, lived_in.borrower, lived_in.debtor, lived_in.team, lived_in.studio, lived_in.giver)
    assert min(alike.get(account, 0) for account in lively) >= 5
    assert sum(alike.values()) > 70
    assert crossed > 3


async def test_what_falls_due_is_counted_from_when_it_is_told(announced: Announced, cashier: Cashier) -> None:
    account = await cashier.open(tokens=10)
    await cashier.hold(account, 1, ttl_seconds=60)
    reading = announced.look(cashier.tenant_id)
    position = (await announced.reads.positions([account]))[account]
    assert reading is not None
    assert reading.due_in_seconds is not None
    assert position.due_in_seconds == pytest.approx(reading.due_in_seconds, abs=1)

    assert announced.committed is not None
    announced.committed.loaded_at_seconds -= 20
    later = announced.look(cashier.tenant_id)
    assert later is not None
    assert later.due_in_seconds == pytest.approx(reading.due_in_seconds - 20, abs=1)
    announced.committed.loaded_at_seconds -= 50
    assert announced.look(cashier.tenant_id) is None, "it is to be settled first"


@pytest.mark.parametrize(
    "view",
    [
        BalanceView(Spender(UUID(int=7))),
        DayLimitView(UUID(int=7)),
        CROSSINGS,
        UsageFeed(UsageView()),
        HoldsFeed(HoldsView()),
    ],
)
async def test_what_needs_other_rows_is_read(announced: Announced, cashier: Cashier, view: View[Any]) -> None:
    account = await cashier.open(tokens=10)
    held(await cashier.reserve(account, 1))
    assert announced.reading is not None
    announced.wanted[view] = Wanted(None, joins=False)
    held(await cashier.reserve(account, 1))

    assert (announced.version, announced.reading) == (3, None)


async def test_of_another_tenants_account_nothing_is_at_hand(
    database: Database, announced: Announced, cashier: Cashier, a_tenant: TenantBuilder
) -> None:
    await cashier.open(tokens=10)
    stranger = await a_tenant()
    await Publishing(database, announced.price_books).publish(stranger.id, a_source())
    for tenant_id in (stranger.id, cashier.tenant_id):
        await announced.price_books.current(tenant_id)

    assert announced.look(cashier.tenant_id) is not None
    assert announced.look(stranger.id) is None


async def test_while_the_price_book_is_not_in_memory_nothing_is_at_hand(announced: Announced, cashier: Cashier) -> None:
    await cashier.open(tokens=10)
    assert announced.reading is not None
    announced.price_books.clock_moved(cashier.tenant_id)
    assert announced.look(cashier.tenant_id) is None

    await announced.price_books.current(cashier.tenant_id)
    assert announced.look(cashier.tenant_id) is not None


@pytest.mark.parametrize("view", STATES)
async def test_a_limit_that_memory_was_late_to_know_is_shown_after_the_one_before(
    database: Database, announced: Announced, cashier: Cashier, view: View[Any]
) -> None:
    account = await cashier.open(tokens=10)
    elsewhere = Publishing(database, PriceBooks(database))
    await elsewhere.publish(cashier.tenant_id, a_source(policies="daily_limit = 7"))
    held(await cashier.reserve(account, 1))
    assert announced.reading is not None
    late = announced.reading.events[view]

    async def read_after(before: Event) -> StateEvent[Any]:
        reading = await announced.reads.read(cashier.tenant_id, account, {view: Wanted(before, joins=False)})
        assert reading is not None
        event = reading.events[view]
        assert isinstance(event, StateEvent)
        return event

    right = await read_after(late)
    assert isinstance(late, StateEvent)
    limits = [getattr(state, "today", state).limit for state in (late.state, right.state)]
    assert limits == [100_000_000, 7_000_000]
    assert right.order > late.order
    assert right.version == late.version
    again = await read_after(right)
    assert again.order < right.order, "nothing is new"
