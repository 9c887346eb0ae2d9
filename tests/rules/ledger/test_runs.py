"""Runs per minute: at most so many reserves and charges in any sixty seconds, for each member, else for the account."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.ledger.refusals import AccountFrozen, InsufficientTokens, LimitReached, RateLimited
from tests.rules.ledger.notation import refusal
from tests.rules.ledger.workbench import Workbench, an_account

MINUTE = 60_000_000


def an_account_with_rate(runs_per_minute: int | None, tokens: int = 1_000) -> Workbench:
    bench = an_account(tokens=tokens)
    bench.runs_per_minute = runs_per_minute
    return bench


def test_the_last_run_that_is_allowed_passes_and_the_next_is_told_how_long_to_wait() -> None:
    bench = an_account_with_rate(2)
    bench.reserve(1)
    bench.wait(20)
    bench.charge(1)
    bench.wait(10)
    with refusal(RateLimited(30)):
        bench.reserve(1)
    with refusal(RateLimited(30)):
        bench.charge(1)


@pytest.mark.parametrize(
    ("waited_micros", "told"), [(0, 60), (1, 60), (59_000_000, 1), (59_999_999, 1), (1_000_000, 59)]
)
def test_the_wait_is_rounded_up_to_whole_seconds(waited_micros: int, told: int) -> None:
    bench = an_account_with_rate(1)
    bench.reserve(1)
    bench.wait(microseconds=waited_micros)
    with refusal(RateLimited(told)):
        bench.reserve(1)


def test_it_passes_after_exactly_a_minute_and_not_a_microsecond_before() -> None:
    bench = an_account_with_rate(3)
    for _ in range(3):
        bench.reserve(1)
        bench.wait(7)
    bench.wait(60 - 21, microseconds=-1)
    with refusal(RateLimited(1)):
        bench.reserve(1)
    bench.wait(microseconds=1)
    bench.reserve(1)
    with refusal(RateLimited(7)):
        bench.reserve(1)


def test_only_runs_that_took_effect_count() -> None:
    bench = an_account_with_rate(3, tokens=10)
    hold = bench.reserve(1, key="one")
    for _ in range(5):
        bench.reserve(1, key="one")
        with refusal(InsufficientTokens):
            bench.reserve(99)
        bench.extend(hold, ttl_seconds=900)
    bench.commit(hold, 1)
    bench.refund(hold)
    bench.charge(1)
    bench.release(bench.reserve(1))
    with refusal(RateLimited):
        bench.reserve(1)
    bench.reserve(1, key="one")


def test_each_member_has_its_own_and_the_account_another() -> None:
    bench = an_account_with_rate(1)
    ada, bob = bench.add_member("ada").member_id, bench.add_member("bob").member_id
    bench.reserve(1, member=ada)
    bench.charge(1, member=bob)
    bench.reserve(1, project="film")
    for who in ({"member": ada}, {"member": bob}, {"project": "game"}):
        with refusal(RateLimited):
            bench.reserve(1, **who)


def test_without_a_rate_nothing_is_kept() -> None:
    bench = an_account_with_rate(None)
    for _ in range(20):
        bench.reserve(1)
    assert bench.account.spending is not None
    assert bench.account.spending.runs == b""


def test_no_more_is_kept_than_is_allowed_and_nothing_older_than_a_minute() -> None:
    bench = an_account_with_rate(3)
    spending = lambda: bench.account.spending  # noqa: E731 - the row is another one after every command
    for kept in (1, 2, 3):
        bench.reserve(1)
        assert len(spending().runs) == 8 * kept
        bench.wait(25)
    bench.reserve(1)
    assert len(spending().runs) == 8 * 3
    bench.wait(60)
    bench.reserve(1)
    assert len(spending().runs) == 8


def test_a_lower_rate_counts_the_runs_of_before() -> None:
    bench = an_account_with_rate(5)
    for _ in range(5):
        bench.reserve(1)
        bench.wait(1)
    bench.runs_per_minute = 2
    with refusal(RateLimited(58)):
        bench.reserve(1)
    bench.wait(58)
    bench.reserve(1)


def test_a_rate_is_judged_after_freezing_and_before_limits_and_tokens() -> None:
    bench = an_account_with_rate(1, tokens=10)
    bench.set_limit(5)
    bench.reserve(1)
    with refusal(RateLimited):
        bench.reserve(6)
    with refusal(RateLimited):
        bench.reserve(99)
    bench.adjust(frozen=True)
    with refusal(AccountFrozen):
        bench.reserve(6)
    bench.adjust(frozen=False)
    bench.wait(60)
    with refusal(LimitReached):
        bench.reserve(6)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 4),
    st.lists(st.sampled_from([0, 1, 1_000_000, 10_000_000, 29_999_999, 30_000_000, 59_999_999, MINUTE]), max_size=40),
)
def test_no_sixty_seconds_ever_see_more(rate: int, waits: list[int]) -> None:
    bench = an_account_with_rate(rate)
    began: list[int] = []
    now = 0
    for wait in waits:
        now += wait
        bench.wait(microseconds=wait)
        if sum(instant > now - MINUTE for instant in began) < rate:
            bench.charge(1)
            began.append(now)
        else:
            with refusal(RateLimited):
                bench.charge(1)
