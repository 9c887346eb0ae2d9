"""Plans: which models they open, and the tokens that come with them once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rules.ledger.commands import PlanAssignment
from rules.ledger.gates import Gate
from rules.ledger.kinds import GrantSource, OverrunPolicy
from rules.ledger.refusals import TierRequired
from rules.pricing.refusals import InvalidInput
from tests.rules.ledger.notation import a_line, fact, in_tokens, refusal, tokens
from tests.rules.ledger.workbench import Workbench, an_account

VIP = Gate("veo", "vip", frozenset({"vip", "elite"}))
BASIC = Gate("kling", "basic", frozenset({"basic", "vip", "elite"}))
STARTER = PlanAssignment("starter", tokens(50), expires_after_months=12)
NO_PLAN = PlanAssignment(None)


def on(plan_id: str | None) -> Workbench:
    bench = an_account(tokens=100)
    bench.adjust(plan=PlanAssignment(plan_id))
    return bench


BEGINS: dict[str, Callable[[Workbench, int, tuple[Gate, ...]], object]] = {
    "reserve": lambda bench, hold, gates: bench.reserve(1, gates=gates),
    "charge": lambda bench, hold, gates: bench.charge(lines=[a_line(1)], gates=gates),
    "extending the amount": lambda bench, hold, gates: bench.extend(hold, 1, gates=gates),
}


@pytest.mark.parametrize("verb", BEGINS)
class TestAGate:
    @pytest.mark.parametrize("plan_id", [None, "basic"])
    def test_stops_whoever_is_on_no_such_plan(self, verb: str, plan_id: str | None) -> None:
        bench = on(plan_id)
        hold = bench.reserve(5)
        with refusal(TierRequired("veo", "vip")):
            BEGINS[verb](bench, hold, (VIP,))

    @pytest.mark.parametrize("plan_id", ["vip", "elite"])
    def test_lets_its_plans_through(self, verb: str, plan_id: str) -> None:
        bench = on(plan_id)
        BEGINS[verb](bench, bench.reserve(5), (BASIC, VIP))

    def test_is_judged_by_the_plan_of_the_moment(self, verb: str) -> None:
        bench = on("vip")
        hold = bench.reserve(5)
        bench.adjust(plan=PlanAssignment("basic"))
        with refusal(TierRequired("veo", "vip")):
            BEGINS[verb](bench, hold, (VIP,))

    def test_the_first_closed_one_is_told(self, verb: str) -> None:
        bench = on("basic")
        with refusal(TierRequired("veo", "vip")):
            BEGINS[verb](bench, bench.reserve(5), (BASIC, VIP))


def test_work_that_has_run_is_captured_whatever_the_plan() -> None:
    bench = on("vip")
    hold = bench.reserve(5, gates=(VIP,))
    bench.adjust(plan=NO_PLAN)
    assert bench.commit(hold, 9, overrun=OverrunPolicy.CHARGE_AVAILABLE).amount == tokens(9)


class TestTokensThatComeOnce:
    def test_with_the_first_assignment_as_the_policy_says(self) -> None:
        bench = an_account()
        bench.adjust(plan=STARTER)
        assert bench.written == [fact("ADJUSTMENT"), fact("GRANT", total=50)]
        assert bench.entries[-2].note == "plan none -> starter"
        lot = bench.lot(bench.account.version)
        assert (lot.source, lot.source_ref) == (GrantSource.PLAN, "plan:starter")
        assert lot.expires_at is not None
        assert lot.expires_at.replace(year=lot.expires_at.year - 1) == bench.now

    def test_never_again_after_a_change_and_return_however_they_were_lost(self) -> None:
        bench = an_account()
        bench.adjust(plan=STARTER)
        bench.charge(50)
        bench.adjust(plan=PlanAssignment("pro"))
        bench.adjust(plan=STARTER)
        assert bench.written == [fact("ADJUSTMENT")]
        bench.adjust(plan=NO_PLAN)
        bench.wait(days=400)
        bench.adjust(plan=STARTER)
        assert (bench.total, bench.account.plan_id) == (0, "starter")

    def test_the_same_plan_again_writes_nothing(self) -> None:
        bench = an_account()
        bench.adjust(plan=STARTER)
        bench.adjust(plan=STARTER)
        assert bench.written == []

    def test_another_plan_has_its_own(self) -> None:
        bench = an_account()
        bench.adjust(plan=STARTER)
        bench.adjust(plan=PlanAssignment("taster", tokens(7)))
        assert bench.total == 57

    def test_they_come_with_the_account_beside_the_trial(self) -> None:
        bench = Workbench(opened=False)
        bench.open(trial=20, plan=STARTER)
        assert bench.written == [fact("GRANT", total=20), fact("GRANT", total=50)]
        assert bench.account.plan_id == "starter"
        bench.adjust(plan=NO_PLAN)
        bench.adjust(plan=STARTER)
        assert bench.total == 70

    def test_they_pay_clawed_back_debt_like_any_that_come_in(self) -> None:
        bench = an_account(tokens=30)
        bench.charge(30)
        bench.claw_back(1)
        bench.adjust(plan=STARTER)
        assert (bench.owed, bench.available) == (0, 20)

    def test_more_than_can_be_counted_leaves_the_plan_as_it_was(self) -> None:
        bench = an_account(tokens="8999999999999")
        with refusal(InvalidInput):
            bench.adjust(plan=STARTER, frozen=True)
        assert (bench.account.plan_id, bench.account.frozen) == (None, False)
        bench.adjust(plan=PlanAssignment("pro"))
        assert in_tokens(bench.account.total) == 8_999_999_999_999


def test_the_trial_is_given_once_by_the_same_rule() -> None:
    bench = Workbench(opened=False)
    bench.open(trial=20)
    bench.open(trial=20)
    assert bench.total == 20
