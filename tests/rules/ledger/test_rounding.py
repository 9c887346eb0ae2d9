"""Rounding at the end of a hold: metered lines are captured exactly, and the final commit rounds their sum, once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rules.ledger.kinds import OverrunPolicy
from rules.ledger.refusals import HoldExceeded
from tests.rules.ledger.notation import a_line, fact, in_tokens, refusal, tokens
from tests.rules.ledger.workbench import Workbench, an_account

CHARGE_AVAILABLE = OverrunPolicy.CHARGE_AVAILABLE


def metered(*costs: str) -> list:
    return [a_line(cost, metered=True) for cost in costs]


def a_metered_hold(bench: Workbench, *costs: str) -> int:
    return bench.reserve(lines=metered(*costs), rounding_unit=1)


def test_the_hold_sets_the_rounding_aside_from_the_start() -> None:
    bench = an_account(tokens=100)
    assert in_tokens(bench.hold(a_metered_hold(bench, "1.2", "1.1")).amount) == 3


def test_captures_take_the_exact_amount_and_the_final_commit_rounds_the_sum() -> None:
    bench = an_account(tokens=100)
    hold = a_metered_hold(bench, "9.5")
    bench.commit(hold, lines=metered("1.25"), final=False)
    assert bench.written == [fact("CAPTURE", total="-1.25", held="-1.25", spent="1.25")]
    effect = bench.commit(hold, lines=metered("1.1", "0.05"))
    assert bench.written == [
        fact("CAPTURE", total="-1.1", held="-1.1", spent="1.1"),
        fact("CAPTURE", total="-0.05", held="-0.05", spent="0.05"),
        fact("ROUNDING", total="-0.6", held="-0.6", spent="0.6"),
        fact("RELEASE", held=-7),
    ]
    assert in_tokens(effect.amount) == Decimal("1.75"), "what this call captured, rounding included"
    assert (in_tokens(effect.hold.captured), in_tokens(effect.hold.rounding)) == (3, Decimal("0.6"))


@pytest.mark.parametrize(
    ("costs", "rounding"),
    [(("2",), "0"), (("2.000001",), "0.999999"), (("1.999999",), "0.000001"), (("0.5", "0.5"), "0"), (("0",), "0")],
)
def test_the_sum_is_rounded_up_to_a_whole_token(costs: tuple[str, ...], rounding: str) -> None:
    bench = an_account(tokens=100)
    effect = bench.commit(a_metered_hold(bench, "9"), lines=metered(*costs))
    assert effect.hold.rounding == tokens(rounding)


def test_a_book_may_round_to_another_unit() -> None:
    bench = an_account(tokens=100)
    hold = bench.reserve(lines=metered("3"), rounding_unit="0.25")
    assert bench.commit(hold, lines=metered("1.1")).hold.captured == tokens("1.25")


def test_nothing_else_rounds() -> None:
    bench = an_account(tokens=100)
    assert bench.commit(bench.reserve("9.7"), "1.3").hold.captured == tokens("1.3")
    assert bench.charge(lines=[a_line("2.5")]).hold.captured == tokens("2.5")
    assert bench.commit(a_metered_hold(bench, "9.7"), "1.3").hold.captured == tokens("1.3"), "an amount is no line"


def test_lines_that_round_by_themselves_take_no_part_in_it() -> None:
    bench = an_account(tokens=100)
    hold = bench.reserve(lines=[a_line("2.5"), *metered("1.25")], rounding_unit=1)
    assert bench.commit(hold, lines=[a_line("2.5"), *metered("1.25")]).hold.rounding == tokens("0.75")


def test_a_release_adds_none() -> None:
    bench = an_account(tokens=100)
    hold = a_metered_hold(bench, "9.5")
    bench.commit(hold, lines=metered("1.25"), final=False)
    assert bench.release(hold).hold.captured == tokens("1.25")
    assert bench.available == Decimal("98.75")


def test_the_end_of_its_time_adds_none() -> None:
    bench = an_account(tokens=100)
    hold = a_metered_hold(bench, "9.5")
    bench.commit(hold, lines=metered("1.25"), final=False)
    bench.wait(900)
    bench.balance()
    assert bench.written == [fact("RELEASE", held="-8.75")]


def test_it_takes_no_more_than_is_held() -> None:
    bench = an_account(tokens=100)
    hold = bench.reserve("2.4")
    effect = bench.commit(hold, lines=metered("2.3"), rounding_unit=1)
    assert (effect.hold.captured, effect.hold.rounding) == (tokens("2.4"), tokens("0.1"))


@pytest.mark.parametrize(("left", "rounding"), [("0", "0"), ("0.4", "0.3"), ("10", "0.9")])
def test_or_no_more_than_is_still_allowed_beyond_it(left: str, rounding: str) -> None:
    bench = an_account(tokens=2)
    hold = bench.reserve(2)
    if left != "0":
        bench.grant(left)
    effect = bench.commit(hold, lines=metered("2.1"), rounding_unit=1, overrun=CHARGE_AVAILABLE)
    assert effect.hold.rounding == tokens(rounding)
    assert effect.uncovered == (tokens("0.1") if left == "0" else 0)


def test_capped_work_is_not_rounded_beyond_the_hold() -> None:
    bench = an_account(tokens=100)
    effect = bench.commit(bench.reserve(2), lines=metered("2.1"), rounding_unit=1, overrun=OverrunPolicy.CAP)
    assert (effect.hold.captured, effect.uncovered, effect.hold.rounding) == (tokens(2), tokens("0.1"), 0)


def test_the_rounding_is_no_reason_to_refuse() -> None:
    bench = an_account(tokens=100)
    with refusal(HoldExceeded(tokens(2), tokens("2.1"))):
        bench.commit(bench.reserve(2), lines=metered("2.1"), rounding_unit=1)
    assert bench.commit(bench.reserve(2), lines=metered("1.9"), rounding_unit=1).hold.captured == tokens(2)


def test_a_charge_rounds_too() -> None:
    bench = an_account(tokens=100)
    effect = bench.charge(lines=metered("1.2", "1.1"), rounding_unit=1)
    assert effect.amount == tokens(3)
    assert [written.kind for written in bench.written] == ["HOLD", "CAPTURE", "CAPTURE", "ROUNDING"]


def test_all_that_remains_of_a_metered_hold_is_its_lines_and_the_rounding() -> None:
    bench = an_account(tokens=100)
    effect = bench.commit(a_metered_hold(bench, "1.2", "1.1"), overrun=CHARGE_AVAILABLE)
    assert (effect.hold.captured, effect.hold.rounding) == (tokens(3), tokens("0.7"))


def test_all_that_remains_after_a_capture_is_never_more_than_was_held() -> None:
    bench = an_account(tokens=100)
    hold = a_metered_hold(bench, "2.5")
    bench.commit(hold, lines=metered("1.2"), final=False)
    assert bench.commit(hold, overrun=CHARGE_AVAILABLE).hold.captured == tokens(3)
