"""What falls due is settled in order of its instants, each at its own, before anything is decided."""

from __future__ import annotations

import pytest

from rules.ledger.due import settle_due
from rules.ledger.refusals import InsufficientTokens
from rules.ledger.state import Account, AccountState
from tests.rules.ledger.notation import ACCOUNT, DAY_SECONDS, START, TENANT, after, fact, refusal, tokens
from tests.rules.ledger.workbench import an_account


@pytest.mark.parametrize("due_holds_max", [1, 2, 3, 500])
def test_happens_in_order_with_each_at_its_own_instant(due_holds_max: int) -> None:
    bench = an_account(due_holds_max=due_holds_max)
    bench.grant(10, expires_in=40)
    bench.grant(20, expires_in=20)
    bench.grant(30)
    for ttl_seconds in (50, 30, 10):
        bench.reserve(1, ttl_seconds=ttl_seconds)
    bench.wait(days=1)
    bench.balance()
    assert [(written.kind, int(written.total), int(written.held)) for written in bench.written] == [
        ("RELEASE", 0, -1),
        ("EXPIRY", -18, 0),
        ("RELEASE", 0, -1),
        ("EXPIRY", -1, 0),
        ("GRANT", 1, 0),
        ("EXPIRY", -10, 0),
        ("RELEASE", 0, -1),
        ("EXPIRY", -1, 0),
        ("GRANT", 1, 0),
    ]
    assert [entry.at for entry in bench.entries[-9:]] == [
        after(seconds) for seconds in (10, 20, 30, 30, 30, 40, 50, 50, 50)
    ]


def test_at_one_instant_grants_end_before_holds() -> None:
    bench = an_account()
    bench.reserve(0, ttl_seconds=60)
    bench.grant(10, expires_in=60)
    bench.reserve(4, ttl_seconds=60)
    bench.wait(60)
    bench.balance()
    assert [written.kind for written in bench.written] == ["EXPIRY", "RELEASE", "RELEASE", "EXPIRY", "GRANT"]


def test_includes_what_comes_about_on_the_way() -> None:
    bench = an_account()
    bench.grant(10, expires_in=60)
    bench.reserve(10, ttl_seconds=90)
    bench.wait(days=30)
    bench.balance()
    assert bench.written == [
        fact("RELEASE", held=-10),
        fact("EXPIRY", total=-10),
        fact("GRANT", total=10),
        fact("EXPIRY", total=-10),
    ]
    assert bench.entries[-1].at == after(90 + 7 * DAY_SECONDS)


def test_comes_before_whatever_is_decided() -> None:
    bench = an_account(tokens=10)
    bench.grant(10, expires_in=60)
    bench.reserve(5, ttl_seconds=60)
    bench.wait(60)
    with refusal(InsufficientTokens(tokens(16), tokens(15))):
        bench.reserve(16)
    bench.reserve(15)


def test_happens_once() -> None:
    bench = an_account()
    bench.grant(10, expires_in=60)
    bench.reserve(5, ttl_seconds=60)
    bench.wait(60)
    bench.balance()
    bench.balance()
    assert bench.written == []


def test_a_refund_brings_a_used_up_grant_back_to_its_expiry() -> None:
    bench = an_account()
    bench.grant(10, expires_in=60)
    hold = bench.charge(10).hold.hold_id
    bench.wait(30)
    bench.balance()
    bench.refund(hold, 4)
    bench.wait(30)
    bench.balance()
    assert bench.written == [fact("EXPIRY", total=-4)]


def test_nothing_is_touched_where_nothing_is_due() -> None:
    state = AccountState(Account(TENANT, ACCOUNT, created_at=START, last_at=START))
    assert settle_due(state, after(10**9))
    assert (state.account_changed, state.entries) == (False, [])


def test_an_account_that_wakes_too_early_goes_back_to_sleep() -> None:
    bench = an_account(tokens=100)
    hold = bench.reserve(5, ttl_seconds=60)
    bench.extend(hold, ttl_seconds=600)
    bench.wait(60)
    bench.balance()
    assert bench.written == []
    assert bench.account.due_at == after(600)


def test_an_extended_hold_ends_at_its_new_instant() -> None:
    bench = an_account(tokens=100)
    hold = bench.reserve(5, ttl_seconds=60)
    bench.wait(59)
    bench.extend(hold, ttl_seconds=60)
    bench.wait(microseconds=60_000_000 - 1)
    assert bench.balance().held == tokens(5)
    bench.wait(microseconds=1)
    assert bench.balance().held == 0
