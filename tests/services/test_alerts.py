"""What an account is warned of: set by its tenant, recorded with the change, found again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from models.database import Database
from rules.ledger.alerting import AlertEvent, Alerting
from rules.ledger.commands import LimitSetting
from rules.ledger.kinds import AlertKind, BalanceLevel, GrantSource, LimitPeriod, LimitScope
from rules.ledger.outcomes import GrantEffect, LimitsEffect
from rules.ledger.records import AlertFilter, MembersSeen, Slice
from rules.ledger.refusals import NotFound
from rules.ledger.spending import Scope
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS, MICROS
from services.accounts import AccountRecord
from services.ledger.audit import audit
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import a_member, held
from tests.services.shop import Shop, a_source, open_shop

ALL = AlertFilter()
MANY: Slice[int] = Slice(100)
DAY_SECONDS = 86_400


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        await shop.publish(a_source(trial=0))
        yield shop


async def test_those_of_a_closed_account_are_not_changed(shop: Shop) -> None:
    account = await shop.open()
    assert isinstance(await shop.accounts.close(shop.tenant_id, account), AccountRecord)
    refused = await shop.alerts.set_alerts(shop.tenant_id, account, balance_percents=(50,))
    assert isinstance(refused, InvalidInput)
    assert refused.field == "accountId"


async def with_tokens(shop: Shop, tokens: int = 100) -> UUID:
    account = await shop.open()
    await buy(shop, account, tokens)
    return account


async def buy(shop: Shop, account: UUID, tokens: int) -> None:
    request = shop.grant_request(account, f"buy {tokens}", tokens, source=GrantSource.PURCHASE)
    assert isinstance(await shop.grants.grant_tokens(request), GrantEffect)


async def spend(shop: Shop, account: UUID, tokens: int, key: str = "spend") -> None:
    held(await shop.fares.charge(shop.reserve_request(account, key, work=tokens * MICROS)))


async def events(shop: Shop, account: UUID, wanted: AlertFilter = ALL) -> list[AlertEvent]:
    """Oldest first."""
    page = await shop.reads.alert_events(shop.tenant_id, account, MANY, wanted)
    assert await shop.reads.count_alert_events(shop.tenant_id, account, wanted) == len(page.rows)
    return list(page.rows[::-1])


def percents(found: Sequence[AlertEvent]) -> list[int | None]:
    return [event.threshold_percent for event in found]


class TestSetAlerts:
    async def test_changes_what_is_given_and_keeps_the_rest(self, shop: Shop) -> None:
        account = await with_tokens(shop)

        outcome = await shop.alerts.set_alerts(shop.tenant_id, account, balance_percents=[5, 50])
        await shop.alerts.set_alerts(shop.tenant_id, account, balance_tokens=[1, 3 * MICROS])
        await shop.alerts.set_alerts(shop.tenant_id, account, day_limit_percents=[])

        assert isinstance(outcome, AccountRecord)
        settings = await shop.reads.alert_settings(shop.tenant_id, account)
        assert settings == Alerting((50, 5), (3 * MICROS, 1), ())

    async def test_shows_in_the_balances_level_at_once(self, shop: Shop) -> None:
        account = await with_tokens(shop)
        await spend(shop, account, 40)
        before = await shop.reads.balance(shop.tenant_id, account)

        await shop.alerts.set_alerts(shop.tenant_id, account, balance_percents=[70])

        after = await shop.reads.balance(shop.tenant_id, account)
        assert before is not None
        assert after is not None
        assert (before.level, after.level) == (BalanceLevel.GREEN, BalanceLevel.YELLOW)
        assert after.version == before.version + 1
        assert percents(await events(shop, account)) == [70]

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"balance_percents": [-1]}, "lowBalancePercents"),
            ({"balance_percents": [101]}, "lowBalancePercents"),
            ({"balance_percents": [20, 20]}, "lowBalancePercents"),
            ({"balance_percents": list(range(11))}, "lowBalancePercents"),
            ({"balance_tokens": [0]}, "lowBalanceTokens"),
            ({"balance_tokens": [MAX_MICROS + 1]}, "lowBalanceTokens"),
            ({"balance_tokens": [5, 5]}, "lowBalanceTokens"),
            ({"balance_tokens": list(range(1, 12))}, "lowBalanceTokens"),
            ({"day_limit_percents": [0]}, "dailyLimitPercents"),
            ({"day_limit_percents": [101]}, "dailyLimitPercents"),
            ({"day_limit_percents": [80, 80]}, "dailyLimitPercents"),
            ({"day_limit_percents": list(range(1, 12))}, "dailyLimitPercents"),
        ],
    )
    async def test_refuses_what_is_out_of_bounds_by_its_name(
        self, shop: Shop, given: dict[str, list[int]], field: str
    ) -> None:
        account = await with_tokens(shop)

        outcome = await shop.alerts.set_alerts(
            shop.tenant_id, account, **{"balance_percents": [30], "balance_tokens": [7], **given}
        )

        assert isinstance(outcome, InvalidInput)
        assert outcome.field == field
        assert await shop.reads.alert_settings(shop.tenant_id, account) == Alerting()

    async def test_takes_the_bounds_themselves(self, shop: Shop) -> None:
        account = await with_tokens(shop)

        outcome = await shop.alerts.set_alerts(
            shop.tenant_id,
            account,
            balance_percents=[0, 100, *range(1, 9)],
            balance_tokens=[1, MAX_MICROS],
            day_limit_percents=[1, 100],
        )

        assert isinstance(outcome, AccountRecord)

    async def test_knows_no_account_of_another_tenant(self, shop: Shop, a_tenant: TenantBuilder) -> None:
        account = await with_tokens(shop)
        stranger = (await a_tenant()).id

        assert await shop.alerts.set_alerts(stranger, account, balance_percents=[50]) == NotFound("account")
        assert await shop.reads.alert_settings(stranger, account) is None
        assert await shop.reads.alert_settings(shop.tenant_id, account) == Alerting()


async def test_an_account_is_warned_as_the_price_book_says_under_which_it_was_opened(shop: Shop) -> None:
    early = await shop.open("early")
    policies = "[policies]\nalert_percents = [60]\ndaily_limit_percents = [90, 70]"
    await shop.publish(a_source(trial=0).replace("[policies]", policies))
    late = await shop.open("late")
    await shop.create("early")

    assert await shop.reads.alert_settings(shop.tenant_id, early) == Alerting()
    assert await shop.reads.alert_settings(shop.tenant_id, late) == Alerting((60,), (), (90, 70))


class TestEvents:
    async def test_are_listed_newest_first_page_by_page(self, shop: Shop) -> None:
        account = await with_tokens(shop)
        await spend(shop, account, 100)
        await buy(shop, account, 50)
        await spend(shop, account, 46, "again")

        first = await shop.reads.alert_events(shop.tenant_id, account, Slice(3), ALL)
        rest = await shop.reads.alert_events(shop.tenant_id, account, Slice(3, first.rows[-1].event_id), ALL)

        assert [event.event_id for event in first.rows] == [5, 4, 3]
        assert [event.event_id for event in rest.rows] == [2, 1]
        assert (first.has_more, rest.has_more) == (True, False)
        assert percents([*first.rows, *rest.rows]) == [10, 20, 0, 10, 20]

    async def test_are_as_they_were_told(self, shop: Shop) -> None:
        account = await with_tokens(shop)
        await spend(shop, account, 85)
        (event,) = await events(shop, account)
        balance = await shop.reads.balance(shop.tenant_id, account)

        assert balance is not None
        assert (event.event_id, event.kind, event.threshold_percent) == (1, AlertKind.LOW_BALANCE, 20)
        assert (event.version, event.at, event.available) == (balance.version, balance.as_of, 15 * MICROS)
        assert (event.scope, event.rearmed_at, event.expires_at) == (None, None, None)
        assert await shop.reads.alert_event(shop.tenant_id, account, 1) == event
        assert await shop.reads.alert_event(shop.tenant_id, account, 2) is None

    async def test_are_filtered_by_kind_and_by_what_is_still_so(self, shop: Shop) -> None:
        account = await with_tokens(shop)
        await shop.clock.advance(shop.tenant_id, 340 * DAY_SECONDS)
        await buy(shop, account, 20)
        await shop.clock.advance(shop.tenant_id, 20 * DAY_SECONDS)
        await spend(shop, account, 105)
        low, expiring = AlertFilter(frozenset({AlertKind.LOW_BALANCE})), frozenset({AlertKind.GRANT_EXPIRING})

        assert percents(await events(shop, account, low)) == [20]
        (notice,) = await events(shop, account, AlertFilter(expiring))
        assert notice.amount == 100 * MICROS
        assert await events(shop, account, AlertFilter(expiring, active_only=True)) == [], "none of it is left"
        await buy(shop, account, 30)
        assert await events(shop, account, AlertFilter(active_only=True)) == []
        assert await events(shop, account, AlertFilter(frozenset())) == []

    async def test_of_a_grant_are_active_until_it_ends(self, shop: Shop) -> None:
        account = await with_tokens(shop)
        wanted = AlertFilter(frozenset({AlertKind.GRANT_EXPIRING}), active_only=True)
        await shop.clock.advance(shop.tenant_id, 360 * DAY_SECONDS)
        assert len(await events(shop, account, wanted)) == 1

        await shop.clock.advance(shop.tenant_id, 6 * DAY_SECONDS)

        assert await events(shop, account, wanted) == []

    async def test_of_another_tenant_are_not_to_be_seen(self, shop: Shop, a_tenant: TenantBuilder) -> None:
        account = await with_tokens(shop)
        await spend(shop, account, 100)
        stranger = (await a_tenant()).id

        assert (await shop.reads.alert_events(stranger, account, MANY, ALL)).rows == ()
        assert await shop.reads.count_alert_events(stranger, account, ALL) == 0
        assert await shop.reads.alert_event(stranger, account, 1) is None
        assert await shop.reads.crossings(stranger, account, 0, 9, first=9) == ()

    async def test_come_in_order_as_the_clock_passes_notice_and_end(self, database: Database, shop: Shop) -> None:
        account = await with_tokens(shop)
        (grant,) = (await shop.reads.grants(shop.tenant_id, account, MANY, active_only=True)).rows
        assert grant.expires_at is not None

        await shop.clock.advance(shop.tenant_id, 366 * DAY_SECONDS)

        told = await events(shop, account)
        assert [event.kind for event in told] == [AlertKind.GRANT_EXPIRING, *[AlertKind.LOW_BALANCE] * 3]
        assert (grant.expires_at - told[0].at).days == 7
        assert {event.at for event in told[1:]} == {grant.expires_at}
        assert told[0].grant_id == grant.grant_id
        assert told[0].expires_at == grant.expires_at
        assert await audit(database) == ()


async def test_a_notice_is_given_when_somebody_looks_although_no_entry_is_written(shop: Shop) -> None:
    account = await with_tokens(shop)
    before = await shop.reads.balance(shop.tenant_id, account)
    await shop.clock.advance(shop.tenant_id, 359 * DAY_SECONDS)

    told = await events(shop, account)

    assert [event.kind for event in told] == [AlertKind.GRANT_EXPIRING]
    after = await shop.reads.balance(shop.tenant_id, account)
    assert before is not None
    assert after is not None
    # Only the day is another one.
    assert after._replace(today=before.today, as_of=before.as_of) == before


async def test_each_crossing_is_told_once_however_many_spend_at_once(database: Database, shop: Shop) -> None:
    account = await with_tokens(shop)
    async with open_shop(database, shop.tenant_id) as elsewhere:
        await asyncio.gather(
            *(
                [shop, elsewhere][index % 2].fares.charge(shop.reserve_request(account, f"c{index}", work=MICROS))
                for index in range(100)
            )
        )

    assert percents(await events(shop, account)) == [20, 10, 0]
    assert [event.event_id for event in await events(shop, account)] == [1, 2, 3]
    assert await audit(database) == ()


async def test_a_member_is_told_of_its_own_days_alone(shop: Shop, database: Database) -> None:
    account, ada, bob = await with_tokens(shop), UUID(int=1), UUID(int=2)
    await a_member(database, shop.tenant_id, account, ada)
    setting = LimitSetting(LimitScope.MEMBER, LimitPeriod.DAY, ada, limit=10 * MICROS)
    assert isinstance(await shop.limits.set(shop.tenant_id, account, setting), LimitsEffect)
    held(await shop.fares.charge(replace(shop.reserve_request(account, "work", work=8 * MICROS), member_id=ada)))

    (event,) = await events(shop, account)

    assert (event.kind, event.scope) == (AlertKind.DAY_LIMIT, Scope(LimitScope.MEMBER, ada))
    assert (event.threshold_percent, event.consumed, event.limit) == (80, 8 * MICROS, 10 * MICROS)
    assert await events(shop, account, AlertFilter(seen=MembersSeen(everyone=False, member_id=ada))) == [event]
    assert await events(shop, account, AlertFilter(seen=MembersSeen(everyone=False, member_id=bob))) == []
    assert await events(shop, account, AlertFilter(seen=MembersSeen(everyone=False))) == []


async def test_a_days_limit_that_is_raised_is_told_of_again(shop: Shop, database: Database) -> None:
    """What was told is kept between commands, with the limit that it was told of."""
    account = await with_tokens(shop)
    for limit, spent in ((5, 4), (10, 5)):
        setting = LimitSetting(LimitScope.ACCOUNT, LimitPeriod.DAY, limit=limit * MICROS)
        assert isinstance(await shop.limits.set(shop.tenant_id, account, setting), LimitsEffect)
        await spend(shop, account, spent, key=f"to {limit}")

    told = [(event.consumed, event.limit) for event in await events(shop, account)]

    assert told == [(4 * MICROS, 5 * MICROS), (9 * MICROS, 10 * MICROS)]
    assert await audit(database) == ()


async def test_new_percentages_are_judged_by_the_price_books_limit_as_well(shop: Shop) -> None:
    await shop.publish(a_source(trial=0, policies="daily_limit = 10"))
    account = await with_tokens(shop)
    await spend(shop, account, 6)
    assert await events(shop, account) == []

    await shop.alerts.set_alerts(shop.tenant_id, account, day_limit_percents=[50])

    (event,) = await events(shop, account)
    assert (event.threshold_percent, event.limit) == (50, 10 * MICROS)
