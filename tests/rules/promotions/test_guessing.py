"""How often somebody may be wrong, in any stretch of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rules.promotions.guessing import GuessLimit, retry_after_seconds, with_failure

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
THREE_A_MINUTE = GuessLimit(3, 60)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_one_may_be_wrong_up_to_the_limit() -> None:
    assert retry_after_seconds([], THREE_A_MINUTE, NOON) is None
    assert retry_after_seconds([at(0), at(1)], THREE_A_MINUTE, at(2)) is None
    assert retry_after_seconds([at(0), at(1), at(2)], THREE_A_MINUTE, at(2)) == 58


def test_the_wait_is_in_whole_seconds_that_are_enough() -> None:
    failures = [at(0), at(1), at(2)]
    assert retry_after_seconds(failures, THREE_A_MINUTE, at(59.2)) == 1
    assert retry_after_seconds(failures, THREE_A_MINUTE, at(59.999)) == 1
    assert retry_after_seconds(failures, THREE_A_MINUTE, at(60)) is None


def test_no_stretch_of_that_length_ever_has_more() -> None:
    failures: tuple[datetime, ...] = ()
    taken = []
    for second in range(600):
        if retry_after_seconds(failures, THREE_A_MINUTE, at(second)) is None:
            failures = with_failure(failures, THREE_A_MINUTE, at(second))
            taken.append(second)
    assert len(failures) == 3
    assert all(sum(start <= second < start + 60 for second in taken) <= 3 for start in range(600))
    assert len(taken) == 30
