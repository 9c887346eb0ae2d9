"""Refund: captured tokens go back where they came from, lines in proportion; the journal keeps both facts."""

from __future__ import annotations

import pytest

from rules.ledger.kinds import GrantSource, HoldState
from rules.ledger.refusals import NotRefundable
from tests.rules.ledger.notation import DAY_SECONDS, a_line, after, fact, in_tokens, refusal, tokens
from tests.rules.ledger.workbench import Workbench, an_account


def spent(bench: Workbench, amount: int | str) -> int:
    return bench.charge(amount).hold.hold_id


def newest(bench: Workbench) -> int:
    return max(bench.shelf.grants)


def test_gives_captured_tokens_back_and_keeps_both_facts() -> None:
    bench = an_account(tokens=100)
    hold = spent(bench, 35)
    effect = bench.refund(hold, 10, reason="the picture was black")
    assert bench.facts[-2:] == [fact("CAPTURE", total=-35, held=-35, spent=35), fact("REFUND", total=10, spent=-10)]
    assert bench.entries[-1].note == "the picture was black"
    assert (bench.available, in_tokens(effect.amount)) == (75, 10)
    assert (in_tokens(effect.hold.captured), in_tokens(effect.hold.refunded)) == (35, 10)


def test_without_an_amount_gives_all_that_is_left() -> None:
    bench = an_account(tokens=100)
    hold = spent(bench, 35)
    bench.refund(hold, 10)
    assert in_tokens(bench.refund(hold).amount) == 25
    assert bench.available == 100


def test_never_gives_more_than_was_captured() -> None:
    bench = an_account(tokens=100)
    hold = spent(bench, 35)
    with refusal(NotRefundable(tokens(35), tokens("35.000001"))):
        bench.refund(hold, "35.000001")
    bench.refund(hold, 35)
    with refusal(NotRefundable(0, tokens("0.000001"))):
        bench.refund(hold, "0.000001")
    with refusal(NotRefundable(0, 0)):
        bench.refund(hold)


def test_needs_a_capture() -> None:
    bench = an_account(tokens=100)
    with refusal(NotRefundable(0, tokens(1))):
        bench.refund(bench.reserve(35), 1)


def test_serves_an_open_hold_and_one_that_expired_with_captures() -> None:
    bench = an_account(tokens=100)
    hold = bench.reserve(35, ttl_seconds=60)
    bench.commit(hold, 20, final=False)
    assert bench.refund(hold, 5).hold.state is HoldState.OPEN
    bench.wait(60)
    assert bench.refund(hold, 15).hold.state is HoldState.EXPIRED
    assert bench.available == 100


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("3", ["1", "1", "1"]), ("1", ["0.333334", "0.333333", "0.333333"]), ("0.000002", ["0.000001", "0.000001", "0"])],
)
def test_shares_out_over_the_lines_in_proportion(amount: str, expected: list[str]) -> None:
    bench = an_account(tokens=100)
    hold = bench.charge(lines=[a_line(7), a_line(7), a_line(7)]).hold.hold_id
    bench.refund(hold, amount)
    assert [line.refunded for line in bench.shelf.lines[hold]] == [tokens(share) for share in expected]


def test_writes_one_entry_for_each_line_that_gets_something() -> None:
    bench = an_account(tokens=100)
    hold = bench.charge(
        lines=[a_line(30, model="veo", ref="b"), a_line(10, model="flux", ref="a"), a_line(0)]
    ).hold.hold_id
    bench.refund(hold, 20)
    assert bench.written == [fact("REFUND", total=15, spent=-15), fact("REFUND", total=5, spent=-5)]
    assert [(entry.model, entry.ref) for entry in bench.entries[-2:]] == [("veo", "b"), ("flux", "a")]


def test_counts_what_is_left_of_each_line_after_an_earlier_refund() -> None:
    bench = an_account(tokens=100)
    hold = bench.charge(lines=[a_line(30), a_line(10)]).hold.hold_id
    bench.refund(hold, 20)
    bench.refund(hold, 20)
    assert [in_tokens(line.refunded) for line in bench.shelf.lines[hold]] == [30, 10]


class TestWhereItGoes:
    def test_to_grants_in_reverse_burn_order(self) -> None:
        bench = an_account()
        first, second, third = (bench.grant(10, priority=priority) for priority in (1, 2, 3))
        hold = spent(bench, 30)
        bench.refund(hold, 12)
        assert bench.left_on(first, second, third) == [0, 2, 10]

    def test_whenever_they_joined_the_hold(self) -> None:
        bench = an_account()
        late = bench.grant(10, priority=50)
        hold = bench.reserve(10)
        early = bench.grant(10, priority=1)
        bench.extend(hold, 10)
        bench.commit(hold, 20)
        bench.refund(hold, 12)
        assert bench.left_on(early, late) == [2, 10]

    def test_to_the_credit_line_first(self) -> None:
        bench = an_account(tokens=10, credit_limit=20)
        hold = spent(bench, 25)
        bench.refund(hold, 18)
        assert bench.written == [fact("REFUND", total=3, owed=-15, spent=-18)]
        assert (bench.total, bench.owed) == (3, 0)

    def test_what_was_settled_since_comes_back_as_tokens_in_an_adjustment(self) -> None:
        bench = an_account(credit_limit=20)
        hold = spent(bench, 15)
        bench.settle_credit(9)
        bench.refund(hold, 10)
        assert bench.written == [fact("REFUND", total=4, owed=-6, spent=-10)]
        lot = bench.lot(newest(bench))
        assert (lot.source, in_tokens(lot.granted), lot.expires_at) == (GrantSource.ADJUSTMENT, 4, None)
        assert (bench.total, bench.owed) == (4, 0)

    def test_to_an_expired_grant_only_to_live_on_for_the_grace(self) -> None:
        bench = an_account()
        bench.grant(10, expires_in=60)
        hold = spent(bench, 10)
        bench.wait(100)
        bench.refund(hold, 4)
        assert bench.written == [fact("REFUND", total=4, spent=-4), fact("EXPIRY", total=-4), fact("GRANT", total=4)]
        lot = bench.lot(newest(bench))
        assert (lot.source, lot.expires_at) == (GrantSource.ADJUSTMENT, after(100 + 7 * DAY_SECONDS))

    def test_to_a_revoked_grant_is_followed_by_its_revocation(self) -> None:
        bench = an_account()
        grant = bench.grant(10)
        hold = spent(bench, 6)
        bench.revoke(grant)
        bench.refund(hold, 6)
        assert bench.written == [fact("REFUND", total=6, spent=-6), fact("REVOCATION", total=-6)]
        assert bench.available == 0

    def test_then_pays_clawed_back_debt_with_what_came_in_and_no_more(self) -> None:
        bench = an_account()
        disputed = bench.grant(10)
        spent(bench, 10)
        bench.grant(50)
        hold = spent(bench, 8)
        bench.claw_back(disputed)
        bench.refund(hold, 3)
        assert bench.written == [fact("REFUND", total=3, spent=-3), fact("SETTLEMENT", total=-3, owed=-3)]
        assert (bench.total, bench.owed) == (42, 7)

    def test_of_what_was_clawed_back_lowers_its_debt(self) -> None:
        bench = an_account()
        disputed = bench.grant(10)
        hold = spent(bench, 6)
        bench.claw_back(disputed)
        assert bench.owed == 6
        bench.refund(hold, 6)
        assert bench.written == [fact("REFUND", total=6, spent=-6), fact("SETTLEMENT", total=-6, owed=-6)]
        assert (bench.total, bench.owed, bench.available) == (0, 0, 0)

    def test_of_what_was_clawed_back_and_paid_since_are_tokens_again(self) -> None:
        bench = an_account()
        disputed = bench.grant(10)
        hold = spent(bench, 6)
        bench.claw_back(disputed)
        bench.grant(6)
        assert bench.available == 0
        bench.refund(hold, 6)
        assert bench.available == 6

    def test_and_does_not_move_the_mark(self) -> None:
        bench = an_account(tokens=100)
        hold = spent(bench, 90)
        bench.refund(hold)
        spent(bench, 90)
        assert (bench.balance().mark, bench.balance().remaining_percent) == (tokens(100), 10)
