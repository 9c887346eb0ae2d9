"""product.md, *Tokens*: exact integers inside."""

from __future__ import annotations

import pytest

from rules.ledger.state import Account, Allocation, CapturedLine, Grant, Hold, Operation
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS
from tests.rules.ledger.notation import ACCOUNT, START, TENANT, refusal, tokens
from tests.rules.ledger.workbench import an_account

MOST = "9000000000000"


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
