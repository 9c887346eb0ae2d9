"""A charge worked out anew from what the ledger wrote of it: equal to the unit, and told where it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from rules.ledger.charges import BurnedPart, ChargeBasis, ChargeCheck, ChargeFacts, LinePrice, check_charge
from rules.ledger.commands import Line
from rules.ledger.kinds import GrantSource, OverrunPolicy
from rules.pricing.tokens import MICROS
from tests.rules.ledger.workbench import Workbench, an_account

METERED = LinePrice(1_500_000, None, rounds_at_end=True)
FLAT = LinePrice(2 * MICROS, None, rounds_at_end=False)


def a_metered_line(cost: int = 1_500_000) -> Line:
    return Line(None, "talk", "text", "{}", 1, cost, 1, rounds_at_end=True)


def a_flat_line(cost: int = 2 * MICROS) -> Line:
    return Line(None, "flux", "image", "{}", 1, cost, 1)


def facts_of(bench: Workbench, hold_id: int, **changes: Any) -> ChargeFacts:
    hold = bench.hold(hold_id)
    burned = tuple(
        BurnedPart(part.grant_id, GrantSource.PURCHASE if part.grant_id else None, part.captured, part.refunded)
        for part in hold.allocations
        if part.captured
    )
    facts = ChargeFacts(
        hold,
        tuple(bench.shelf.lines[hold_id]),
        burned,
        tuple(entry for entry in bench.entries if entry.hold_id == hold_id),
        more_entries=False,
    )
    return replace(facts, **changes)


def check(facts: ChargeFacts, prices: Mapping[str, LinePrice] | None = None) -> ChargeCheck:
    by_model = prices if prices is not None else {"talk": METERED, "flux": FLAT}
    return check_charge(facts, {line.version: by_model[line.model] for line in facts.lines if line.model is not None})


@pytest.fixture
def bench() -> Workbench:
    return an_account(tokens=100)


def test_metered_lines_are_rounded_together(bench: Workbench) -> None:
    lines = [a_metered_line(), a_flat_line(), a_metered_line(), a_metered_line()]
    hold = bench.charge(lines=lines, rounding_unit=1).hold.hold_id

    charge = check(facts_of(bench, hold))

    assert (charge.recomputed, charge.matches) == (7 * MICROS, True)
    assert [line.basis for line in charge.lines] == [ChargeBasis.PRICE] * 4 + [ChargeBasis.ROUNDING]
    assert charge.lines[-1].recomputed == MICROS // 2


def test_rounding_that_the_money_did_not_reach_for_is_no_fault(bench: Workbench) -> None:
    hold = bench.reserve("1.6")
    bench.commit(hold, lines=[a_metered_line()], rounding_unit=1, overrun=OverrunPolicy.CAP)

    charge = check(facts_of(bench, hold))

    assert (charge.recomputed, charge.matches) == (1_600_000, True)


def test_but_it_is_where_tokens_went_back(bench: Workbench) -> None:
    hold = bench.reserve(5)
    bench.commit(hold, lines=[a_metered_line()], rounding_unit=1)
    bench.hold(hold).rounding -= 1

    charge = check(facts_of(bench, hold))

    assert charge.recomputed == 2 * MICROS
    bench.hold(hold).captured -= 1
    assert check(facts_of(bench, hold)).matches is False


def test_an_amount_that_happens_to_be_a_metered_price_is_not_rounded(bench: Workbench) -> None:
    hold = bench.reserve(lines=[a_metered_line(4 * MICROS)])
    bench.commit(hold, "1.5")

    charge = check(facts_of(bench, hold))

    assert (charge.recomputed, charge.matches) == (1_500_000, True)


def test_one_line_of_many_at_another_cost_is_told(bench: Workbench) -> None:
    hold = bench.charge(lines=[a_flat_line(), a_flat_line(3 * MICROS)]).hold.hold_id

    charge = check(facts_of(bench, hold))

    assert [(line.basis, line.matches) for line in charge.lines] == [
        (ChargeBasis.PRICE, True),
        (ChargeBasis.PRICE, False),
    ]
    assert (charge.recomputed, charge.matches) == (4 * MICROS, False)


def test_one_line_alone_is_an_amount_that_the_caller_named(bench: Workbench) -> None:
    hold = bench.charge(lines=[a_flat_line(3 * MICROS)]).hold.hold_id

    charge = check(facts_of(bench, hold))

    assert [(line.basis, line.matches) for line in charge.lines] == [(ChargeBasis.AMOUNT, True)]
    assert charge.matches is True


def test_a_bound_that_was_captured_is_told_from_its_price(bench: Workbench) -> None:
    hold = bench.charge(lines=[a_flat_line(3 * MICROS), a_flat_line()]).hold.hold_id

    charge = check(facts_of(bench, hold), {"flux": replace(FLAT, bound=3 * MICROS)})

    assert [line.basis for line in charge.lines] == [ChargeBasis.SET_ASIDE, ChargeBasis.PRICE]
    assert charge.matches is True


@pytest.mark.parametrize("verb", ["release", "expire", "leave open"])
def test_only_the_final_commit_rounds(bench: Workbench, verb: str) -> None:
    hold = bench.reserve(5)
    bench.commit(hold, lines=[a_metered_line()], rounding_unit=1, final=False)
    if verb == "release":
        bench.release(hold)
    elif verb == "expire":
        bench.wait(900)
        bench.balance()

    charge = check(facts_of(bench, hold))

    assert (charge.recomputed, charge.matches) == (1_500_000, True)


def test_grants_and_journal_must_tell_of_the_same_charge(bench: Workbench) -> None:
    hold = bench.charge(lines=[a_flat_line()]).hold.hold_id
    bench.refund(hold, 1)
    facts = facts_of(bench, hold)
    (part,) = facts.burned
    assert check(facts).matches is True

    assert check(replace(facts, burned=(replace(part, captured=part.captured - 1),))).matches is False
    assert check(replace(facts, burned=(replace(part, refunded=part.refunded + 1),))).matches is False
    assert check(replace(facts, entries=facts.entries[:-1])).matches is False
    assert check(replace(facts, entries=facts.entries[:-1], more_entries=True)).matches is True


def test_with_lines_left_out_nothing_is_claimed(bench: Workbench) -> None:
    hold = bench.charge(lines=[a_metered_line(), a_metered_line()], rounding_unit=1).hold.hold_id
    facts = facts_of(bench, hold)

    charge = check(replace(facts, lines=facts.lines[:1]))

    assert (len(charge.lines), charge.recomputed, charge.matches) == (1, None, None)
