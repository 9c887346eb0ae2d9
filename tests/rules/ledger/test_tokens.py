"""product.md, *Tokens*: exact integers inside."""

from __future__ import annotations

import pytest

from rules.ledger.kinds import OverrunPolicy
from rules.ledger.state import Account, Allocation, CapturedLine, Grant, Hold, Operation
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS
from tests.rules.ledger.notation import ACCOUNT, START, TENANT, refusal, tokens
from tests.rules.ledger.workbench import an_account

MOST = "9000000000000"
UNCOUNTABLE = InvalidInput("work", "the account would owe, hold or have spent in all more tokens than can be counted")


@pytest.mark.parametrize("row", [Account, Grant, Hold, Allocation, CapturedLine, Operation])
def test_no_row_keeps_a_float(row: type) -> None:
    assert not [name for name, kind in row.__annotations__.items() if "float" in str(kind) or "Decimal" in str(kind)]


@pytest.mark.parametrize("amount", ["0.000001", "0.125", "9007199254.740993", "35"])
def test_an_amount_is_kept_to_the_millionth(amount: str) -> None:
    bench = an_account(tokens=amount)
    hold = bench.reserve(amount)
    bench.commit(hold, "0.000001")
    assert bench.account.total == tokens(amount) - 1


def test_nothing_drifts_over_many_small_fares() -> None:
    bench = an_account(tokens=30)
    for _ in range(300):
        bench.charge("0.1")
    assert bench.account.total == 0


def test_an_account_takes_the_greatest_amount_and_not_one_micro_token_more() -> None:
    bench = an_account(tokens=MOST)
    assert bench.account.available == MAX_MICROS
    with refusal(InvalidInput):
        bench.grant("0.000001")


def test_a_credit_line_and_the_tokens_together_stay_countable() -> None:
    bench = an_account(tokens=MOST)
    with refusal(InvalidInput):
        bench.adjust(credit_limit="0.000001")
    bench.charge(10)
    bench.adjust(credit_limit=10)
    with refusal(InvalidInput):
        bench.grant("0.000001")


def test_what_was_spent_in_all_stays_countable() -> None:
    bench = an_account(tokens=MOST)
    first = bench.charge("8999999999999.999999").hold.hold_id
    bench.grant(20)
    kept = bench.reserve("0.000001")
    for spend in (bench.charge, bench.reserve):
        with refusal(UNCOUNTABLE):
            spend("0.000001")
    with refusal(UNCOUNTABLE):
        bench.extend(kept, amount="0.000001")
    bench.commit(kept, "0.000001")
    # Refunded is not spent.
    bench.refund(first, 5)
    bench.charge(5)
    with refusal(UNCOUNTABLE):
        bench.charge("0.000001")


def test_what_was_spent_in_all_bounds_what_a_commit_takes_beyond_its_hold() -> None:
    bench = an_account(tokens=MOST)
    bench.charge("8999999999990")
    bench.grant(20)
    hold = bench.reserve(4)
    captured = bench.commit(hold, 15, overrun=OverrunPolicy.CHARGE_AVAILABLE)
    assert (captured.amount, captured.uncovered) == (tokens(10), tokens(5))


def test_a_refund_that_could_not_be_counted_is_refused() -> None:
    bench = an_account(tokens=10)
    spent = bench.charge(10).hold.hold_id
    bench.grant(MOST)
    with refusal(InvalidInput):
        bench.refund(spent)


def test_an_unlimited_account_owes_no_more_than_can_be_counted() -> None:
    bench = an_account(credit_limit="unlimited")
    bench.charge(MOST)
    with refusal(InvalidInput):
        bench.reserve("0.000001")
    with refusal(InvalidInput):
        bench.charge("0.000001")


def test_an_account_is_named_by_tenant_and_account() -> None:
    bench = an_account()
    assert (bench.account.tenant_id, bench.account.account_id, bench.account.created_at) == (TENANT, ACCOUNT, START)
