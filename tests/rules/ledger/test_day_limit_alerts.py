"""A day's limit that is nearly reached: told of once for each percentage, window and limit."""

from __future__ import annotations

from uuid import UUID

import pytest

from rules.ledger.alerting import Alerting
from rules.ledger.alerts import tell_day_limit
from rules.ledger.commands import LimitSetting
from rules.ledger.kinds import AlertKind, LimitPeriod, LimitScope
from rules.ledger.spending import ACCOUNT_SCOPE, NO_LIMIT, Scope, Spending, Window
from rules.ledger.state import Account, AccountState
from tests.rules.ledger.notation import ACCOUNT, DAY_SECONDS, START, TENANT, after, tokens
from tests.rules.ledger.workbench import Workbench, an_account

MEMBER = Scope(LimitScope.MEMBER, UUID(int=7))


def today(consumed: int = 0) -> Window:
    return Window(starts_at=START, ends_at=after(3_600), consumed=consumed)


def a_state(*percents: int) -> AccountState:
    account = Account(TENANT, ACCOUNT, created_at=START, last_at=after(9), opened=True, total=500, version=4)
    account.spending = Spending(day=today())
    if percents:
        account.alerting = Alerting(day_limit_percents=percents)
    return AccountState(account)


def told(
    state: AccountState, spending: Spending, consumed: int, *, limit: int | None = 100, scope: Scope = ACCOUNT_SCOPE
) -> list[int | None]:
    """The percentages that are told of when a step leads to so much consumed."""
    first, before = len(state.new_alerts), spending.day.consumed
    spending.day.consumed = consumed
    tell_day_limit(state, scope, spending, limit, before)
    return [event.threshold_percent for event in state.new_alerts[first:]]


def test_is_told_when_it_is_reached_not_before() -> None:
    state, spending = a_state(), Spending(day=today())
    assert told(state, spending, 79) == []
    assert told(state, spending, 80) == [80]
    assert spending.day_warned == 80
    assert state.account_changed


def test_is_told_once_in_a_window_also_after_tokens_went_back() -> None:
    state, spending = a_state(), Spending(day=today())
    assert told(state, spending, 85) == [80]
    assert told(state, spending, 10) == []
    assert told(state, spending, 99) == []


def test_is_told_again_in_the_next_window() -> None:
    state, spending = a_state(), Spending(day=today())
    assert told(state, spending, 85) == [80]
    spending.day, spending.day_warned = today(), 0
    assert told(state, spending, 85) == [80]


def test_is_told_of_each_percentage_from_the_least_on() -> None:
    state, spending = a_state(100, 80, 50), Spending(day=today())
    assert told(state, spending, 60) == [50]
    assert told(state, spending, 100) == [80, 100]


@pytest.mark.parametrize("limit", [None, NO_LIMIT])
def test_is_not_told_without_a_limit(limit: int | None) -> None:
    assert told(a_state(), Spending(day=today()), 10**9, limit=limit) == []


def test_is_not_told_of_what_goes_back_under_a_lowered_limit() -> None:
    state, spending = a_state(), Spending(day=today(90))
    assert told(state, spending, 60, limit=50) == []
    assert told(state, spending, 61, limit=50) == [80]


def test_says_whose_day_how_much_of_what_and_when_it_ends() -> None:
    state, spending = a_state(), Spending(day=today())
    told(state, spending, 80, scope=MEMBER)
    (event,) = state.new_alerts
    assert (event.event_id, event.kind, event.at, event.version) == (1, AlertKind.DAY_LIMIT, after(9), 4)
    assert (event.scope, event.consumed, event.limit, event.available) == (MEMBER, 80, 100, 500)
    assert event.expires_at == after(3_600)
    assert event.threshold_tokens is None


# As commands lead to it

DAY = LimitPeriod.DAY
MEMBERS, PROJECTS = LimitScope.MEMBER, LimitScope.PROJECT
HALF_A_DAY = DAY_SECONDS // 2
"""Every test begins at noon."""


def of_the_day(bench: Workbench) -> list[tuple[str, int | None, int, int]]:
    """Whose day, the percentage, and how many tokens were consumed of how many."""
    return [
        (
            str(event.scope.kind),
            event.threshold_percent,
            (event.consumed or 0) // tokens(1),
            (event.limit or 0) // tokens(1),
        )
        for _, event in sorted(bench.shelf.alerts.items())
        if event.scope is not None
    ]


class TestWhereTheLimitChanges:
    def test_one_that_is_raised_is_told_of_again(self) -> None:
        bench = an_account(tokens=100)
        bench.set_limit(5)
        bench.charge(4)
        bench.set_limit(10)
        assert of_the_day(bench) == [("ACCOUNT", 80, 4, 5)]
        bench.charge(5)
        assert of_the_day(bench) == [("ACCOUNT", 80, 4, 5), ("ACCOUNT", 80, 9, 10)]

    def test_one_of_which_as_much_is_consumed_as_before_is_not(self) -> None:
        bench = an_account(tokens=100)
        bench.set_limit(10)
        bench.charge(9)
        bench.set_limit(11)
        bench.charge(1)
        bench.set_limit("10.5")
        assert of_the_day(bench) == [("ACCOUNT", 80, 9, 10)]

    def test_one_that_is_lowered_below_what_is_consumed_is_told_of_at_once(self) -> None:
        bench = an_account(tokens=100)
        bench.set_alerts(day_percents=[80, 100])
        bench.set_limit(10)
        bench.charge(5)
        bench.set_limit(6)
        assert of_the_day(bench) == [("ACCOUNT", 80, 5, 6)]
        (event,) = bench.shelf.alerts.values()
        assert (event.version, event.at) == (bench.account.version, bench.account.last_at)
        bench.set_limit(4)
        assert of_the_day(bench) == [("ACCOUNT", 80, 5, 6), ("ACCOUNT", 100, 5, 4)]

    def test_one_that_is_set_when_enough_is_consumed_is_told_of_at_once(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(9)
        bench.set_limit(10)
        bench.set_limit(None)
        bench.set_limit(10)
        assert of_the_day(bench) == [("ACCOUNT", 80, 9, 10)] * 2

    def test_that_nothing_is_allowed_is_not_told_where_nothing_was_consumed(self) -> None:
        bench = an_account(tokens=100)
        bench.refund(bench.charge(1).hold.hold_id)
        bench.set_limit(0)
        assert of_the_day(bench) == []

    def test_a_members_and_a_projects_own_are_told_of_at_once(self) -> None:
        bench = an_account(tokens=100)
        bench.add_member("anna")
        bench.charge(9, member="anna", project="film")
        bench.set_limit(10, scope=MEMBERS, member="anna")
        bench.set_limit(10, scope=PROJECTS, project="film")
        assert of_the_day(bench) == [("MEMBER", 80, 9, 10), ("PROJECT", 80, 9, 10)]
        bench.set_limit(10, scope=MEMBERS, member="anna")
        bench.charge(1, member="anna", project="film")
        assert len(of_the_day(bench)) == 2

    def test_other_periods_are_told_of_by_nobody(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(9)
        for period in (LimitPeriod.WEEK, LimitPeriod.MONTH, LimitPeriod.TOTAL):
            bench.set_limit(10, period)
        assert of_the_day(bench) == []

    def test_of_one_from_the_default_members_are_told_when_they_next_consume_anything(self) -> None:
        bench = an_account(tokens=100)
        for name in ("anna", "ben"):
            bench.add_member(name)
            bench.charge(4, member=name)
        bench.set_limit(5, scope=MEMBERS)
        assert of_the_day(bench) == []
        bench.charge("0.5", member="anna")
        assert of_the_day(bench) == [("MEMBER", 80, 4, 5)]
        bench.set_limit(10, scope=MEMBERS)
        bench.charge("4.5", member="anna")
        assert of_the_day(bench) == [("MEMBER", 80, 4, 5), ("MEMBER", 80, 9, 10)]

    def test_of_one_from_the_price_book_the_account_is_told_when_it_next_consumes_anything(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(4)
        bench.daily_limit = tokens(5)
        bench.charge("0.5")
        bench.daily_limit = tokens(10)
        bench.charge("4.5")
        assert of_the_day(bench) == [("ACCOUNT", 80, 4, 5), ("ACCOUNT", 80, 9, 10)]

    def test_many_that_are_set_at_once_are_told_of_with_the_last_entry(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(9, project="film")
        bench.set_limits(
            LimitSetting(LimitScope.ACCOUNT, DAY, limit=tokens(10)),
            LimitSetting(PROJECTS, DAY, project="film", limit=tokens(9)),
        )
        assert of_the_day(bench) == [("ACCOUNT", 80, 9, 10), ("PROJECT", 80, 9, 9)]
        assert {event.version for event in bench.shelf.alerts.values()} == {bench.account.version}


class TestWhereThePercentagesChange:
    def test_one_that_is_reached_already_is_told_of_at_once(self) -> None:
        bench = an_account(tokens=100)
        bench.set_limit(10)
        bench.charge("9.5")
        bench.set_alerts(day_percents=[80, 90, 95, 100])
        assert [percent for _, percent, _, _ in of_the_day(bench)] == [80, 90, 95]

    def test_a_lesser_one_than_was_told_is_not(self) -> None:
        bench = an_account(tokens=100)
        bench.set_limit(10)
        bench.charge(9)
        bench.set_alerts(day_percents=[50])
        bench.charge("0.5")
        assert of_the_day(bench) == [("ACCOUNT", 80, 9, 10)]

    def test_one_that_is_reached_anew_after_tokens_went_back_is_told_of(self) -> None:
        bench = an_account(tokens=100)
        bench.add_member("anna")
        bench.set_limit(10, scope=MEMBERS, member="anna")
        bench.set_limit(20)
        charged = bench.charge(9, member="anna").hold.hold_id
        bench.refund(charged, 8)
        bench.set_alerts(day_percents=[50])
        bench.charge(5, member="anna")
        assert of_the_day(bench) == [("MEMBER", 80, 9, 10), ("MEMBER", 50, 6, 10)]

    def test_the_price_books_limit_counts_as_well(self) -> None:
        bench = an_account(tokens=100)
        bench.daily_limit = tokens(10)
        bench.charge(6)
        bench.set_alerts(day_percents=[50, 80])
        assert of_the_day(bench) == [("ACCOUNT", 50, 6, 10)]


class TestADayThatIsOver:
    def test_is_not_told_of_when_its_hold_takes_more(self) -> None:
        bench = an_account(tokens=100)
        bench.add_member("anna")
        bench.set_limit(10)
        bench.set_limit(10, scope=MEMBERS, member="anna")
        hold = bench.reserve(5, ttl_seconds=DAY_SECONDS, member="anna")
        bench.wait(HALF_A_DAY)
        bench.extend(hold, 4)
        assert of_the_day(bench) == []
        bench.charge(8, member="anna")
        assert of_the_day(bench) == [("ACCOUNT", 80, 8, 10), ("MEMBER", 80, 8, 10)]

    def test_is_not_told_of_when_its_limit_changes(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(9)
        bench.wait(HALF_A_DAY)
        bench.set_limit(10)
        bench.set_alerts(day_percents=[50])
        assert of_the_day(bench) == []

    def test_is_not_yet_over_where_a_change_of_time_zone_made_it_longer(self) -> None:
        bench = an_account(tokens=100)
        bench.add_member("anna")
        bench.set_limit(10, scope=MEMBERS, member="anna")
        hold = bench.reserve(5, ttl_seconds=DAY_SECONDS, member="anna")
        bench.adjust(time_zone="America/New_York")
        bench.wait(HALF_A_DAY + 3_600)
        bench.extend(hold, 4)
        assert of_the_day(bench) == [("MEMBER", 80, 9, 10)]
        (event,) = bench.shelf.alerts.values()
        assert event.expires_at == after(HALF_A_DAY + 5 * 3_600)
