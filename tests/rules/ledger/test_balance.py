"""What an account shows: available, level, percent of the mark, and what expires next."""

from __future__ import annotations

import pytest

from rules.ledger.kinds import BalanceLevel
from tests.rules.ledger.notation import START, after, tokens
from tests.rules.ledger.workbench import an_account


def test_available_is_total_less_held_less_owed_plus_the_credit_limit_and_never_below_zero() -> None:
    bench = an_account(tokens=40, credit_limit=50)
    bench.charge(60)
    bench.reserve(10)
    balance = bench.balance()
    assert (balance.total, balance.held, balance.owed) == (0, tokens(10), tokens(20))
    assert balance.available == tokens(20)
    bench.adjust(credit_limit=25)
    assert bench.balance().available == 0


@pytest.mark.parametrize(
    ("spent", "level", "percent"),
    [
        ("0", BalanceLevel.GREEN, 100),
        ("0.000001", BalanceLevel.GREEN, 99),
        ("80", BalanceLevel.GREEN, 20),
        ("80.000001", BalanceLevel.YELLOW, 19),
        ("99.999999", BalanceLevel.YELLOW, 0),
        ("100", BalanceLevel.RED, 0),
    ],
)
def test_level_and_percent_are_measured_from_the_mark(spent: str, level: BalanceLevel, percent: int) -> None:
    bench = an_account(tokens=100)
    if spent != "0":
        bench.charge(spent)
    balance = bench.balance()
    assert (balance.level, balance.remaining_percent, balance.mark) == (level, percent, tokens(100))


def test_tokens_on_hold_count_as_gone_until_they_come_back() -> None:
    bench = an_account(tokens=100)
    hold = bench.reserve(90)
    assert bench.balance().level is BalanceLevel.YELLOW
    bench.release(hold)
    balance = bench.balance()
    assert (balance.level, balance.mark) == (BalanceLevel.GREEN, tokens(100)), "a release does not move the mark"


def test_small_gifts_never_show_more_than_a_hundred_percent() -> None:
    bench = an_account(tokens=100)
    bench.grant(4)
    assert (bench.balance().mark, bench.balance().remaining_percent) == (tokens(100), 100)


def test_an_account_that_never_had_tokens_is_red_and_has_no_percentage() -> None:
    balance = an_account().balance()
    assert (balance.level, balance.remaining_percent, balance.mark) == (BalanceLevel.RED, None, 0)


def test_a_credit_line_alone_is_green_until_it_is_drawn() -> None:
    bench = an_account(credit_limit=10)
    assert (bench.balance().level, bench.balance().remaining_percent) == (BalanceLevel.GREEN, None)
    bench.charge(10)
    assert bench.balance().level is BalanceLevel.RED


def test_unlimited_is_green_without_a_percentage() -> None:
    bench = an_account(tokens=100, credit_limit="unlimited")
    bench.charge(500)
    balance = bench.balance()
    assert (balance.level, balance.remaining_percent, balance.unlimited) == (BalanceLevel.GREEN, None, True)


def test_as_of_is_the_instant_of_its_version() -> None:
    bench = an_account()
    bench.wait(5)
    assert (bench.balance().version, bench.balance().as_of) == (0, START)
    bench.grant(10)
    bench.wait(5)
    assert (bench.balance().version, bench.balance().as_of) == (1, after(5)), "unchanged reads repeat it"


def test_one_version_never_shows_two_balances() -> None:
    bench = an_account()
    bench.grant(10, expires_in=60)
    bench.reserve(10, ttl_seconds=3_600)
    shown = bench.balance()
    for seconds in (1, 59, 60):
        bench.wait(seconds)
        assert bench.balance() == shown


class TestExpiringNext:
    def test_is_the_soonest_with_all_that_expires_at_that_instant(self) -> None:
        bench = an_account(tokens=5)
        bench.grant(10, expires_in=120)
        bench.grant(3, expires_in=60)
        bench.grant(4, expires_in=60)
        balance = bench.balance()
        assert (balance.expiring_amount, balance.expiring_at) == (tokens(7), after(60))

    def test_is_nothing_where_nothing_expires(self) -> None:
        balance = an_account(tokens=5).balance()
        assert (balance.expiring_amount, balance.expiring_at) == (0, None)

    def test_leaves_out_what_is_on_hold_because_a_hold_keeps_its_tokens_alive(self) -> None:
        bench = an_account()
        bench.grant(10, expires_in=60)
        bench.reserve(4)
        assert bench.balance().expiring_amount == tokens(6)
        bench.reserve(6)
        assert bench.balance().expiring_at is None

    def test_goes_on_to_the_next_when_its_instant_has_come(self) -> None:
        bench = an_account()
        bench.grant(10, expires_in=120)
        bench.grant(3, expires_in=60)
        bench.wait(60)
        assert (bench.balance().expiring_amount, bench.balance().expiring_at) == (tokens(10), after(120))

    def test_leaves_out_what_was_taken_back(self) -> None:
        bench = an_account()
        bench.revoke(bench.grant(10, expires_in=60))
        assert bench.balance().expiring_at is None


@pytest.mark.parametrize(("left", "is_low"), [("20", False), ("19.999999", True), ("0", True)])
def test_a_balance_would_be_low_below_a_fifth_of_the_mark(left: str, is_low: bool) -> None:
    assert an_account(tokens=100).balance().would_be_low(tokens(left)) is is_low


def test_an_unlimited_balance_would_never_be_low() -> None:
    assert not an_account(tokens=100, credit_limit="unlimited").balance().would_be_low(0)
