"""Warnings and days as clients see them, from the ledger to the subscription.

Nothing announces changes to the hub but the tests that say so: what arrives otherwise was found by comparing, as where
every message is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from graphql import GraphQLSchema, subscribe
from graphql import parse as parse_document

from models.database import Database
from models.unavailable import DatabaseUnreachable
from resolvers import live as live_resolvers
from resolvers.context import Context
from rules.identity import IdKind, public_id
from rules.ledger.commands import LimitSetting
from rules.ledger.kinds import GrantSource, LimitPeriod, LimitScope
from rules.ledger.outcomes import GrantEffect, LimitsEffect
from rules.ledger.records import AlertFilter, Slice
from rules.pricing.tokens import MICROS
from services.ledger.reads import LedgerReads
from services.live.hub import LiveHub
from services.price_books import PriceBooks
from services.publishing import Publication, Publishing
from tests.conftest import TenantBuilder
from tests.patience import eventually
from tests.resolvers.stage import SECRET
from tests.services.ledger.cashier import a_member, held, move_clock
from tests.services.shop import Shop, a_source, open_shop

PATIENCE_SECONDS = 20.0

WARNINGS = """subscription($account: ID!, $since: Version) { lowBalance(accountId: $account, sinceVersion: $since) {
    id accountId version available thresholdPercent thresholdTokens snapshot autoTopUp at } }"""
DAY = """subscription($account: ID!, $member: ID, $since: Version) {
    dailyLimit(accountId: $account, memberId: $member, sinceVersion: $since) {
    id version asOf scope period memberId limit consumed remaining level resetsAt } }"""

USAGE = """subscription($account: ID!, $member: ID) { usage(accountId: $account, memberId: $member) {
    version asOf today { tokens } } }"""
BALANCE = "subscription($account: ID!, $member: ID) { balance(accountId: $account, memberId: $member) { version } }"
HOLDS = "subscription($account: ID!, $member: ID) { holds(accountId: $account, memberId: $member) { version } }"


class Stream:
    """One subscription, which reads only when it is asked to."""

    def __init__(self, events: AsyncIterator[Any]) -> None:
        self._events = events
        self._next: asyncio.Future[Any] | None = None

    async def take(self, number: int = 1) -> list[dict[str, Any]]:
        """The next so many events, which must come."""
        taken = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            for _ in range(number):
                result = await self._coming()
                self._next = None
                assert result.errors is None, result.errors
                (event,) = result.data.values()
                taken.append(event)
        return taken

    async def nothing_more(self, seconds: float = 1.5) -> bool:
        """Whether nothing comes for longer than a comparison with the database takes."""
        done, _ = await asyncio.wait([self._coming()], timeout=seconds)
        return not done

    async def begun(self) -> None:
        """Returns when the subscription has been shown where it starts, having nothing to show of it."""
        assert await self.nothing_more(0.5)

    def _coming(self) -> asyncio.Future[Any]:
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._events))
        return self._next

    async def close(self) -> None:
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
        await self._events.aclose()


class Desk:
    """A shop and the live layer of a process that watches it."""

    def __init__(self, schema: GraphQLSchema, shop: Shop, hub: LiveHub) -> None:
        self._schema = schema
        self.shop = shop
        self.hub = hub

    @asynccontextmanager
    async def stream(self, document: str, account: UUID, **variables: Any) -> AsyncIterator[Stream]:
        services = SimpleNamespace(reads=self.shop.reads, live=self.hub)
        context = Context(replace(SECRET, tenant_id=self.shop.tenant_id), services)
        started = subscribe(
            self._schema,
            parse_document(document),
            context_value=context,
            variable_values={"account": public_id(IdKind.ACCOUNT, account), **variables},
        )
        events = started if isinstance(started, AsyncIterator) else await started
        assert isinstance(events, AsyncIterator), events
        stream = Stream(events)
        try:
            yield stream
        finally:
            await stream.close()

    async def with_tokens(self, tokens: int = 100) -> UUID:
        account = await self.shop.open()
        await self.buy(account, tokens)
        return account

    async def buy(self, account: UUID, tokens: int) -> None:
        request = self.shop.grant_request(account, f"buy {tokens}", tokens, source=GrantSource.PURCHASE)
        assert isinstance(await self.shop.grants.grant_tokens(request), GrantEffect)

    async def spend(self, account: UUID, tokens: int, key: str) -> None:
        held(await self.shop.fares.charge(self.shop.reserve_request(account, key, work=tokens * MICROS)))

    async def all_and_back(self, account: UUID, key: str, tokens: int = 100) -> None:
        """Sets so much aside and gives it back: every threshold is crossed, and armed again."""
        hold = held(await self.shop.fares.reserve(self.shop.reserve_request(account, key, work=tokens * MICROS)))
        held(await self.shop.fares.release(self.shop.release_request(account, f"{key} back", hold.hold.hold_id)))

    async def version(self, account: UUID) -> int:
        balance = await self.shop.reads.balance(self.shop.tenant_id, account)
        assert balance is not None
        return balance.version

    async def now(self, account: UUID) -> datetime:
        reading = await self.shop.reads.read(self.shop.tenant_id, account)
        assert reading is not None
        return reading.now

    async def alert_ids(self, account: UUID) -> list[str]:
        """The ids of `alertEvents`, oldest first."""
        page = await self.shop.reads.alert_events(self.shop.tenant_id, account, Slice(100), AlertFilter())
        return [public_id(IdKind.ALERT, account, event.event_id) for event in page.rows[::-1]]


@pytest.fixture
async def desk(schema: GraphQLSchema, database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Desk]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        await shop.publish(a_source(trial=0))
        async with LiveHub(shop.live_reads, None, healing_seconds=0.3) as hub:
            yield Desk(schema, shop, hub)


def thresholds(warnings: list[dict[str, Any]]) -> list[int]:
    return [warning["thresholdPercent"] for warning in warnings]


class TestLowBalance:
    async def test_three_crossed_at_once_are_three_events_with_the_ids_of_their_alert_events(self, desk: Desk) -> None:
        account = await desk.with_tokens()
        async with desk.stream(WARNINGS, account) as stream, desk.stream(WARNINGS, account) as other:
            await asyncio.gather(stream.begun(), other.begun())
            await desk.spend(account, 100, "all")
            desk.hub.changed(account, await desk.version(account))
            warnings = await stream.take(3)
            assert await other.take(3) == warnings
            assert await stream.nothing_more()

        assert thresholds(warnings) == [20, 10, 0]
        assert [warning["id"] for warning in warnings] == await desk.alert_ids(account)
        version = await desk.version(account)
        assert {(warning["version"], warning["available"]) for warning in warnings} == {(version, "0")}
        assert not any(warning["snapshot"] or warning["autoTopUp"] for warning in warnings)

    async def test_what_was_crossed_while_nobody_listened_comes_first_and_not_again(self, desk: Desk) -> None:
        account = await desk.with_tokens()
        await desk.shop.alerts.set_alerts(desk.shop.tenant_id, account, balance_tokens=[15 * MICROS])
        await desk.spend(account, 88, "most")
        async with desk.stream(WARNINGS, account) as stream:
            warnings = await stream.take(2)
            await desk.spend(account, 1, "a little")
            assert await stream.nothing_more()
            await desk.spend(account, 11, "the rest")
            later = await stream.take(2)

        assert [(one["thresholdPercent"], one["thresholdTokens"]) for one in warnings] == [(20, None), (None, "15")]
        assert [one["snapshot"] for one in (*warnings, *later)] == [True, True, False, False]
        assert {one["available"] for one in warnings} == {"12"}, "as it was when it was crossed"
        assert thresholds(later) == [10, 0]

    async def test_what_was_armed_again_is_not_in_the_snapshot_and_has_a_new_id_when_it_is_crossed_again(
        self, desk: Desk
    ) -> None:
        account = await desk.with_tokens()
        await desk.all_and_back(account, "first")
        first_ids = await desk.alert_ids(account)
        async with desk.stream(WARNINGS, account) as stream:
            await stream.begun()
            await desk.all_and_back(account, "second")
            warnings = await stream.take(3)

        assert thresholds(warnings) == [20, 10, 0]
        assert [one["id"] for one in warnings] == (await desk.alert_ids(account))[3:]
        assert not {one["id"] for one in warnings} & set(first_ids)
        assert not any(one["snapshot"] for one in warnings)

    async def test_a_client_that_does_not_read_loses_none_however_many_there_are(self, desk: Desk) -> None:
        account = await desk.with_tokens()
        await desk.spend(account, 85, "before")
        async with desk.stream(WARNINGS, account) as stream:
            snapshot = await stream.take()
            for number in range(12):
                await desk.all_and_back(account, f"{number}", 15)
                desk.hub.changed(account, await desk.version(account))
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
            warnings = await stream.take(24)
            assert await stream.nothing_more()

        assert thresholds(warnings) == [10, 0] * 12
        assert [one["id"] for one in (*snapshot, *warnings)] == await desk.alert_ids(account)
        assert len(warnings) > 20, "more than an event keeps"

    async def test_whoever_comes_while_thresholds_are_crossed_is_told_of_each_once(self, desk: Desk) -> None:
        account = await desk.with_tokens()
        taken: dict[int, list[dict[str, Any]]] = {}

        async def listen(number: int) -> None:
            await asyncio.sleep(number * 0.1)
            taken[number] = []
            async with desk.stream(WARNINGS, account) as stream:
                while True:
                    taken[number] += await stream.take()

        listening = [asyncio.create_task(listen(number)) for number in range(8)]
        for number in range(25):
            await desk.all_and_back(account, f"{number}")
            desk.hub.changed(account, await desk.version(account))
        await desk.spend(account, 100, "the end")
        ids = await desk.alert_ids(account)
        await eventually(lambda: all(one and one[-1]["id"] == ids[-1] for one in (taken.get(n, []) for n in range(8))))
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)

        assert len(ids) == 78
        for warnings in taken.values():
            told = [one["id"] for one in warnings if not one["snapshot"]]
            assert told == ids[len(ids) - len(told) :], "from its beginning on without a gap, each once"
            assert all(one["snapshot"] for one in warnings[: len(warnings) - len(told)])
            assert all(ids.index(a["id"]) < ids.index(b["id"]) for a, b in pairwise(warnings))

    async def test_who_resumes_is_sent_all_from_the_last_one_on_under_the_same_ids(self, desk: Desk) -> None:
        account = await desk.with_tokens()
        async with desk.stream(WARNINGS, account) as stream:
            await stream.begun()
            await desk.all_and_back(account, "first")
            (received,) = await stream.take()
        await desk.all_and_back(account, "while it was away")
        async with desk.stream(WARNINGS, account, since=received["version"]) as resumed:
            again = await resumed.take(6)
            await desk.spend(account, 85, "later")
            (later,) = await resumed.take()
            assert await resumed.nothing_more()
        async with desk.stream(WARNINGS, account, since=later["version"] + 1) as knowing:
            await knowing.begun()

        assert again[0] == received
        assert [one["id"] for one in (*again, later)] == await desk.alert_ids(account)
        assert not any(one["snapshot"] for one in (*again, later))

    async def test_a_database_that_is_away_for_a_moment_loses_none_and_ends_nothing(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live_resolvers, "PAUSES_SECONDS", (0.0,))
        monkeypatch.setattr(live_resolvers, "CROSSINGS_READ", 2)
        account = await desk.with_tokens()
        await desk.all_and_back(account, "first")
        read, tries = LedgerReads.crossings, []

        async def fail_twice(*arguments: Any, **keywords: Any) -> Any:
            tries.append(1)
            if len(tries) in (1, 2, 4):
                raise DatabaseUnreachable("gone")
            return await read(*arguments, **keywords)

        monkeypatch.setattr(LedgerReads, "crossings", fail_twice)
        async with desk.stream(WARNINGS, account, since=0) as stream:
            assert thresholds(await stream.take(3)) == [20, 10, 0]
            assert await stream.nothing_more(0.3)

    async def test_who_comes_while_the_database_is_away_for_a_moment_is_not_sent_away(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live_resolvers, "PAUSES_SECONDS", (0.0,))
        account = await desk.with_tokens()
        await desk.all_and_back(account, "first")
        has_account, tries = LedgerReads.has_account, []

        async def fail_twice(*arguments: Any) -> bool:
            tries.append(1)
            if len(tries) < 3:
                raise DatabaseUnreachable("gone")
            return await has_account(*arguments)

        monkeypatch.setattr(LedgerReads, "has_account", fail_twice)
        async with desk.stream(WARNINGS, account, since=0) as stream:
            assert thresholds(await stream.take(3)) == [20, 10, 0]
        assert len(tries) == 3

    async def test_who_watches_a_member_waits_for_the_database_as_well(
        self, desk: Desk, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live_resolvers, "PAUSES_SECONDS", (0.0,))
        account = await desk.with_tokens()
        anna = await a_member(database, desk.shop.tenant_id, account, UUID(int=7))
        has_member, tries = LedgerReads.has_member, []

        async def fail_twice(*arguments: Any) -> bool:
            tries.append(1)
            if len(tries) % 3 != 0:
                raise DatabaseUnreachable("gone")
            return await has_member(*arguments)

        monkeypatch.setattr(LedgerReads, "has_member", fail_twice)
        member = public_id(IdKind.MEMBER, account, part=anna)
        for document in (BALANCE, DAY, USAGE, HOLDS):
            async with desk.stream(document, account, member=member) as stream:
                await stream.take()
        assert len(tries) == 4 * 3

    async def test_what_expires_is_warned_of_although_nobody_acts(self, desk: Desk, database: Database) -> None:
        account = await desk.with_tokens()
        await desk.spend(account, 70, "most")
        (grant,) = (await desk.shop.reads.grants(desk.shop.tenant_id, account, Slice(10), active_only=True)).rows
        assert grant.expires_at is not None
        await desk.shop.clock.advance(
            desk.shop.tenant_id, int((grant.expires_at - await desk.now(account)).total_seconds()) - 3
        )
        async with desk.stream(WARNINGS, account) as stream:
            await stream.begun()
            warnings = await stream.take(3)

        assert thresholds(warnings) == [20, 10, 0]
        assert {datetime.fromisoformat(one["at"]) for one in warnings} == {grant.expires_at}


class TestDailyLimit:
    async def limit(self, desk: Desk, account: UUID, tokens: int, member: UUID | None = None) -> None:
        scope = LimitScope.ACCOUNT if member is None else LimitScope.MEMBER
        setting = LimitSetting(scope, LimitPeriod.DAY, member_id=member, limit=tokens * MICROS)
        assert isinstance(await desk.shop.limits.set(desk.shop.tenant_id, account, setting), LimitsEffect)

    async def test_shows_the_day_at_every_change(self, desk: Desk) -> None:
        account = await desk.with_tokens()
        async with desk.stream(DAY, account) as stream:
            (unlimited,) = await stream.take()
            await self.limit(desk, account, 50)
            (limited,) = await stream.take()
            await desk.spend(account, 45, "most of it")
            (near,) = await stream.take()
        async with desk.stream(DAY, account, since=near["version"]) as knowing:
            assert await knowing.nothing_more()

        assert (unlimited["limit"], unlimited["remaining"], unlimited["level"]) == (None, None, "OK")
        assert (limited["limit"], limited["consumed"], limited["remaining"]) == ("50", "0", "50")
        assert (near["consumed"], near["remaining"], near["level"]) == ("45", "5", "NEAR")
        assert (near["scope"], near["period"]) == ("ACCOUNT", "DAY")
        assert unlimited["version"] < limited["version"] < near["version"]

    async def test_each_member_sees_its_own_day_from_the_same_reads(self, desk: Desk, database: Database) -> None:
        account = await desk.with_tokens()
        anna, ben = [await a_member(database, desk.shop.tenant_id, account, UUID(int=number)) for number in (7, 8)]
        await self.limit(desk, account, 20, anna)
        names = {who: public_id(IdKind.MEMBER, account, part=who) for who in (anna, ben)}
        async with (
            desk.stream(DAY, account, member=names[anna]) as hers,
            desk.stream(DAY, account, member=names[ben]) as his,
            desk.stream(DAY, account) as everybodys,
        ):
            for stream in (hers, his, everybodys):
                await stream.take()
            held(
                await desk.shop.fares.charge(
                    desk.shop.reserve_request(account, "hers", work=17 * MICROS, member_id=anna)
                )
            )
            days = [(await stream.take())[0] for stream in (hers, his, everybodys)]

        assert [day["consumed"] for day in days] == ["17", "0", "17"]
        assert [day["limit"] for day in days] == ["20", None, None]
        assert [day["memberId"] for day in days] == [names[anna], names[ben], None]
        assert len({day["version"] for day in days}) == 1
        assert len({day["id"] for day in days}) == 3

    async def test_the_day_ends_at_midnight_although_nobody_acts(self, desk: Desk, database: Database) -> None:
        account = await desk.with_tokens()
        anna = await a_member(database, desk.shop.tenant_id, account, UUID(int=7))
        held(await desk.shop.fares.charge(desk.shop.reserve_request(account, "k", work=MICROS, member_id=anna)))
        balance = await desk.shop.reads.balance(desk.shop.tenant_id, account)
        assert balance is not None
        midnight = balance.today.resets_at
        assert midnight is not None
        await move_clock(database, desk.shop.tenant_id, (midnight - await desk.now(account)).total_seconds() - 2.5)
        name = public_id(IdKind.MEMBER, account, part=anna)
        async with desk.stream(DAY, account) as stream, desk.stream(DAY, account, member=name) as hers:
            (before, after), (hers_before, hers_after) = await asyncio.gather(stream.take(2), hers.take(2))
        async with desk.stream(DAY, account, since=before["version"]) as knowing:
            (told,) = await knowing.take()

        for earlier, later in ((before, after), (hers_before, hers_after)):
            assert (earlier["consumed"], later["consumed"]) == ("1", "0")
            assert earlier["version"] == later["version"]
            assert datetime.fromisoformat(later["asOf"]) == midnight
        assert told == after, "the version is known, and the day has ended since"

    async def test_a_clock_moved_by_whole_days_ends_the_day_though_the_next_midnight_is_as_far_as_before(
        self, desk: Desk, database: Database
    ) -> None:
        account = await desk.with_tokens()
        await desk.spend(account, 1, "k")
        async with desk.stream(DAY, account) as limit, desk.stream(USAGE, account) as usage:
            (day,), (used,) = await limit.take(), await usage.take()
            await move_clock(database, desk.shop.tenant_id, 3 * 86_400)
            (next_day,), (unused,) = await limit.take(), await usage.take()

        assert (
            (day["consumed"], next_day["consumed"])
            == (used["today"]["tokens"], unused["today"]["tokens"])
            == ("1", "0")
        )
        for earlier, later in ((day, next_day), (used, unused)):
            assert earlier["version"] == later["version"]
            assert earlier["asOf"] < later["asOf"]

    async def test_the_price_books_limit_is_shown_when_it_comes_into_force_although_nobody_acts(
        self, desk: Desk
    ) -> None:
        """As another process publishes it."""
        publishing = Publishing(desk.shop.database, PriceBooks(desk.shop.database))
        account, own = await desk.with_tokens(), await desk.shop.open("with a limit of its own")
        await self.limit(desk, own, 50)
        async with desk.stream(DAY, account) as stream, desk.stream(DAY, own) as spared:
            (unlimited,), _ = await stream.take(), await spared.take()
            for limit in (16, 24):
                soon = await desk.now(account) + timedelta(seconds=0.5)
                source = a_source(trial=0, policies=f"daily_limit = {limit}")
                publication = await publishing.publish(desk.shop.tenant_id, source, effective_at=soon)
                assert isinstance(publication, Publication)
                (limited,) = await stream.take()
                assert (limited["limit"], limited["version"]) == (str(limit), unlimited["version"])
                assert datetime.fromisoformat(limited["asOf"]) == publication.published.effective_at
            async with desk.stream(DAY, account, since=unlimited["version"]) as knowing:
                assert await knowing.take() == [limited], "the version is known, and the limit is another since"
            (status, *_) = await desk.shop.reads.limits(desk.shop.tenant_id, account)
            assert status.as_of == datetime.fromisoformat(limited["asOf"])
            # An entry that comes while this process remembers the version before is not shown with the old limit.
            await publishing.publish(desk.shop.tenant_id, a_source(trial=0, policies="daily_limit = 32"))
            await desk.spend(account, 1, "k")
            desk.hub.changed(account, unlimited["version"] + 1)
            while limited["consumed"] == "0":
                (limited,) = await stream.take()
            assert limited["limit"] == "32"
            assert await spared.nothing_more(0.5)

    async def test_a_publication_that_leaves_the_limit_alone_has_nobody_read(self, desk: Desk) -> None:
        account, own = await desk.with_tokens(), await desk.shop.open("with a limit of its own")
        await self.limit(desk, own, 50)
        reads = desk.shop.live_reads
        besides = []
        for source in (None, a_source(trial=0, picture=11), a_source(trial=0, policies="daily_limit = 5")):
            if source is not None:
                await Publishing(desk.shop.database, PriceBooks(desk.shop.database)).publish(
                    desk.shop.tenant_id, source
                )
            found = await reads.positions([account, own])
            besides.append((found[account].besides, found[own].besides))

        assert besides[0] == besides[1]
        assert besides[1][0] != besides[2][0]
        assert besides[1][1] == besides[2][1]

    async def test_a_hold_that_expires_gives_back_to_the_day_although_nobody_acts(self, desk: Desk) -> None:
        account = await desk.with_tokens()
        held(await desk.shop.fares.reserve(desk.shop.reserve_request(account, "k", work=30 * MICROS, ttl_seconds=3)))
        async with desk.stream(DAY, account) as stream:
            before, after = await stream.take(2)

        assert (before["consumed"], after["consumed"]) == ("30", "0")
        assert after["version"] == before["version"] + 1
