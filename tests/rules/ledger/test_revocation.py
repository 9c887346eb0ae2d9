"""Revoke and clawback: the unheld part at once, held parts as they come back; captured parts stay, or become owed."""

from __future__ import annotations

import pytest

from rules.ledger.commands import TransferPart
from rules.ledger.kinds import GrantEnd
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from tests.rules.ledger.notation import fact, in_tokens, refusal, tokens
from tests.rules.ledger.workbench import an_account


class TestRevoke:
    def test_takes_the_unheld_part_at_once(self) -> None:
        bench = an_account()
        grant = bench.grant(100)
        bench.charge(20)
        bench.reserve(30)
        bench.revoke(grant)
        assert bench.written == [fact("REVOCATION", total=-50)]
        assert (bench.total, bench.held, bench.available, bench.owed) == (30, 30, 0, 0)

    def test_takes_held_parts_as_they_come_back(self) -> None:
        bench = an_account()
        grant = bench.grant(100)
        hold = bench.reserve(30)
        bench.revoke(grant)
        bench.commit(hold, 10)
        assert bench.written == [
            fact("CAPTURE", total=-10, held=-10, spent=10),
            fact("RELEASE", held=-20),
            fact("REVOCATION", total=-20),
        ]
        lot = bench.lot(grant)
        assert (in_tokens(lot.spent), in_tokens(lot.revoked), lot.ended) == (10, 90, GrantEnd.REVOKED)

    def test_takes_them_at_the_end_of_the_holds_time_too(self) -> None:
        bench = an_account()
        grant = bench.grant(100)
        bench.reserve(30, ttl_seconds=60)
        bench.revoke(grant)
        bench.wait(60)
        bench.balance()
        assert bench.written == [fact("RELEASE", held=-30), fact("REVOCATION", total=-30)]

    def test_leaves_captured_parts_alone(self) -> None:
        bench = an_account()
        grant = bench.grant(100)
        bench.charge(20)
        bench.revoke(grant)
        assert bench.owed == 0

    def test_of_an_expired_grant_takes_what_its_holds_still_have(self) -> None:
        bench = an_account()
        grant = bench.grant(100, expires_in=60)
        hold = bench.reserve(30)
        bench.wait(90)
        bench.revoke(grant)
        assert bench.written == [fact("EXPIRY", total=-70), fact("REVOCATION")]
        bench.release(hold)
        assert bench.written == [fact("RELEASE", held=-30), fact("REVOCATION", total=-30)], (
            "no grace for what was revoked"
        )

    def test_leaves_other_grants_alone(self) -> None:
        bench = an_account(tokens=40)
        bench.revoke(bench.grant(60))
        assert bench.available == 40


class TestClawback:
    def test_makes_what_was_spent_owed(self) -> None:
        bench = an_account(tokens=40)
        grant = bench.grant(60, priority=1)
        bench.charge(25)
        bench.claw_back(grant)
        assert bench.written == [fact("CLAWBACK", total=-35, owed=25)]
        assert (bench.total, bench.owed, bench.available) == (40, 25, 15)

    def test_claims_net_of_refunds(self) -> None:
        bench = an_account()
        grant = bench.grant(60)
        hold = bench.charge(25).hold.hold_id
        bench.refund(hold, 10)
        bench.claw_back(grant)
        assert bench.written == [fact("CLAWBACK", total=-45, owed=15)]

    def test_claims_what_the_grant_settled(self) -> None:
        bench = an_account()
        first = bench.grant(10)
        bench.charge(10)
        bench.claw_back(first)
        second = bench.grant(30)
        assert bench.owed == 0
        bench.claw_back(second)
        assert bench.written == [fact("CLAWBACK", total=-20, owed=10)]

    def test_claims_what_was_sent_to_another_account(self) -> None:
        bench = an_account()
        grant = bench.grant(60)
        bench.charge(5)
        bench.send(40)
        bench.claw_back(grant)
        assert bench.written == [fact("CLAWBACK", total=-15, owed=45)]
        assert (bench.total, bench.owed, bench.available) == (0, 45, 0)

    def test_claims_only_what_was_sent_of_that_grant(self) -> None:
        bench = an_account()
        first, second = bench.grant(10, priority=1), bench.grant(60)
        bench.send(30)
        bench.claw_back(second)
        assert (bench.total, bench.owed) == (0, 20)
        bench.claw_back(first)
        assert (bench.total, bench.owed) == (0, 30)

    def test_claims_what_was_sent_before_it_was_revoked(self) -> None:
        bench = an_account()
        grant = bench.grant(60)
        bench.send(40)
        bench.revoke(grant)
        assert bench.owed == 0
        bench.claw_back(grant)
        assert bench.owed == 40

    @pytest.mark.parametrize("comes_back_first", [True, False])
    def test_claims_nothing_more_where_what_was_sent_comes_back(self, comes_back_first: bool) -> None:
        bench = an_account(tokens=100)
        grant = bench.grant(60, priority=1)
        bench.send(40)
        if comes_back_first:
            bench.take_back()
        bench.claw_back(grant)
        if not comes_back_first:
            assert bench.available == 60
            bench.take_back()
        assert bench.available == 100
        assert (bench.total, bench.owed) == ((140, 40) if comes_back_first else (100, 0))

    def test_of_what_was_received_claims_what_was_sent_on(self) -> None:
        bench = an_account()
        bench.receive(TransferPart(7, tokens(10), 50, None))
        received = bench.account.version
        bench.send(4)
        bench.claw_back(received)
        assert (bench.total, bench.owed) == (0, 4)

    def test_takes_held_parts_as_they_come_back(self) -> None:
        bench = an_account()
        grant = bench.grant(60)
        hold = bench.reserve(30)
        bench.claw_back(grant)
        assert bench.written == [fact("CLAWBACK", total=-30)]
        bench.release(hold)
        assert bench.written == [fact("RELEASE", held=-30), fact("CLAWBACK", total=-30)]
        assert (bench.total, bench.owed) == (0, 0)

    def test_claims_held_parts_that_are_captured_instead(self) -> None:
        bench = an_account()
        grant = bench.grant(60)
        hold = bench.reserve(30)
        bench.claw_back(grant)
        bench.commit(hold, 12)
        assert bench.written == [
            fact("CAPTURE", total=-12, held=-12, spent=12),
            fact("CLAWBACK", owed=12),
            fact("RELEASE", held=-18),
            fact("CLAWBACK", total=-18),
        ]
        assert (bench.total, bench.owed, bench.lot(grant).ended) == (0, 12, GrantEnd.CLAWED_BACK)

    def test_may_leave_less_than_is_held(self) -> None:
        bench = an_account()
        disputed = bench.grant(50)
        bench.charge(50)
        bench.grant(40)
        hold = bench.reserve(40)
        bench.claw_back(disputed)
        assert (bench.total, bench.held, bench.owed, bench.available) == (40, 40, 50, 0)
        assert in_tokens(bench.commit(hold, 40).amount) == 40, "what is on hold may be spent"


@pytest.mark.parametrize(
    ("first", "second"), [("revoke", "revoke"), ("claw_back", "revoke"), ("claw_back", "claw_back")]
)
def test_a_grant_is_taken_back_once(first: str, second: str) -> None:
    bench = an_account()
    grant = bench.grant(60)
    getattr(bench, first)(grant)
    with refusal(InvalidInput):
        getattr(bench, second)(grant)


def test_but_what_was_revoked_may_be_disputed_later() -> None:
    bench = an_account()
    grant = bench.grant(60)
    bench.charge(25)
    hold = bench.reserve(10)
    bench.revoke(grant)
    bench.claw_back(grant)
    assert bench.written == [fact("CLAWBACK", owed=25)]
    bench.commit(hold, 4)
    assert (bench.total, bench.owed, bench.lot(grant).ended) == (0, 29, GrantEnd.CLAWED_BACK)


def test_a_debt_that_cannot_be_counted_is_refused() -> None:
    bench = an_account()
    first = bench.grant("9000000000000")
    bench.send(10)
    bench.charge("8999999999990")
    second = bench.grant(10)
    bench.charge(10)
    bench.claw_back(first)
    with refusal(InvalidInput):
        bench.claw_back(second)


@pytest.mark.parametrize("verb", ["revoke", "claw_back"])
def test_a_grant_that_never_was_is_not_found(verb: str) -> None:
    with refusal(NotFound("grant")):
        getattr(an_account(tokens=1), verb)(4_711)


def test_a_clawback_never_lowers_what_is_available_below_zero() -> None:
    bench = an_account()
    disputed = bench.grant(50)
    bench.charge(50)
    bench.claw_back(disputed)
    assert (bench.available, bench.balance().owed) == (0, tokens(50))


def test_a_payment_may_be_disputed_after_its_tokens_were_revoked() -> None:
    bench = an_account(tokens=100)
    bench.charge(30)
    grant = next(iter(bench.shelf.grants))
    bench.revoke(grant)
    assert (bench.total, bench.owed) == (0, 0)
    bench.claw_back(grant)
    assert (bench.total, bench.owed) == (0, 30)
