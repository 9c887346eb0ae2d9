"""A day's limit that is nearly reached: told of once for each percentage and window."""

from __future__ import annotations

from uuid import UUID

import pytest

from rules.ledger.alerting import Alerting
from rules.ledger.alerts import tell_day_limit
from rules.ledger.kinds import AlertKind, LimitScope
from rules.ledger.spending import ACCOUNT_SCOPE, NO_LIMIT, Scope, Spending, Window
from rules.ledger.state import Account, AccountState
from tests.rules.ledger.notation import ACCOUNT, START, TENANT, after

MEMBER = Scope(LimitScope.MEMBER, UUID(int=7))


def a_state(*percents: int) -> AccountState:
    account = Account(TENANT, ACCOUNT, created_at=START, last_at=after(9), opened=True, total=500, version=4)
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
    state, spending = a_state(), Spending()
    assert told(state, spending, 79) == []
    assert told(state, spending, 80) == [80]
    assert spending.day_warned == 80
    assert state.account_changed


def test_is_told_once_in_a_window_also_after_tokens_went_back() -> None:
    state, spending = a_state(), Spending()
    assert told(state, spending, 85) == [80]
    assert told(state, spending, 10) == []
    assert told(state, spending, 99) == []


def test_is_told_again_in_the_next_window() -> None:
    state, spending = a_state(), Spending()
    assert told(state, spending, 85) == [80]
    spending.day, spending.day_warned = Window(), 0
    assert told(state, spending, 85) == [80]


def test_is_told_of_each_percentage_from_the_least_on() -> None:
    state, spending = a_state(100, 80, 50), Spending()
    assert told(state, spending, 60) == [50]
    assert told(state, spending, 100) == [80, 100]


@pytest.mark.parametrize("limit", [None, NO_LIMIT])
def test_is_not_told_without_a_limit(limit: int | None) -> None:
    assert told(a_state(), Spending(), 10**9, limit=limit) == []


def test_is_not_told_of_what_goes_back_under_a_lowered_limit() -> None:
    state, spending = a_state(), Spending(day=Window(consumed=90))
    assert told(state, spending, 60, limit=50) == []
    assert told(state, spending, 61, limit=50) == [80]


def test_says_whose_day_how_much_of_what_and_when_it_ends() -> None:
    state, spending = a_state(), Spending(day=Window(ends_at=after(3_600)))
    told(state, spending, 80, scope=MEMBER)
    (event,) = state.new_alerts
    assert (event.event_id, event.kind, event.at, event.version) == (1, AlertKind.DAY_LIMIT, after(9), 4)
    assert (event.scope, event.consumed, event.limit, event.available) == (MEMBER, 80, 100, 500)
    assert event.expires_at == after(3_600)
    assert event.threshold_tokens is None
