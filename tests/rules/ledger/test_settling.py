"""What is owed is settled elsewhere: no token moves, and nothing is settled twice."""

from __future__ import annotations

import pytest

from rules.ledger.refusals import IdempotencyConflict
from rules.pricing.refusals import InvalidInput
from tests.rules.ledger.notation import fact, refusal, tokens
from tests.rules.ledger.workbench import Workbench, an_account


def a_debtor(*, drawn: int = 30, clawed_back: int = 20) -> Workbench:
    bench = an_account(tokens=clawed_back or None, credit_limit=100)
    if clawed_back:
        bench.charge(clawed_back)
        bench.claw_back(2)
    if drawn:
        bench.charge(drawn)
    return bench


@pytest.mark.parametrize(("amount", "clawed_back", "drawn"), [(5, 15, 30), (20, 0, 30), (35, 0, 15), (50, 0, 0)])
def test_what_was_clawed_back_is_paid_first(amount: int, clawed_back: int, drawn: int) -> None:
    bench = a_debtor()
    available = bench.available
    bench.settle_owed(amount, note="bank transfer")
    assert bench.written == [fact("SETTLEMENT", owed=-amount)]
    assert bench.entries[-1].note == "bank transfer"
    assert (bench.account.clawed_back, bench.account.credit_drawn) == (tokens(clawed_back), tokens(drawn))
    assert bench.available == available + amount


@pytest.mark.parametrize(("drawn", "clawed_back"), [(0, 0), (30, 0), (0, 20), (30, 20)])
def test_more_than_is_owed_is_refused(drawn: int, clawed_back: int) -> None:
    bench = a_debtor(drawn=drawn, clawed_back=clawed_back)
    with refusal(InvalidInput("amount", f"must be no more than is owed: {drawn + clawed_back} tokens")):
        bench.settle_owed(f"{drawn + clawed_back}.000001")


def test_a_key_settles_once() -> None:
    bench = a_debtor()
    first = bench.settle_owed(10, key="invoice 7")
    again = bench.settle_owed(10, key="invoice 7")
    assert again.account.version == first.account.version
    assert bench.owed == 40
    with refusal(IdempotencyConflict("invoice 7")):
        bench.settle_owed(11, key="invoice 7")


def test_a_replay_comes_before_bad_input_and_after_all_was_paid() -> None:
    bench = a_debtor()
    bench.settle_owed(50, key="all")
    bench.settle_owed(50, key="all", refused=InvalidInput("note", "…"))
    with refusal(InvalidInput("note", "…")):
        bench.settle_owed(1, refused=InvalidInput("note", "…"))


def test_it_passes_on_a_frozen_account() -> None:
    bench = a_debtor()
    bench.adjust(frozen=True)
    bench.settle_owed(50)
    assert bench.owed == 0


def test_a_refund_of_what_was_settled_comes_as_tokens() -> None:
    bench = an_account(credit_limit=100)
    hold = bench.charge(30).hold.hold_id
    bench.settle_owed(20)
    bench.refund(hold)
    assert bench.written == [fact("REFUND", total=20, owed=-10, spent=-30)]
