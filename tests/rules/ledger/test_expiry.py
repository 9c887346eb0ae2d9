"""Expiry: an entry in the journal at the grant's own instant, not a filter."""

from __future__ import annotations

import pytest

from rules.ledger.kinds import GrantSource
from rules.ledger.refusals import InsufficientTokens
from tests.rules.ledger.notation import DAY_SECONDS, after, fact, in_tokens, refusal, tokens
from tests.rules.ledger.workbench import an_account

GRACE_SECONDS = 7 * DAY_SECONDS


@pytest.mark.parametrize(("microseconds", "available"), [(-1, 40), (0, 0), (1, 0)])
def test_comes_at_its_instant(microseconds: int, available: int) -> None:
    bench = an_account()
    bench.grant(40, expires_in=60)
    bench.at(after(60, microseconds=microseconds))
    assert bench.balance().available == tokens(available)
    assert bench.written == ([] if available else [fact("EXPIRY", total=-40)])


def test_is_dated_at_its_instant_however_late_anybody_looks() -> None:
    bench = an_account()
    grant = bench.grant(40, expires_in=60)
    bench.wait(days=30)
    bench.balance()
    entry = bench.entries[-1]
    assert (entry.kind, entry.at, entry.grant_id, entry.available_after) == ("EXPIRY", after(60), grant, 0)
    assert (in_tokens(bench.lot(grant).expired), bench.left_on(grant)) == (40, [0])


def test_takes_only_what_is_left() -> None:
    bench = an_account()
    bench.grant(40, expires_in=60)
    bench.charge(15)
    bench.wait(60)
    bench.balance()
    assert bench.written == [fact("EXPIRY", total=-25)]


def test_of_a_grant_that_is_used_up_writes_nothing() -> None:
    bench = an_account()
    bench.grant(40, expires_in=60)
    bench.charge(40)
    bench.wait(60)
    bench.balance()
    assert bench.written == []


def test_frees_nothing_for_a_reserve_at_that_instant() -> None:
    bench = an_account()
    bench.grant(40, expires_in=60)
    bench.wait(60)
    with refusal(InsufficientTokens(tokens(1), 0)):
        bench.reserve(1)


class TestHeldTokens:
    def test_stay_alive_for_their_hold(self) -> None:
        bench = an_account()
        bench.grant(40, expires_in=60)
        hold = bench.reserve(30)
        bench.wait(60)
        balance = bench.balance()
        assert bench.written == [fact("EXPIRY", total=-10)]
        assert (balance.total, balance.held, balance.available) == (tokens(30), tokens(30), 0)
        assert in_tokens(bench.commit(hold, 30).amount) == 30

    def test_wholly_held_write_nothing_at_the_instant(self) -> None:
        bench = an_account()
        bench.grant(40, expires_in=60)
        bench.reserve(40)
        bench.wait(60)
        bench.balance()
        assert bench.written == []

    def test_that_come_back_live_on_for_the_grace_as_an_adjustment(self) -> None:
        bench = an_account()
        bench.grant(40, expires_in=60, priority=7)
        bench.assign(40, project="film")
        hold = bench.reserve(30, project="film")
        bench.wait(90)
        bench.commit(hold, 12)
        assert bench.written == [
            fact("EXPIRY", total=-10),
            fact("CAPTURE", total=-12, held=-12, spent=12),
            fact("RELEASE", held=-18),
            fact("EXPIRY", total=-18),
            fact("GRANT", total=18),
            fact("ASSIGNMENT"),
        ]
        *_, grace, part = (bench.lot(grant_id) for grant_id in sorted(bench.shelf.grants))
        assert (grace.source, in_tokens(grace.granted), grace.priority) == (GrantSource.ADJUSTMENT, 18, 7)
        assert (grace.project, grace.expires_at) == (None, after(90 + GRACE_SECONDS))
        assert (part.project, part.parent_id, in_tokens(part.remaining)) == ("film", grace.grant_id, 18)

    def test_live_on_as_long_as_the_policy_says(self) -> None:
        bench = an_account(grace_days=2)
        bench.grant(40, expires_in=60)
        hold = bench.reserve(40)
        bench.wait(90)
        bench.release(hold)
        assert bench.lot(max(bench.shelf.grants)).expires_at == after(90 + 2 * DAY_SECONDS)

    def test_are_gone_at_once_without_a_grace(self) -> None:
        bench = an_account(grace_days=0, credit_limit=100)
        bench.grant(40, expires_in=60)
        hold = bench.reserve(40)
        bench.wait(90)
        bench.release(hold)
        assert bench.written == [fact("RELEASE", held=-40), fact("EXPIRY", total=-40)]

    def test_live_on_once(self) -> None:
        bench = an_account()
        bench.grant(40, expires_in=60)
        bench.extend(first := bench.reserve(40), ttl_seconds=DAY_SECONDS)
        bench.wait(90)
        bench.release(first)
        bench.wait(GRACE_SECONDS - 30)
        second = bench.reserve(40, ttl_seconds=60)
        bench.wait(45)
        bench.release(second)
        assert bench.written == [fact("RELEASE", held=-40), fact("EXPIRY", total=-40)]
        assert bench.total == 0

    def test_pay_no_debt_and_leave_the_mark(self) -> None:
        bench = an_account()
        disputed = bench.grant(10)
        bench.charge(10)
        bench.grant(40, expires_in=60)
        hold = bench.reserve(40)
        bench.claw_back(disputed)
        mark = bench.account.mark
        bench.wait(90)
        bench.release(hold)
        assert bench.written == [fact("RELEASE", held=-40), fact("EXPIRY", total=-40), fact("GRANT", total=40)]
        assert (bench.owed, bench.available, bench.account.mark) == (10, 30, mark)

    @pytest.mark.parametrize(("ttl_seconds", "lives_on"), [(59, False), (60, True), (61, True)])
    def test_of_a_hold_that_ends_at_the_same_instant_still_get_their_grace(
        self, ttl_seconds: int, lives_on: bool
    ) -> None:
        bench = an_account()
        bench.grant(40, expires_in=60)
        bench.reserve(30, ttl_seconds=ttl_seconds)
        bench.wait(61)
        assert bench.balance().available == (tokens(30) if lives_on else 0)

    @pytest.mark.parametrize(("seconds", "lives_on"), [(59, False), (60, True)])
    def test_released_at_the_instant_itself_came_back_too_late(self, seconds: int, lives_on: bool) -> None:
        bench = an_account()
        grant = bench.grant(40, expires_in=60)
        hold = bench.reserve(30)
        bench.wait(seconds)
        bench.release(hold)
        assert (max(bench.shelf.grants) > grant) is lives_on


def test_what_one_hold_gives_back_to_one_grant_lives_on_as_one() -> None:
    bench = an_account()
    bench.grant(100, expires_in=60)
    hold = bench.reserve(10)
    bench.extend(hold, 5)
    bench.wait(61)
    bench.release(hold)
    assert [grant.granted for grant in bench.shelf.grants.values() if grant.grace] == [15_000_000]
