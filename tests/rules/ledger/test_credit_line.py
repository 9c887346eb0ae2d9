"""The credit line: how far an account may go below zero."""

from __future__ import annotations

import pytest

from rules.ledger.refusals import InsufficientTokens
from tests.rules.ledger.notation import fact, in_tokens, refusal, tokens
from tests.rules.ledger.workbench import an_account


@pytest.mark.parametrize(("credit_limit", "available"), [(0, 10), (5, 15), (1_000, 1_010)])
def test_adds_to_what_is_available(credit_limit: int, available: int) -> None:
    bench = an_account(tokens=10, credit_limit=credit_limit)
    assert bench.available == available
    with refusal(InsufficientTokens(tokens(available) + 1, tokens(available))):
        bench.reserve(f"{available}.000001")
    bench.reserve(available)


def test_grants_pay_first_then_the_credit_line() -> None:
    bench = an_account(tokens=10, credit_limit=20)
    bench.charge(25)
    assert bench.written == [fact("HOLD", held=25), fact("CAPTURE", total=-10, held=-25, owed=15, spent=25)]
    assert (bench.total, bench.owed, bench.available) == (0, 15, 5)


def test_a_hold_on_the_credit_line_is_held_and_owes_nothing_yet() -> None:
    bench = an_account(tokens=10, credit_limit=20)
    hold = bench.reserve(25)
    assert (bench.total, bench.held, bench.owed, bench.available) == (10, 25, 0, 5)
    bench.release(hold)
    assert (bench.held, bench.available) == (0, 30)


def test_what_is_drawn_is_settled_only_by_a_paid_invoice() -> None:
    bench = an_account(credit_limit=20)
    bench.charge(15)
    bench.grant(100)
    assert (bench.owed, bench.available) == (15, 105)
    bench.settle_credit(15)
    assert bench.facts[-1] == fact("SETTLEMENT", owed=-15)
    assert (bench.owed, bench.available) == (0, 120)


def test_an_unlimited_account_is_never_short() -> None:
    bench = an_account(tokens=10, credit_limit="unlimited")
    bench.charge(1_000_000)
    assert (bench.total, bench.owed, bench.available) == (0, 999_990, 0)
    assert bench.balance().unlimited
    bench.reserve(1_000_000)


@pytest.mark.parametrize("lowered_to", [0, 10])
def test_lowering_it_may_leave_less_than_is_held_and_takes_nothing_back(lowered_to: int) -> None:
    bench = an_account(credit_limit=100)
    hold = bench.reserve(50)
    bench.charge(30)
    bench.adjust(credit_limit=lowered_to)
    assert (bench.available, bench.held, bench.owed) == (0, 50, 30)
    with refusal(InsufficientTokens(tokens("0.000001"), 0)):
        bench.reserve("0.000001")
    assert in_tokens(bench.commit(hold, 50).amount) == 50


def test_no_longer_unlimited_the_debt_counts_again() -> None:
    bench = an_account(tokens=100, credit_limit="unlimited")
    bench.charge(130)
    bench.adjust(credit_limit=0)
    bench.grant(50)
    assert (bench.owed, bench.available) == (30, 20)
