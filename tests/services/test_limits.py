"""Limits as a caller meets them: set, reached, reset by the clock, and said beforehand by estimates."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from models.database import Database
from rules.ledger.burn_down import Spender
from rules.ledger.commands import LimitSetting
from rules.ledger.kinds import LimitLevel, LimitPeriod, LimitScope, OverrunPolicy
from rules.ledger.limit_status import LimitStatus
from rules.ledger.outcomes import LimitsEffect
from rules.ledger.records import Estimated, EstimateWarning
from rules.ledger.refusals import AccountFrozen, InsufficientTokens, LimitReached, NotFound, RateLimited
from rules.ledger.requests import AffordableRequest, AssignRequest, EstimateRequest
from rules.pricing.affordable import Affordable
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from rules.promotions.promo_codes import PromoTerms
from services.estimates import RATE
from services.ledger.audit import audit
from services.ledger.live_views import BalanceView
from services.limits import LIMITS_MAX
from services.live.hub import LiveHub
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import a_member, held, move_clock
from tests.services.shop import Shop, a_line, a_source, open_shop

DAY, WEEK, MONTH, TOTAL = LimitPeriod.DAY, LimitPeriod.WEEK, LimitPeriod.MONTH, LimitPeriod.TOTAL
ACCOUNT, MEMBER, PROJECT = LimitScope.ACCOUNT, LimitScope.MEMBER, LimitScope.PROJECT
ADA = UUID(int=7)
COUNT = "count"


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


async def limit(shop: Shop, account: UUID, tokens: int | None, period: LimitPeriod = DAY, **more: Any) -> LimitStatus:
    micros = None if tokens is None else tokens * MICROS
    outcome = await shop.limits.set(
        shop.tenant_id, account, LimitSetting(more.pop("scope", ACCOUNT), period, limit=micros, **more)
    )
    assert isinstance(outcome, LimitsEffect), outcome
    return outcome.limits[0]


async def spend(shop: Shop, account: UUID, key: str, count: int = 1, **more: Any) -> object:
    """Charges so many upscales of 8 tokens."""
    return await shop.fares.charge(shop.reserve_request(account, key, a_line(count=count), **more))


async def estimate(shop: Shop, account: UUID, tokens: int, **more: Any) -> Estimated:
    estimated = await shop.fares.estimate(EstimateRequest(shop.tenant_id, tokens * MICROS, account, **more))
    assert isinstance(estimated, Estimated), estimated
    return estimated


async def most(shop: Shop, account: UUID, **more: Any) -> Affordable:
    request = AffordableRequest(shop.tenant_id, account, "upscale", COUNT, {}, **more)
    affordable = await shop.fares.affordable(request)
    assert isinstance(affordable, Affordable), affordable
    return affordable


class TestSetting:
    async def test_what_is_set_is_kept_and_refuses(self, shop: Shop, database: Database) -> None:
        account = await shop.open(tokens=100)
        await a_member(database, shop.tenant_id, account, ADA)
        settings = (
            LimitSetting(ACCOUNT, MONTH, limit=90 * MICROS),
            LimitSetting(MEMBER, WEEK, ADA, limit=40 * MICROS),
            LimitSetting(MEMBER, DAY, limit=30 * MICROS),
            LimitSetting(PROJECT, TOTAL, project="фильм", limit=20 * MICROS),
        )
        assert isinstance(await shop.limits.set_all(shop.tenant_id, account, settings), LimitsEffect)
        held(await spend(shop, account, "a", 2, project="фильм"))
        reached = await spend(shop, account, "b", project="фильм")
        assert isinstance(reached, LimitReached)
        assert (reached.limit.scope, reached.limit.project, reached.limit.remaining) == (PROJECT, "фильм", 4 * MICROS)

        statuses = await shop.reads.limits(shop.tenant_id, account, Spender(ADA, "фильм"))

        assert [(status.scope, status.period) for status in statuses] == [
            (scope, period) for scope in (ACCOUNT, MEMBER, PROJECT) for period in LimitPeriod
        ]
        limits = {(status.scope, status.period): status.limit for status in statuses if status.limit is not None}
        assert limits == {
            (ACCOUNT, MONTH): 90 * MICROS,
            (MEMBER, WEEK): 40 * MICROS,
            (MEMBER, DAY): 30 * MICROS,
            (PROJECT, TOTAL): 20 * MICROS,
        }
        assert {status.consumed for status in statuses if status.scope is not MEMBER} == {16 * MICROS}
        assert len(await shop.reads.limits(shop.tenant_id, account)) == 4
        assert await audit(database) == ()

    async def test_who_is_not_there_is_not_found_before_what_is_wrong(self, shop: Shop) -> None:
        account = await shop.open()
        wrong = LimitSetting(PROJECT, DAY, project="\x00", limit=1)
        nobody = LimitSetting(MEMBER, DAY, ADA)
        assert await shop.limits.set_all(shop.tenant_id, ADA, (wrong,)) == NotFound("account")
        stranger = replace(nobody, project="\x00")
        assert await shop.limits.set(shop.tenant_id, account, stranger) == NotFound("member")
        assert (await shop.reads.limits(shop.tenant_id, ADA)) == ()

    async def test_a_member_who_is_not_there_is_named_by_its_place_where_there_are_many(self, shop: Shop) -> None:
        account = await shop.open()
        right, nobody = LimitSetting(PROJECT, DAY, project="film", limit=1), LimitSetting(MEMBER, DAY, ADA)
        assert await shop.limits.set_all(shop.tenant_id, account, (right, nobody)) == InvalidInput(
            "limits[1].memberId", "there is no such member"
        )
        assert await shop.limits.set(shop.tenant_id, account, nobody) == NotFound("member")
        assert len(await shop.reads.limits(shop.tenant_id, account)) == 4

    async def test_what_is_wrong_is_named_by_its_place_where_there_are_many(self, shop: Shop) -> None:
        account = await shop.open()
        right = LimitSetting(ACCOUNT, DAY, limit=1)
        for wrong, field in (
            (LimitSetting(PROJECT, DAY, project=" "), "project"),
            (LimitSetting(PROJECT, DAY, project="x" * 256), "project"),
            (LimitSetting(ACCOUNT, WEEK, limit=-2), "limit"),
        ):
            alone = await shop.limits.set(shop.tenant_id, account, wrong)
            assert isinstance(alone, InvalidInput)
            assert alone.field == field
            many = await shop.limits.set_all(shop.tenant_id, account, (right, wrong))
            assert isinstance(many, InvalidInput)
            assert many.field == f"limits[1].{field}"
        for settings in ((), (right,) * (LIMITS_MAX + 1)):
            outcome = await shop.limits.set_all(shop.tenant_id, account, settings)
            assert isinstance(outcome, InvalidInput)
            assert outcome.field == "limits"
        assert all(status.limit is None for status in await shop.reads.limits(shop.tenant_id, account))

    async def test_each_of_many_faults_is_named(self, shop: Shop) -> None:
        account = await shop.open()
        settings = (
            LimitSetting(PROJECT, DAY, project="\x00"),
            LimitSetting(ACCOUNT, DAY, limit=1),
            LimitSetting(MEMBER, DAY, ADA),
            LimitSetting(ACCOUNT, WEEK, limit=-2),
            LimitSetting(PROJECT, DAY, project=" "),
        )
        refused = await shop.limits.set_all(shop.tenant_id, account, settings)
        assert isinstance(refused, InvalidInput)
        assert [fault.field for fault in refused.faults] == [
            "limits[0].project",
            "limits[2].memberId",
            "limits[3].limit",
            "limits[4].project",
        ]
        assert all(status.limit is None for status in await shop.reads.limits(shop.tenant_id, account))

    async def test_as_many_as_are_allowed_are_set_at_once(self, shop: Shop) -> None:
        account = await shop.open()
        settings = [LimitSetting(PROJECT, DAY, project=f"p{number}", limit=number) for number in range(LIMITS_MAX)]
        outcome = await shop.limits.set_all(shop.tenant_id, account, settings)
        assert isinstance(outcome, LimitsEffect)
        assert [status.limit for status in outcome.limits] == list(range(LIMITS_MAX))


class TestTheClock:
    async def test_over_midnights_limits_reset_in_order_and_a_hold_counts_where_it_began(
        self, shop: Shop, database: Database
    ) -> None:
        account = await shop.open(tokens=1_000)
        await limit(shop, account, 20)
        await limit(shop, account, 30, MONTH)
        hold = held(await shop.fares.reserve(shop.reserve_request(account, "over midnight", ttl_seconds=86_400)))
        assert isinstance(await spend(shop, account, "too much today", 2), LimitReached)
        before = await self.day(shop, account)

        assert not await self.was_reset(shop, account)
        await self.to(shop, before.resets_at)
        assert await self.was_reset(shop, account)

        after = await self.day(shop, account)
        assert (after.version, after.consumed, after.as_of) == (before.version, 0, before.resets_at)
        assert after.resets_at == before.resets_at + timedelta(days=1)
        held(await spend(shop, account, "tomorrow"))
        assert not await self.was_reset(shop, account)
        committed = held(await shop.fares.commit(shop.commit_request(account, "c", hold.hold.hold_id, actual=MICROS)))
        assert committed.balance.today.consumed == 8 * MICROS, "the hold of yesterday gave nothing back to today"
        day, week, month, total = await shop.reads.limits(shop.tenant_id, account)
        assert total.consumed == 9 * MICROS
        assert month.consumed in (8 * MICROS, 9 * MICROS)
        assert (day.limit, week.limit, month.limit, total.limit) == (20 * MICROS, None, 30 * MICROS, None)
        for _ in range(3):
            resets_at = (await self.day(shop, account)).resets_at
            await self.to(shop, resets_at)
            assert (await self.day(shop, account)).as_of == resets_at
        await self.to(shop, (await shop.reads.limits(shop.tenant_id, account))[2].resets_at)
        held(await spend(shop, account, "next month", 2))
        assert await audit(database) == ()

    async def test_a_day_ends_where_the_account_is(self, shop: Shop) -> None:
        account = await shop.open()
        await shop.accounts.update(shop.tenant_id, account, time_zone="Asia/Kathmandu")
        resets_at = (await self.day(shop, account)).resets_at
        assert resets_at is not None
        assert (resets_at.hour, resets_at.minute) == (18, 15)

    async def test_a_watcher_is_told_when_the_day_ends(self, shop: Shop) -> None:
        account = await shop.open()
        reading = await shop.reads.read(shop.tenant_id, account)
        positions = await shop.live_reads.positions([account])
        assert reading is not None
        assert reading.due_in_seconds is not None
        assert reading.balance.today.resets_at is not None
        until_midnight = (reading.balance.today.resets_at - reading.now).total_seconds()
        assert abs(reading.due_in_seconds - until_midnight) < 1
        assert abs((positions[account].due_in_seconds or 0) - until_midnight) < 5

    @pytest.mark.parametrize("healing_seconds", [None, 1])
    async def test_midnight_arrives_at_its_instant_although_nobody_acts(
        self, shop: Shop, database: Database, healing_seconds: float | None
    ) -> None:
        account = await shop.open()
        held(await spend(shop, account, "a"))
        reading = await shop.reads.read(shop.tenant_id, account)
        assert reading is not None
        assert reading.balance.today.resets_at is not None
        until_midnight = (reading.balance.today.resets_at - reading.now).total_seconds()
        await move_clock(database, shop.tenant_id, until_midnight - 2)

        async with (
            LiveHub(shop.live_reads, None, healing_seconds=healing_seconds) as hub,
            hub.watch(shop.tenant_id, account, BalanceView()) as events,
            asyncio.timeout(20),
        ):
            before, after = await anext(events), await anext(events)

        assert (before.state.today.consumed, after.state.today.consumed) == (8 * MICROS, 0)
        assert before.version == after.version
        assert after.as_of == reading.balance.today.resets_at

    async def was_reset(self, shop: Shop, account: UUID) -> bool:
        reading = await shop.reads.read(shop.tenant_id, account)
        assert reading is not None
        return reading.was_reset

    async def day(self, shop: Shop, account: UUID) -> LimitStatus:
        balance = await shop.reads.balance(shop.tenant_id, account)
        assert balance is not None
        return balance.today

    async def to(self, shop: Shop, instant: datetime | None) -> None:
        """Moves the clock to just after an instant."""
        reading = await shop.reads.read(shop.tenant_id, (await shop.create()).account_id)
        assert reading is not None
        assert instant is not None
        await shop.clock.advance(shop.tenant_id, int((instant - reading.now).total_seconds()) + 1)


class TestThePriceBooksPolicies:
    async def test_its_daily_limit_holds_for_accounts_that_have_set_none(self, shop: Shop) -> None:
        account, other = await shop.open(tokens=100), await shop.open("other", tokens=100)
        await limit(shop, other, 40)
        await shop.publish(a_source(policies="daily_limit = 16"))

        grant = await shop.grants.grant_tokens(shop.grant_request(account, "g"))
        assert grant.balance.today.limit == 16 * MICROS
        hold = held(await shop.fares.reserve(shop.reserve_request(account, "r")))
        assert hold.balance.today.limit == 16 * MICROS
        reached = await shop.fares.extend(shop.extend_request(account, "e", hold.hold.hold_id, work=9 * MICROS))
        assert isinstance(reached, LimitReached)
        assert isinstance(await spend(shop, account, "c", 2), LimitReached)
        committed = held(
            await shop.fares.commit(
                shop.commit_request(
                    account,
                    "all",
                    hold.hold.hold_id,
                    actual=90 * MICROS,
                    overrun=OverrunPolicy.CHARGE_AVAILABLE,
                )
            )
        )
        assert (committed.amount, committed.uncovered) == (16 * MICROS, 74 * MICROS)
        assert committed.balance.today.level is LimitLevel.REACHED
        refunded = held(await shop.fares.refund(shop.refund_request(account, "back", hold.hold.hold_id)))
        assert refunded.balance.today == (await shop.reads.limits(shop.tenant_id, account))[0]
        held(await spend(shop, other, "more", 4))
        assert (await limit(shop, account, None)).limit == 16 * MICROS

    async def test_every_answer_shows_the_limit_as_of_the_instant_that_a_read_shows(self, shop: Shop) -> None:
        account, other = await shop.open(tokens=100), await shop.open("other", tokens=100)
        hold = held(await shop.fares.reserve(shop.reserve_request(account, "r")))
        await shop.promo_codes.create(shop.tenant_id, PromoTerms("WELCOME", 5 * MICROS))
        answers: dict[str, Callable[[], Awaitable[Any]]] = {
            "reserve": lambda: shop.fares.reserve(shop.reserve_request(account, "r")),
            "extend": lambda: shop.fares.extend(shop.extend_request(account, "e", hold.hold.hold_id, ttl_seconds=9)),
            "commit": lambda: shop.fares.commit(shop.commit_request(account, "c", hold.hold.hold_id)),
            "refund": lambda: shop.fares.refund(shop.refund_request(account, "b", hold.hold.hold_id)),
            "grant": lambda: shop.grants.grant_tokens(shop.grant_request(account, "g")),
            "assign": lambda: shop.grants.assign_tokens(
                AssignRequest(shop.tenant_id, account, "a", MICROS, project="film")
            ),
            "transfer": lambda: shop.transfers.transfer_tokens(shop.transfer_request(account, "t", other, 1)),
            "redeem": lambda: shop.redemptions.redeem(shop.tenant_id, account, "p", "WELCOME"),
        }
        for act in answers.values():
            await act()
        book = await shop.publish(a_source(policies="daily_limit = 16"))

        (day, *_) = await shop.reads.limits(shop.tenant_id, account)
        assert (day.limit, day.as_of) == (16 * MICROS, book.effective_at)
        for name, act in answers.items():
            again = await act()
            assert (name, again.replayed, again.balance.today) == (name, True, day)
            assert again.balance.as_of == day.as_of
        assert await limit(shop, account, None) == day
        refused = await shop.fares.reserve(shop.reserve_request(account, "more", work=17 * MICROS))
        assert isinstance(refused, LimitReached)
        assert refused.limit == day
        (blocker,) = (await estimate(shop, account, 17)).blockers
        assert isinstance(blocker, LimitReached)
        assert blocker.limit == day
        assert (await estimate(shop, account, 15)).near_limits == (day,)

    async def test_its_runs_per_minute_hold_for_every_account(self, shop: Shop, database: Database) -> None:
        account, other = await shop.open(tokens=100), await shop.open("other", tokens=100)
        await shop.publish(a_source(policies="runs_per_minute = 2"))
        held(await spend(shop, account, "one"))
        held(await shop.fares.reserve(shop.reserve_request(account, "two")))
        limited = await spend(shop, account, "three")
        assert isinstance(limited, RateLimited)
        assert 0 < limited.retry_after_seconds <= 60
        held(await spend(shop, account, "one"))
        held(await spend(shop, other, "one"))

        estimated = await estimate(shop, account, 1)
        assert [type(blocker) for blocker in estimated.blockers] == [RateLimited]
        assert await most(shop, account) == Affordable(None, False, None, RATE)
        await move_clock(database, shop.tenant_id, limited.retry_after_seconds)
        held(await spend(shop, account, "three"))


class TestSaidBeforehand:
    async def test_an_estimate_names_the_limits_in_the_way(self, shop: Shop) -> None:
        account = await shop.open()
        await limit(shop, account, 20)
        await limit(shop, account, 10, scope=PROJECT, project="film")
        assert (await estimate(shop, account, 20)).affordable

        blocked = await estimate(shop, account, 21)
        (blocker,) = blocked.blockers
        assert isinstance(blocker, LimitReached)
        assert (blocked.affordable, blocker.required, blocker.limit.scope) == (False, 21 * MICROS, ACCOUNT)
        of_project = (await estimate(shop, account, 11, project="film")).blockers[0]
        assert isinstance(of_project, LimitReached)
        assert of_project.limit.project == "film"
        await shop.accounts.update(shop.tenant_id, account, frozen=True)
        everything = (await estimate(shop, account, 1_000)).blockers
        assert [type(blocker) for blocker in everything] == [AccountFrozen, LimitReached, InsufficientTokens]

    async def test_an_estimate_warns_of_a_day_that_would_be_nearly_used_up(self, shop: Shop) -> None:
        account = await shop.open(tokens=1_000)
        await limit(shop, account, 20)
        assert (await estimate(shop, account, 15)).warnings == ()
        assert (await estimate(shop, account, 16)).warnings == (EstimateWarning.NEAR_DAILY_LIMIT,)
        held(await spend(shop, account, "a"))
        assert (await estimate(shop, account, 8)).warnings == (EstimateWarning.NEAR_DAILY_LIMIT,)
        assert (await estimate(shop, account, 7)).warnings == ()
        assert (await estimate(shop, account, 13)).warnings == (), "what is refused needs no warning"

    @pytest.mark.parametrize("scope", [ACCOUNT, MEMBER, PROJECT])
    @pytest.mark.parametrize("period", LimitPeriod)
    async def test_an_estimate_warns_of_every_limit_that_would_be_nearly_used_up(
        self, shop: Shop, database: Database, scope: LimitScope, period: LimitPeriod
    ) -> None:
        account = await shop.open(tokens=1_000)
        await a_member(database, shop.tenant_id, account, ADA)
        whose = {MEMBER: {"member_id": ADA}, PROJECT: {"project": "film"}}.get(scope, {})
        await limit(shop, account, 20, period, scope=scope, **whose)
        warned = (EstimateWarning.NEAR_DAILY_LIMIT,) if period is DAY else ()

        spender = {"member_id": ADA, "project": "film"}
        far, near = await estimate(shop, account, 15, **spender), await estimate(shop, account, 16, **spender)
        assert (far.warnings, far.near_limits) == ((), ())
        assert near.warnings == warned
        assert [(status.scope, status.period, status.consumed) for status in near.near_limits] == [(scope, period, 0)]
        assert (await estimate(shop, account, 21, **spender)).near_limits == (), "what is refused needs no warning"
        if scope is not ACCOUNT:
            assert (await estimate(shop, account, 16)).near_limits == (), "the limit holds for somebody else"

    async def test_the_most_that_is_affordable_keeps_within_the_tightest_limit(self, shop: Shop) -> None:
        account = await shop.open(tokens=1_000)
        assert (await most(shop, account)).limited_by == "balance"
        await limit(shop, account, 50, MONTH)
        assert await most(shop, account) == Affordable("6", False, 48 * MICROS, "limit ACCOUNT MONTH")
        await limit(shop, account, 16, TOTAL, scope=PROJECT, project="film")
        of_film = await most(shop, account, project="film")
        assert of_film == Affordable("2", False, 16 * MICROS, "limit PROJECT TOTAL")

        assert isinstance(await spend(shop, account, "one more", 3, project="film"), LimitReached)
        held(await spend(shop, account, "as many", 2, project="film"))
        assert await most(shop, account, project="film") == Affordable(None, False, None, "limit PROJECT TOTAL")

    async def test_an_unlimited_account_has_limits_all_the_same(self, shop: Shop) -> None:
        account = await shop.open()
        await shop.accounts.update(shop.tenant_id, account, credit_limit=-1)
        await limit(shop, account, 50)
        assert (await most(shop, account)).limited_by == "limit ACCOUNT DAY"
        assert [type(blocker) for blocker in (await estimate(shop, account, 51)).blockers] == [LimitReached]

    async def test_a_charge_is_explained_with_the_limits_that_it_counts_in(self, shop: Shop) -> None:
        account = await shop.open()
        await limit(shop, account, 20, scope=PROJECT, project="film")
        hold = held(await spend(shop, account, "a", project="film")).hold
        explained = await shop.charges.explain(shop.tenant_id, account, hold.hold_id)
        assert explained is not None
        assert [(status.scope, status.limit) for status in explained.limits if status.period is DAY] == [
            (ACCOUNT, None),
            (PROJECT, 20 * MICROS),
        ]
