"""A closed account takes nothing new and keeps nothing; what was begun may finish."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rules.ledger.commands import PlanAssignment, TransferPart
from rules.ledger.kinds import GrantEnd, HoldState, OverrunPolicy
from rules.ledger.refusals import AccountFrozen, NotFound
from rules.pricing.refusals import InvalidInput
from tests.rules.ledger.notation import ELSEWHERE, a_line, fact, refusal, tokens
from tests.rules.ledger.workbench import Workbench, an_account

CLOSED = "the account was closed, for good"
NEW_WORK: dict[str, Callable[[Workbench, int], object]] = {
    "reserve": lambda bench, hold: bench.reserve(1),
    "charge": lambda bench, hold: bench.charge(1),
    "extending the amount": lambda bench, hold: bench.extend(hold, 1),
}
CHANGES: dict[str, tuple[str, Callable[[Workbench], object]]] = {
    "a grant": ("accountId", lambda bench: bench.grant(1)),
    "a transfer to it": ("toAccountId", lambda bench: bench.receive(TransferPart(1, 5, 50, None))),
    "a transfer from it": ("fromAccountId", lambda bench: bench.send(1)),
    "a plan": ("accountId", lambda bench: bench.adjust(plan=PlanAssignment("pro", 5))),
    "a credit line": ("accountId", lambda bench: bench.adjust(credit_limit=5)),
    "thawing": ("accountId", lambda bench: bench.adjust(frozen=False)),
}


def a_closed_account(*, held: int = 35, credit_limit: int = 0) -> tuple[Workbench, int]:
    bench = an_account(tokens=100, credit_limit=credit_limit)
    hold = bench.reserve(held)
    bench.close()
    return bench, hold


def test_closing_says_so_and_revokes_what_no_hold_has() -> None:
    bench = an_account(tokens=100)
    bench.grant(5)
    bench.reserve(35)
    bench.close(note="moved away")
    assert bench.written == [fact("ADJUSTMENT"), fact("REVOCATION", total=-5), fact("REVOCATION", total=-65)] or (
        bench.written == [fact("ADJUSTMENT"), fact("REVOCATION", total=-65), fact("REVOCATION", total=-5)]
    )
    assert bench.entries[-3].note == "closed: moved away"
    assert bench.account.closed_at == bench.now
    assert (bench.total, bench.held, bench.available) == (35, 35, 0)
    assert [lot.ended for lot in bench.shelf.grants.values()] == [GrantEnd.REVOKED, GrantEnd.REVOKED]


def test_again_it_does_nothing_not_even_with_bad_input() -> None:
    bench, _ = a_closed_account()
    closed_at = bench.account.closed_at
    bench.wait(60)
    bench.close(note="again", refused=InvalidInput("note", "…"))
    assert bench.written == []
    assert bench.account.closed_at == closed_at


def test_bad_input_closes_nothing() -> None:
    bench = an_account(tokens=1)
    with refusal(InvalidInput("note", "…")):
        bench.close(refused=InvalidInput("note", "…"))
    assert bench.account.closed_at is None


def test_what_was_never_opened_is_not_found() -> None:
    with refusal(NotFound("account")):
        Workbench(opened=False).close()


@pytest.mark.parametrize("verb", NEW_WORK)
def test_it_takes_no_new_work_whatever_the_credit_line(verb: str) -> None:
    bench, hold = a_closed_account(credit_limit=1_000)
    with refusal(AccountFrozen(closed=True)):
        NEW_WORK[verb](bench, hold)


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_comes_to_it_and_nothing_of_it_is_changed(change: str) -> None:
    bench, _ = a_closed_account()
    field, make = CHANGES[change]
    with refusal(InvalidInput(field, CLOSED)):
        make(bench)


def test_opening_it_anew_does_nothing() -> None:
    bench, _ = a_closed_account()
    bench.open(trial=50)
    assert bench.written == []


class TestWhatWasBegun:
    def test_is_committed_and_its_rest_revoked(self) -> None:
        bench, hold = a_closed_account()
        bench.commit(hold, 20)
        assert bench.written == [
            fact("CAPTURE", total=-20, held=-20, spent=20),
            fact("RELEASE", held=-15),
            fact("REVOCATION", total=-15),
        ]
        assert (bench.total, bench.available) == (0, 0)

    def test_is_released_and_revoked(self) -> None:
        bench, hold = a_closed_account()
        bench.release(hold)
        assert bench.written == [fact("RELEASE", held=-35), fact("REVOCATION", total=-35)]

    def test_ends_by_itself_and_is_revoked(self) -> None:
        bench, hold = a_closed_account()
        bench.wait(900)
        assert bench.balance().total == 0
        assert bench.hold(hold).state is HoldState.EXPIRED

    def test_may_have_more_time(self) -> None:
        bench, hold = a_closed_account()
        bench.extend(hold, ttl_seconds=3_600)
        bench.wait(1_000)
        bench.commit(hold, 35)

    def test_pays_from_its_hold_alone(self) -> None:
        bench, hold = a_closed_account(credit_limit=1_000)
        effect = bench.commit(hold, lines=[a_line(50)], overrun=OverrunPolicy.CHARGE_AVAILABLE)
        assert (effect.amount, effect.uncovered) == (tokens(35), tokens(15))

    def test_on_a_grant_that_expired_has_no_grace(self) -> None:
        bench = an_account()
        bench.grant(10, expires_in=60)
        hold = bench.reserve(10)
        bench.wait(61)
        bench.close()
        assert bench.written[-1] == fact("REVOCATION")
        bench.release(hold)
        assert bench.written == [fact("RELEASE", held=-10), fact("REVOCATION", total=-10)]


class TestARefund:
    def test_comes_back_and_is_revoked(self) -> None:
        bench = an_account(tokens=100)
        used_up = bench.charge(100).hold.hold_id
        bench.close()
        bench.refund(used_up, 30)
        assert bench.written == [fact("REFUND", total=30, spent=-30), fact("REVOCATION", total=-30)]
        bench.refund(used_up)
        assert bench.total == 0

    def test_of_what_was_drawn_lowers_the_debt(self) -> None:
        bench = an_account(credit_limit=100)
        drawn = bench.charge(40).hold.hold_id
        bench.close()
        bench.refund(drawn, 30)
        assert (bench.owed, bench.total) == (10, 0)

    def test_of_what_was_settled_meanwhile_is_revoked_too(self) -> None:
        bench = an_account(credit_limit=100)
        drawn = bench.charge(40).hold.hold_id
        bench.settle_owed(40)
        bench.close()
        bench.refund(drawn)
        assert bench.written == [fact("REFUND", total=40, spent=-40), fact("REVOCATION", total=-40)]

    def test_of_what_was_clawed_back_pays_the_debt_first(self) -> None:
        bench = an_account(tokens=50)
        hold = bench.charge(50).hold.hold_id
        bench.claw_back(1)
        bench.settle_owed(30)
        bench.close()
        bench.refund(hold)
        assert bench.written == [
            fact("REFUND", total=50, spent=-50),
            fact("SETTLEMENT", total=-20, owed=-20),
            fact("REVOCATION", total=-30),
        ]
        assert (bench.total, bench.owed) == (0, 0)


def test_its_debt_stays_and_can_be_settled() -> None:
    bench = an_account(credit_limit=100)
    bench.charge(40)
    bench.close()
    assert bench.owed == 40
    bench.settle_owed(40)
    assert bench.owed == 0


def test_a_payment_can_still_be_disputed() -> None:
    bench = an_account(tokens=100)
    bench.charge(60)
    bench.close()
    bench.claw_back(1)
    assert (bench.owed, bench.total) == (60, 0)


def test_what_it_sent_and_nobody_could_take_comes_back_and_is_revoked() -> None:
    bench = an_account(tokens=100)
    bench.send(40, to=ELSEWHERE)
    bench.close()
    bench.take_back()
    assert bench.written == [fact("TRANSFER", total=40), fact("REVOCATION", total=-40)]
    bench.take_back()
    assert bench.written == []
