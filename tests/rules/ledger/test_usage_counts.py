"""What captures, refunds and the ends of holds add to the sums of their local days."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from rules.ledger.kinds import WorkOutcome
from rules.ledger.refusals import InsufficientTokens, NotRefundable
from rules.ledger.usage import UsageKey, UsageSum, WorkKey
from tests.rules.ledger.notation import a_line, refusal, tokens
from tests.rules.ledger.workbench import an_account

TODAY, TOMORROW = date(2026, 3, 1), date(2026, 3, 2)
HALF_A_DAY = 12 * 3600


def of(day: date, model: str | None = "flux", category: str | None = "image", project: str | None = None) -> UsageKey:
    return UsageKey(day, None, project, model, category)


def test_a_capture_counts_what_it_charged_its_uses_and_its_lines() -> None:
    bench = an_account(tokens=100)
    bench.charge(lines=(a_line(8, count=2), a_line(3), a_line(1, model="sdxl")), project="film")
    assert bench.shelf.usage == {
        of(TODAY, project="film"): UsageSum(charged=tokens(11), uses=3, operations=2),
        of(TODAY, "sdxl", project="film"): UsageSum(charged=tokens(1), uses=1, operations=1),
    }
    assert bench.shelf.works == {WorkKey(TODAY, None, "film", "COMMITTED"): 1}


def test_the_rounding_is_charged_and_is_no_use() -> None:
    bench = an_account(tokens=100)
    bench.charge(lines=(a_line("1.25", metered=True),), rounding_unit=1)
    assert bench.shelf.usage == {
        of(TODAY): UsageSum(charged=tokens("1.25"), uses=1, operations=1),
        of(TODAY, None, None): UsageSum(charged=tokens("0.75")),
    }


def test_a_refund_counts_on_its_own_day_under_what_its_line_was_spent_for() -> None:
    bench = an_account(tokens=100)
    hold = bench.charge(lines=(a_line(10), a_line(30, model="sdxl")), project="film").hold.hold_id
    bench.wait(HALF_A_DAY)
    bench.refund(hold, 20)
    assert bench.shelf.usage[of(TOMORROW, project="film")] == UsageSum(refunded=tokens(5))
    assert bench.shelf.usage[of(TOMORROW, "sdxl", project="film")] == UsageSum(refunded=tokens(15))
    assert bench.shelf.usage[of(TODAY, project="film")].charged == tokens(10), "the day before stays as it was"


def test_a_hold_counts_on_the_day_on_which_it_is_captured() -> None:
    bench = an_account(tokens=100)
    hold = bench.reserve(lines=(a_line(10),), ttl_seconds=2 * HALF_A_DAY)
    bench.commit(hold, lines=(a_line(4),), final=False)
    bench.wait(HALF_A_DAY)
    bench.commit(hold, lines=(a_line(5),))
    assert bench.shelf.usage == {
        of(TODAY): UsageSum(charged=tokens(4), uses=1, operations=1),
        of(TOMORROW): UsageSum(charged=tokens(5), uses=1, operations=1),
    }
    assert bench.shelf.works == {WorkKey(TOMORROW, None, None, "COMMITTED"): 1}


@pytest.mark.parametrize("outcome", WorkOutcome)
def test_released_work_counts_by_its_outcome(outcome: WorkOutcome) -> None:
    bench = an_account(tokens=100)
    bench.release(bench.reserve(10), outcome=outcome)
    assert bench.shelf.works == {WorkKey(TODAY, None, None, outcome): 1}
    assert bench.shelf.usage == {}


def test_a_hold_that_outlived_its_time_counts_on_the_day_on_which_it_did() -> None:
    bench = an_account(tokens=100)
    bench.reserve(10, ttl_seconds=60)
    bench.wait(days=3)
    bench.balance()
    assert bench.shelf.works == {WorkKey(TODAY, None, None, "EXPIRED"): 1}


def test_days_are_those_of_the_accounts_time_zone_at_that_instant_and_stay_so() -> None:
    bench = an_account(tokens=100)
    bench.at(datetime(2026, 3, 8, 4, 59, tzinfo=UTC))
    bench.adjust(time_zone="America/New_York")
    bench.charge(lines=(a_line(1),))
    bench.wait(60)
    bench.charge(lines=(a_line(2),))
    bench.adjust(time_zone="Pacific/Kiritimati")
    bench.charge(lines=(a_line(4),))
    bench.adjust(time_zone="Pacific/Honolulu")
    bench.charge(lines=(a_line(8),))
    assert {key.day: found.charged for key, found in bench.shelf.usage.items()} == {
        date(2026, 3, 7): tokens(9),
        date(2026, 3, 8): tokens(6),
    }


def test_a_refusal_counts_nothing() -> None:
    bench = an_account(tokens=1)
    hold = bench.charge(lines=(a_line(1),)).hold.hold_id
    before = dict(bench.shelf.usage)
    with refusal(NotRefundable):
        bench.refund(hold, 2)
    with refusal(InsufficientTokens):
        bench.charge(lines=(a_line(1),))
    assert bench.shelf.usage == before
