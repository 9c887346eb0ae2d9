"""Quotes at the ledger's door: judged by the account's own time, and only where the work is new."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from rules.ledger.outcomes import HoldEffect
from rules.ledger.refusals import QuoteExpired
from tests.rules.ledger.notation import START, refusal
from tests.rules.ledger.workbench import Workbench, an_account

EXPIRES = START + timedelta(minutes=15)

USES: dict[str, Callable[[Workbench, int, str], object]] = {
    "reserve": lambda bench, _, key: bench.reserve(1, key=key, quote_expires_at=EXPIRES),
    "charge": lambda bench, _, key: bench.charge(1, key=key, quote_expires_at=EXPIRES),
    "extend": lambda bench, hold, key: bench.extend(hold, 1, key=key, quote_expires_at=EXPIRES),
}


@pytest.fixture
def bench() -> Workbench:
    return an_account(tokens=100)


@pytest.mark.parametrize("verb", USES)
@pytest.mark.parametrize("before", [timedelta(milliseconds=1), timedelta(microseconds=1)])
def test_its_price_is_promised_until_its_last_moment(bench: Workbench, verb: str, before: timedelta) -> None:
    hold = bench.reserve(1, ttl_seconds=3_600)
    bench.at(EXPIRES - before)

    USES[verb](bench, hold, "k")

    assert isinstance(bench.last, HoldEffect)


@pytest.mark.parametrize("verb", USES)
@pytest.mark.parametrize("after", [timedelta(), timedelta(microseconds=1), timedelta(milliseconds=1)])
def test_from_its_instant_on_it_is_expired(bench: Workbench, verb: str, after: timedelta) -> None:
    hold = bench.reserve(1, ttl_seconds=3_600)
    bench.at(EXPIRES + after)

    with refusal(QuoteExpired(EXPIRES)):
        USES[verb](bench, hold, "k")


@pytest.mark.parametrize("verb", USES)
def test_a_retry_of_what_took_effect_is_answered_also_afterwards(bench: Workbench, verb: str) -> None:
    hold = bench.reserve(1, ttl_seconds=3_600)
    USES[verb](bench, hold, "k")
    bench.at(EXPIRES)

    USES[verb](bench, hold, "k")

    assert isinstance(bench.last, HoldEffect)
    assert bench.last.replayed


def test_what_was_refused_as_expired_is_not_remembered(bench: Workbench) -> None:
    bench.at(EXPIRES)
    with refusal(QuoteExpired):
        bench.reserve(1, key="k", quote_expires_at=EXPIRES)

    bench.reserve(1, key="k", quote_expires_at=EXPIRES + timedelta(minutes=15))

    assert bench.held == 1


def test_it_serves_again_and_again_as_long_as_there_are_tokens(bench: Workbench) -> None:
    for _ in range(100):
        bench.reserve(1, quote_expires_at=EXPIRES)

    assert (bench.held, bench.available) == (100, 0)


def test_extending_the_time_alone_needs_no_price(bench: Workbench) -> None:
    hold = bench.reserve(1, ttl_seconds=3_600, quote_expires_at=EXPIRES)
    bench.at(EXPIRES)

    bench.extend(hold, ttl_seconds=3_600)

    assert bench.hold(hold).expires_at == EXPIRES + timedelta(hours=1)
