"""Frozen refuses reserve, charge, and extending the amount; commit, release, refund and purchases pass."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from rules.ledger.kinds import GrantSource, OverrunPolicy
from rules.ledger.refusals import AccountFrozen
from tests.rules.ledger.notation import a_line, refusal, tokens
from tests.rules.ledger.workbench import Workbench, an_account

REFUSED: dict[str, Callable[[Workbench, int], object]] = {
    "reserve": lambda bench, hold: bench.reserve(1),
    "charge": lambda bench, hold: bench.charge(1),
    "extending the amount": lambda bench, hold: bench.extend(hold, 1),
    "extending amount and time": lambda bench, hold: bench.extend(hold, 1, ttl_seconds=3_600),
    "extending by lines": lambda bench, hold: bench.extend(hold, lines=[a_line(1)]),
}
PASSES: dict[str, Callable[[Workbench, int], object]] = {
    "commit": lambda bench, hold: bench.commit(hold, 20),
    "partial commit": lambda bench, hold: bench.commit(hold, 20, final=False),
    "release": lambda bench, hold: bench.release(hold),
    "extending the time": lambda bench, hold: bench.extend(hold, ttl_seconds=3_600),
    "purchase": lambda bench, hold: bench.grant(40, source=GrantSource.PURCHASE),
    "revoke": lambda bench, hold: bench.revoke(1),
    "clawback": lambda bench, hold: bench.claw_back(1),
}


def a_frozen_account() -> tuple[Workbench, int]:
    bench = an_account(tokens=100)
    hold = bench.reserve(35)
    bench.adjust(frozen=True)
    return bench, hold


@pytest.mark.parametrize("verb", REFUSED)
def test_refuses(verb: str) -> None:
    bench, hold = a_frozen_account()
    with refusal(AccountFrozen()):
        REFUSED[verb](bench, hold)
    bench.adjust(frozen=False)
    REFUSED[verb](bench, hold)


@pytest.mark.parametrize("verb", PASSES)
def test_passes(verb: str) -> None:
    bench, hold = a_frozen_account()
    PASSES[verb](bench, hold)


def test_passes_a_refund() -> None:
    bench = an_account(tokens=100)
    hold = bench.charge(35).hold.hold_id
    bench.adjust(frozen=True)
    bench.refund(hold)
    assert bench.available == 100


def test_passes_a_commit_with_what_its_hold_has_and_no_more() -> None:
    bench, hold = a_frozen_account()
    effect = bench.commit(hold, 50, overrun=OverrunPolicy.CHARGE_AVAILABLE)
    assert (effect.amount, effect.uncovered) == (tokens(35), tokens(15))


def test_rounding_at_the_end_stays_within_the_hold_as_well() -> None:
    bench = an_account(tokens=100)
    hold = bench.reserve(lines=[a_line("2.5", metered=True)])
    bench.adjust(frozen=True)
    lines = [a_line("2.5", metered=True)]
    effect = bench.commit(hold, lines=lines, rounding_unit=1, overrun=OverrunPolicy.CHARGE_AVAILABLE)
    assert (effect.amount, bench.available) == (tokens("2.5"), Decimal("97.5"))


def test_lets_what_is_due_happen() -> None:
    bench, _ = a_frozen_account()
    bench.wait(900)
    assert bench.balance().held == 0
