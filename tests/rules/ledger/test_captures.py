"""Commit and charge: what is captured, and what goes back."""

from __future__ import annotations

import pytest

from rules.ledger.kinds import GrantSource, HoldState, OverrunPolicy
from rules.ledger.outcomes import RepriceAt
from rules.ledger.refusals import HoldExceeded, InsufficientTokens
from tests.rules.ledger.notation import a_line, fact, in_tokens, refusal, tokens
from tests.rules.ledger.workbench import an_account

CAP, CHARGE_AVAILABLE = OverrunPolicy.CAP, OverrunPolicy.CHARGE_AVAILABLE


class TestCommit:
    @pytest.mark.parametrize(("used", "back"), [(0, 35), (20, 15), ("34.999999", "0.000001"), (35, 0)])
    def test_captures_what_was_used_and_gives_the_rest_back(self, used: int | str, back: int | str) -> None:
        bench = an_account(tokens=100)
        effect = bench.commit(bench.reserve(35), used)
        assert (effect.hold.state, effect.amount, effect.uncovered) == (HoldState.COMMITTED, tokens(used), 0)
        assert bench.account.available == tokens(100) - tokens(used)
        rest = [fact("RELEASE", held=f"-{back}")] if back else []
        minus = f"-{used}"
        assert bench.written == [fact("CAPTURE", total=minus, held=minus, spent=used), *rest]

    def test_gives_the_rest_back_to_the_grants_it_came_from(self) -> None:
        bench = an_account()
        first, second = bench.grant(10, priority=1), bench.grant(50, priority=2)
        hold = bench.reserve(40)
        bench.commit(hold, 15)
        assert bench.left_on(first, second) == [0, 45]

    def test_captures_all_that_remains_unless_told_otherwise(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35)
        bench.commit(hold, 10, final=False)
        assert in_tokens(bench.commit(hold).amount) == 25

    def test_also_what_an_extension_added(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(lines=[a_line(35)])
        bench.extend(hold, 10)
        assert in_tokens(bench.commit(hold).amount) == 45

    def test_all_that_remains_of_an_untouched_hold_is_its_lines(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(lines=[a_line(3, model="flux", ref="a"), a_line(5, model="veo", ref="b", count=2)])
        bench.commit(hold)
        lines = bench.shelf.lines[hold]
        assert [(line.ref, line.model, line.count, in_tokens(line.amount)) for line in lines] == [
            ("a", "flux", 1, 3),
            ("b", "veo", 2, 5),
        ]

    def test_several_captures_serve_a_stream(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35)
        for captured in (5, 15, 20):
            effect = bench.commit(hold, captured - int(in_tokens(bench.hold(hold).captured)), final=False)
            assert (effect.hold.state, in_tokens(effect.hold.captured)) == (HoldState.OPEN, captured)
            assert bench.held == 35 - captured
        assert bench.commit(hold, 0).hold.state is HoldState.COMMITTED
        assert bench.available == 80

    def test_says_what_this_call_captured(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35)
        bench.commit(hold, 5, final=False)
        assert in_tokens(bench.commit(hold, 7, final=False).amount) == 7

    def test_writes_one_entry_for_each_line_with_its_facts(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35, project="film")
        bench.commit(hold, lines=[a_line(3, ref="node-1", model="flux"), a_line(5, ref="node-2", model="veo")])
        captures = [entry for entry in bench.entries if entry.kind == "CAPTURE"]
        assert [(entry.ref, entry.model, entry.category, entry.project, entry.hold_id) for entry in captures] == [
            ("node-1", "flux", "image", "film", hold),
            ("node-2", "veo", "image", "film", hold),
        ]
        lines = bench.shelf.lines[hold]
        assert [line.version for line in lines] == [entry.version for entry in captures]
        assert {line.call for line in lines} == {captures[0].version}, "lines of one commit belong together"

    def test_at_another_version_than_the_holds_it_asks_for_new_prices(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35)
        with refusal(RepriceAt(1)):
            bench.commit(hold, lines=[a_line(5)], priced_at=2)
        assert in_tokens(bench.commit(hold, lines=[a_line(5)], priced_at=1).amount) == 5


class TestOverrun:
    def test_is_refused_unless_told_otherwise(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35)
        with refusal(HoldExceeded(held=tokens(35), required=tokens("35.000001"))):
            bench.commit(hold, "35.000001")
        assert bench.hold(hold).state is HoldState.OPEN
        bench.commit(hold, 35)

    def test_is_measured_by_what_remains_of_the_hold(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35)
        bench.commit(hold, 30, final=False)
        with refusal(HoldExceeded(held=tokens(5), required=tokens(6))):
            bench.commit(hold, 6)

    def test_capped_charges_what_is_held(self) -> None:
        bench = an_account(tokens=100)
        effect = bench.commit(bench.reserve(35), 50, overrun=CAP)
        assert (in_tokens(effect.amount), in_tokens(effect.uncovered), bench.available) == (35, 15, 65)

    @pytest.mark.parametrize(("available", "uncovered"), [(0, 15), (14, 1), (15, 0), (65, 0)])
    def test_charged_as_far_as_the_balance_allows(self, available: int, uncovered: int) -> None:
        bench = an_account(tokens=35 + available)
        effect = bench.commit(bench.reserve(35), 50, overrun=CHARGE_AVAILABLE)
        assert (in_tokens(effect.amount), in_tokens(effect.uncovered)) == (50 - uncovered, uncovered)
        assert bench.available == available - (15 - uncovered)

    def test_takes_only_what_it_had_held_off_the_hold(self) -> None:
        bench = an_account(tokens=100)
        bench.commit(bench.reserve(35), 50, overrun=CHARGE_AVAILABLE)
        assert bench.written == [fact("CAPTURE", total=-50, held=-35, spent=50)]

    def test_leaves_what_other_holds_set_aside(self) -> None:
        bench = an_account(tokens=100)
        hold, other = bench.reserve(35), bench.reserve(60)
        effect = bench.commit(hold, 50, overrun=CHARGE_AVAILABLE)
        assert (in_tokens(effect.amount), in_tokens(effect.uncovered)) == (40, 10)
        assert in_tokens(bench.hold(other).remaining) == 60

    def test_goes_on_from_the_same_grant_that_the_hold_spent(self) -> None:
        bench = an_account(tokens=50)
        effect = bench.commit(bench.reserve(35), lines=[a_line(30), a_line(30)], overrun=CHARGE_AVAILABLE)
        assert (in_tokens(effect.amount), in_tokens(effect.uncovered), bench.total) == (50, 10, 0)

    def test_may_use_the_credit_line(self) -> None:
        bench = an_account(tokens=35, credit_limit=10)
        effect = bench.commit(bench.reserve(35), 50, overrun=CHARGE_AVAILABLE)
        assert bench.written == [fact("CAPTURE", total=-35, held=-35, owed=10, spent=45)]
        assert in_tokens(effect.uncovered) == 5

    def test_of_an_unlimited_account_is_charged_in_full(self) -> None:
        bench = an_account(tokens=35, credit_limit="unlimited")
        assert in_tokens(bench.commit(bench.reserve(35), 5_000, overrun=CHARGE_AVAILABLE).amount) == 5_000

    def test_counts_the_debt_that_this_very_commit_makes(self) -> None:
        bench = an_account()
        disputed = bench.grant(50, source=GrantSource.PURCHASE)
        hold = bench.reserve(50)
        bench.grant(30)
        bench.claw_back(disputed)
        effect = bench.commit(hold, lines=[a_line(50), a_line(30)], overrun=CHARGE_AVAILABLE)
        assert (in_tokens(effect.amount), in_tokens(effect.uncovered)) == (50, 30)
        assert (bench.total, bench.owed, bench.available) == (30, 50, 0)

    def test_tells_the_uncovered_part_of_each_line(self) -> None:
        bench = an_account(tokens=7)
        hold = bench.reserve(7)
        bench.commit(hold, lines=[a_line(5), a_line(5), a_line(5)], overrun=CAP)
        lines = bench.shelf.lines[hold]
        assert [(in_tokens(line.amount), in_tokens(line.cost)) for line in lines] == [(5, 5), (2, 5), (0, 5)]

    def test_is_no_matter_where_the_call_takes_just_what_remains(self) -> None:
        bench = an_account(tokens=100)
        assert in_tokens(bench.commit(bench.reserve(35), overrun=CHARGE_AVAILABLE).amount) == 35


class TestCharge:
    def test_reserves_and_commits_in_one_step(self) -> None:
        bench = an_account(tokens=100)
        effect = bench.charge(35)
        assert bench.written == [fact("HOLD", held=35), fact("CAPTURE", total=-35, held=-35, spent=35)]
        assert (effect.hold.state, effect.amount, effect.hold.remaining) == (HoldState.COMMITTED, tokens(35), 0)
        assert bench.available == 65

    def test_takes_every_line(self) -> None:
        bench = an_account(tokens=100)
        effect = bench.charge(lines=[a_line(3), a_line(5)])
        assert [line.amount for line in bench.shelf.lines[effect.hold.hold_id]] == [tokens(3), tokens(5)]

    def test_needs_the_tokens(self) -> None:
        bench = an_account(tokens=100)
        with refusal(InsufficientTokens(tokens("100.000001"), tokens(100))):
            bench.charge("100.000001")
        bench.charge(100)

    def test_leaves_nothing_to_fall_due(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(35)
        bench.wait(days=8)
        bench.balance()
        assert bench.written == []
