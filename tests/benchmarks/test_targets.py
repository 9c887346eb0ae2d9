from __future__ import annotations

import pytest

from benchmarks.cases import Case
from benchmarks.rounds import Spread
from benchmarks.targets import Target, all_pass


def reached(median: float) -> Spread:
    return Spread(median, median, median)


@pytest.mark.parametrize(
    ("median", "is_met", "passes"), [(30.0, True, True), (29.9, False, True), (24.0, False, True), (23.9, False, False)]
)
def test_a_target_from_below_fails_only_under_eighty_percent(median: float, is_met: bool, passes: bool) -> None:
    target = Target("so many times as fast", 30, reached(median))

    assert (target.is_met, target.passes) == (is_met, passes)


@pytest.mark.parametrize(
    ("median", "is_met", "passes"),
    [(120.0, True, True), (120.1, False, True), (150.0, False, True), (150.1, False, False)],
)
def test_a_target_from_above_fails_only_where_it_is_passed_by_a_quarter(
    median: float, is_met: bool, passes: bool
) -> None:
    target = Target("so many milliseconds", 120, reached(median), "ms", at_most=True)

    assert (target.is_met, target.passes) == (is_met, passes)


def test_a_contradiction_fails_a_run_whatever_its_speed() -> None:
    target = Target("so many times as fast", 30, reached(40.0))
    clean = Case("clean", {}, (), {})
    broken = Case("broken", {}, ("a hold is missing",), {})

    assert all_pass([target], [clean])
    assert not all_pass([target], [clean, broken])
    assert not all_pass([Target("so many times as fast", 30, reached(1.0))], [clean])
