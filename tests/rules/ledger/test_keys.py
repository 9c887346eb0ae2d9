"""Idempotency: a key does its work once, is answered for good, and conflicts with any other input."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from rules.ledger.kinds import GrantSource, HoldState
from rules.ledger.outcomes import GrantEffect, HoldEffect
from rules.ledger.refusals import HoldExpired, IdempotencyConflict, InsufficientTokens
from rules.pricing.refusals import InvalidInput, UnknownModel
from tests.rules.ledger.notation import START, after, in_tokens, refusal, tokens
from tests.rules.ledger.workbench import Workbench, an_account

KEY = "job-17"
Verb = Callable[[Workbench, int, int], object]
VERBS: dict[str, tuple[Verb, Verb]] = {
    "reserve": (lambda b, h, g: b.reserve(5, key=KEY), lambda b, h, g: b.reserve(6, key=KEY)),
    "charge": (lambda b, h, g: b.charge(5, key=KEY), lambda b, h, g: b.charge(6, key=KEY)),
    "commit": (lambda b, h, g: b.commit(h, 5, key=KEY), lambda b, h, g: b.commit(h, 5, final=False, key=KEY)),
    "release": (lambda b, h, g: b.release(h, key=KEY), lambda b, h, g: b.release(h + 1, key=KEY)),
    "extend": (
        lambda b, h, g: b.extend(h, 5, ttl_seconds=60, key=KEY),
        lambda b, h, g: b.extend(h, 5, ttl_seconds=61, key=KEY),
    ),
    "refund": (lambda b, h, g: b.refund(g, 5, key=KEY), lambda b, h, g: b.refund(g, key=KEY)),
    "grantTokens": (
        lambda b, h, g: b.grant(5, key=KEY),
        lambda b, h, g: b.grant(5, source=GrantSource.PURCHASE, key=KEY),
    ),
    "revokeGrant": (lambda b, h, g: b.revoke(1, key=KEY), lambda b, h, g: b.revoke(2, key=KEY)),
    "clawBack": (lambda b, h, g: b.claw_back(1, key=KEY), lambda b, h, g: b.claw_back(2, key=KEY)),
}


def a_busy_account() -> tuple[Workbench, int, int]:
    """An account with an open hold and a charged one."""
    bench = an_account(tokens=100)
    return bench, bench.reserve(20), bench.charge(10).hold.hold_id


@pytest.mark.parametrize("verb", VERBS)
def test_the_same_input_again_does_nothing_and_answers_the_same(verb: str) -> None:
    bench, held, charged = a_busy_account()
    say, _ = VERBS[verb]
    say(bench, held, charged)
    first = bench.last
    version = bench.account.version
    say(bench, held, charged)
    again = bench.last
    assert bench.account.version == version, "nothing was done twice"
    match first, again:
        case HoldEffect(), HoldEffect():
            assert (first.replayed, again.replayed) == (False, True)
            assert (first.hold.hold_id, first.amount, first.uncovered) == (
                again.hold.hold_id,
                again.amount,
                again.uncovered,
            )
        case GrantEffect(), GrantEffect():
            assert (first.replayed, again.replayed) == (False, True)
            assert first.grant == again.grant
        case _:
            raise AssertionError((first, again))


@pytest.mark.parametrize("verb", VERBS)
def test_another_input_is_a_conflict_that_changes_nothing(verb: str) -> None:
    bench, held, charged = a_busy_account()
    say, say_otherwise = VERBS[verb]
    say(bench, held, charged)
    with refusal(IdempotencyConflict(KEY)):
        say_otherwise(bench, held, charged)


def test_a_key_belongs_to_its_mutation() -> None:
    bench, held, charged = a_busy_account()
    for verb in ("reserve", "charge", "extend", "commit", "refund", "grantTokens"):
        VERBS[verb][0](bench, held, charged)
        assert not bench.last.replayed


def test_a_replay_shows_todays_hold_and_balance() -> None:
    bench = an_account(tokens=100)
    hold = bench.reserve(35, key=KEY)
    bench.commit(hold, 20)
    bench.grant(7)
    bench.reserve(35, key=KEY)
    again = bench.last
    assert isinstance(again, HoldEffect)
    assert (again.hold.state, in_tokens(again.hold.captured)) == (HoldState.COMMITTED, 20)
    assert in_tokens(again.balance.available) == 87


def test_a_replay_returns_the_recorded_effect() -> None:
    bench = an_account(tokens=100)
    hold = bench.reserve(35)
    bench.commit(hold, 20, final=False, key=KEY)
    bench.commit(hold, 5)
    again = bench.commit(hold, 20, final=False, key=KEY)
    assert (in_tokens(again.amount), in_tokens(again.hold.captured)) == (20, 25)


def test_is_kept_for_good() -> None:
    bench = an_account(tokens=100)
    hold = bench.reserve(35, key=KEY)
    bench.wait(days=3_650)
    assert bench.reserve(35, key=KEY) == hold
    assert bench.last.hold.state is HoldState.EXPIRED


def test_a_refusal_is_not_remembered() -> None:
    bench = an_account(tokens=10)
    with refusal(InsufficientTokens):
        bench.reserve(35, key=KEY)
    bench.grant(100)
    hold = bench.reserve(35, key=KEY)
    assert not bench.last.replayed
    assert in_tokens(bench.hold(hold).amount) == 35


def test_nor_does_it_bind_the_key_to_its_input() -> None:
    bench = an_account(tokens=10)
    with refusal(InsufficientTokens):
        bench.reserve(35, key=KEY)
    bench.reserve(5, key=KEY)


class TestIsJudgedBeforeEveryOtherRule:
    def test_before_what_was_found_wrong_with_the_input_or_its_price(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35, key=KEY)
        assert bench.reserve(35, key=KEY, refused=UnknownModel("flux", ())) == hold
        assert bench.reserve(35, key=KEY, refused=InvalidInput("work", "…")) == hold

    def test_before_the_price_book_version(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35)
        bench.commit(hold, lines=(), key=KEY, priced_at=1)
        assert bench.commit(hold, lines=(), key=KEY, priced_at=2).replayed

    def test_before_the_latest_instant(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35, key=KEY, not_after=START + timedelta(seconds=1))
        bench.wait(60)
        assert bench.reserve(35, key=KEY, not_after=START + timedelta(seconds=1)) == hold

    def test_before_the_end_of_the_hold(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35, ttl_seconds=60)
        bench.commit(hold, 20, final=False, key=KEY)
        bench.wait(60)
        assert bench.commit(hold, 20, final=False, key=KEY).replayed
        with refusal(HoldExpired(after(60))):
            bench.commit(hold, 20, final=False)

    def test_before_the_freeze_and_the_balance(self) -> None:
        bench = an_account(tokens=35)
        hold = bench.reserve(35, key=KEY)
        bench.adjust(frozen=True)
        assert bench.reserve(35, key=KEY) == hold

    def test_before_the_payment_that_a_grant_was_made_for(self) -> None:
        bench = an_account()
        grant = bench.grant(5, key=KEY, source_ref="payment:1")
        assert bench.grant(5, key=KEY, source_ref="payment:1") == grant
        assert in_tokens(bench.account.total) == 5

    def test_and_still_settles_what_is_due_first(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(10, key=KEY)
        bench.reserve(35, ttl_seconds=60)
        bench.wait(60)
        again = bench.charge(10, key=KEY)
        assert again.replayed
        assert again.balance.available == tokens(90)
