"""Loyalty: which periods have earned what."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rules.pricing.policies import LoyaltyRule
from rules.promotions.loyalty import LoyaltyReward, first_day, period_of, rewards

OPENED = date(2026, 3, 10)
WEEK = LoyaltyRule(100, 7, 5)
MONTH = LoyaltyRule(300, 30, 20)


def on(day: int) -> date:
    """So many days after the account was opened."""
    return OPENED + timedelta(days=day)


def earned(*spent: tuple[int, int], rules: tuple[LoyaltyRule, ...] = (WEEK,), since: int = 0) -> list[tuple[int, int]]:
    found = rewards(rules, OPENED, on(since), {on(day): amount for day, amount in spent})
    return [(reward.rule.within_days, reward.period) for reward in found]


def test_enough_within_one_period_earns_once() -> None:
    assert earned((0, 60), (6, 39)) == []
    assert earned((0, 60), (6, 40)) == [(7, 0)]
    assert earned((0, 1_000), (6, 1_000)) == [(7, 0)]


def test_no_spending_counts_in_two_periods() -> None:
    assert earned((6, 60), (7, 60)) == []
    assert earned((6, 100), (7, 100), (20, 100)) == [(7, 0), (7, 1), (7, 2)]


def test_a_refund_is_taken_off() -> None:
    assert earned((0, 120), (3, -30)) == []
    assert earned((0, 120), (8, -30)) == [(7, 0)]


def test_each_rule_is_judged_by_itself() -> None:
    assert earned((0, 150), (20, 150), rules=(WEEK, MONTH)) == [(7, 0), (7, 2), (30, 0)]


def test_periods_that_were_over_before_are_left_alone() -> None:
    assert earned((0, 100), (7, 100), since=10) == [(7, 1)]


def test_all_that_a_judged_period_had_is_asked_for() -> None:
    assert first_day((WEEK,), OPENED, on(13)) == on(7)
    assert first_day((WEEK, MONTH), OPENED, on(45)) == on(30)


def test_the_day_before_the_first_is_of_the_first_period() -> None:
    """Where the account is it may still be yesterday when it is opened."""
    assert earned((-1, 60), (6, 40)) == [(7, 0)]
    assert earned((-1, 60), (6, 40), since=-1) == [(7, 0)]
    assert earned((-1, 60), (6, 39)) == []
    assert first_day((WEEK,), OPENED, on(6)) == on(-1)
    assert first_day((WEEK, MONTH), OPENED, on(13)) == on(-1)


def test_what_a_rule_gives_is_no_part_of_its_key() -> None:
    assert LoyaltyReward(WEEK, 3).key == LoyaltyReward(LoyaltyRule(100, 7, 9, 2), 3).key
    assert len({LoyaltyReward(rule, period).key for rule in (WEEK, MONTH) for period in (0, 1)}) == 4


@given(
    st.dictionaries(st.integers(-1, 400), st.integers(-50, 200), max_size=60),
    st.integers(1, 60),
    st.integers(0, 400),
)
def test_reviewed_late_the_same_is_found_as_reviewed_every_day(spent: dict[int, int], days: int, since: int) -> None:
    rule = LoyaltyRule(100, days, 5)
    by_day = {on(day): amount for day, amount in spent.items()}
    late = {reward.period for reward in rewards((rule,), OPENED, on(since), by_day)}
    by_hand = {
        period
        for period in range(period_of(on(since), OPENED, rule), 401)
        if sum(amount for day, amount in spent.items() if max(day, 0) // days == period) >= 100
    }
    assert late == by_hand
