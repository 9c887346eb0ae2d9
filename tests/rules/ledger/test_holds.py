"""Reserve, extend, release and the end of a hold's time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rules.ledger.commands import HOLD_LINES_MAX
from rules.ledger.kinds import HoldState, WorkOutcome
from rules.ledger.outcomes import RepriceAt
from rules.ledger.refusals import HoldExpired, HoldNotOpen, InsufficientTokens, NotFound
from rules.pricing.refusals import InvalidInput
from tests.rules.ledger.notation import DAY_SECONDS, START, a_line, after, fact, in_tokens, refusal, tokens
from tests.rules.ledger.workbench import Workbench, a_copy_of, an_account


class TestReserve:
    def test_sets_an_upper_bound_aside(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.hold(bench.reserve(35))
        assert (hold.state, in_tokens(hold.amount), in_tokens(hold.remaining)) == (HoldState.OPEN, 35, 35)
        assert (bench.total, bench.held, bench.available) == (100, 35, 65)
        assert bench.written == [fact("HOLD", held=35)]

    def test_takes_all_that_is_available_and_not_one_micro_token_more(self) -> None:
        bench = an_account(tokens=100)
        with refusal(InsufficientTokens(tokens("100.000001"), tokens(100))):
            bench.reserve("100.000001")
        bench.reserve(100)
        assert bench.available == 0

    def test_lives_for_its_ttl(self) -> None:
        bench = an_account(tokens=100)
        bench.wait(5)
        hold = bench.hold(bench.reserve(35, ttl_seconds=60))
        assert (hold.created_at, hold.expires_at) == (after(5), after(65))

    def test_judged_at_its_latest_instant_it_passes_and_a_microsecond_later_not(self) -> None:
        bench = an_account(tokens=100)
        bench.reserve(1, not_after=START)
        bench.wait(microseconds=1)
        with refusal(InvalidInput):
            bench.reserve(1, not_after=START)
        with refusal(InvalidInput):
            bench.charge(1, not_after=START)

    def test_several_holds_stand_side_by_side(self) -> None:
        bench = an_account(tokens=100)
        first, second = bench.reserve(35), bench.reserve(40)
        bench.release(first)
        assert (bench.held, bench.available, in_tokens(bench.hold(second).remaining)) == (40, 60, 40)


class TestRelease:
    @pytest.mark.parametrize("outcome", WorkOutcome)
    def test_gives_everything_back_and_keeps_the_outcome(self, outcome: WorkOutcome) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35)
        released = bench.release(hold, outcome=outcome, note="the provider was down").hold
        assert (released.state, released.outcome, released.remaining) == (HoldState.RELEASED, outcome, 0)
        assert bench.written == [fact("RELEASE", held=-35)]
        assert (bench.available, bench.held) == (100, 0), "failed work costs nothing"
        assert bench.entries[-1].note == "the provider was down"

    def test_gives_back_only_what_was_not_captured(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35)
        bench.commit(hold, 20, final=False)
        assert in_tokens(bench.release(hold).hold.captured) == 20
        assert (bench.available, bench.written) == (80, [fact("RELEASE", held=-15)])

    def test_is_in_the_journal_even_when_nothing_was_left(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35)
        bench.commit(hold, 35, final=False)
        bench.release(hold)
        assert bench.written == [fact("RELEASE")]


class TestEndOfItsTime:
    @pytest.mark.parametrize(("microseconds", "is_over"), [(-1, False), (0, True), (1, True)])
    def test_comes_at_its_instant_and_not_a_microsecond_earlier(self, microseconds: int, is_over: bool) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35, ttl_seconds=60)
        bench.at(after(60, microseconds=microseconds))
        if is_over:
            with refusal(HoldExpired(after(60))):
                bench.commit(hold, 20)
            assert (bench.total, bench.available) == (100, 100), "a commit judged after that never captures"
        else:
            bench.commit(hold, 20)
            assert bench.available == 80

    def test_gives_the_tokens_back_by_itself_however_late_anybody_looks(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35, ttl_seconds=60)
        bench.wait(days=30)
        assert bench.balance().available == tokens(100)
        assert (bench.hold(hold).state, bench.hold(hold).ended_at) == (HoldState.EXPIRED, after(60))
        assert (bench.written, bench.entries[-1].at) == ([fact("RELEASE", held=-35)], after(60))

    def test_keeps_what_was_captured(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35, ttl_seconds=60)
        bench.commit(hold, 20, final=False)
        bench.wait(60)
        assert bench.balance().available == tokens(80)
        assert in_tokens(bench.hold(hold).captured) == 20

    def test_frees_the_tokens_for_a_reserve_at_that_very_instant(self) -> None:
        bench = an_account(tokens=100)
        bench.reserve(100, ttl_seconds=60)
        bench.at(after(60, microseconds=-1))
        with refusal(InsufficientTokens):
            bench.reserve(1)
        bench.at(after(60))
        bench.reserve(100)


class TestExtend:
    def test_lengthens_life_to_at_least_so_long_from_now(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35, ttl_seconds=60)
        bench.wait(30)
        assert bench.extend(hold, ttl_seconds=60).hold.expires_at == after(90)

    def test_never_shortens_it(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35, ttl_seconds=600)
        assert bench.extend(hold, ttl_seconds=60).hold.expires_at == after(600)

    def test_ends_seven_days_after_the_beginning(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35, ttl_seconds=DAY_SECONDS)
        for _ in range(7):
            bench.wait(DAY_SECONDS - 1)
            bench.extend(hold, ttl_seconds=DAY_SECONDS)
        assert bench.hold(hold).expires_at == START + timedelta(days=7)
        bench.at(START + timedelta(days=7))
        with refusal(HoldExpired(START + timedelta(days=7))):
            bench.extend(hold, ttl_seconds=DAY_SECONDS)

    def test_adds_to_the_amount(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35)
        assert in_tokens(bench.extend(hold, 10).hold.amount) == 45
        assert (bench.held, bench.written) == (45, [fact("HOLD", held=10)])

    def test_adds_both_in_one_step_or_neither(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35, ttl_seconds=60)
        before = a_copy_of(bench, hold)
        with refusal(InsufficientTokens(tokens("65.000001"), tokens(65))):
            bench.extend(hold, "65.000001", ttl_seconds=600)
        assert bench.hold(hold) == before
        extended = bench.extend(hold, 65, ttl_seconds=600).hold
        assert (in_tokens(extended.amount), extended.expires_at) == (100, after(600))

    def test_keeps_its_lines_with_those_that_it_had(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(lines=[a_line(3, model="flux")])
        bench.extend(hold, lines=[a_line(5, model="veo")])
        bench.commit(hold)
        assert [(entry.model, in_tokens(entry.spent)) for entry in bench.entries[-2:]] == [("flux", 3), ("veo", 5)]

    def test_is_priced_at_the_holds_own_price_book_version(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(35)
        with refusal(RepriceAt(1)):
            bench.extend(hold, lines=[a_line(5)], priced_at=2)
        bench.extend(hold, lines=[a_line(5)], priced_at=1)


def ended_by_commit(bench: Workbench) -> int:
    hold = bench.reserve(35)
    bench.commit(hold, 20)
    return hold


def ended_by_release(bench: Workbench) -> int:
    hold = bench.reserve(35)
    bench.release(hold)
    return hold


def ended_by_time(bench: Workbench) -> int:
    hold = bench.reserve(35, ttl_seconds=60)
    bench.wait(60)
    return hold


@pytest.mark.parametrize("verb", ["commit", "release", "extend"])
@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (ended_by_commit, HoldNotOpen(HoldState.COMMITTED)),
        (ended_by_release, HoldNotOpen(HoldState.RELEASED)),
        (ended_by_time, HoldExpired(after(60))),
    ],
)
def test_every_hold_ends_exactly_once(verb: str, end: object, expected: object) -> None:
    bench = an_account(tokens=100)
    hold = end(bench)
    bench.balance()
    before = a_copy_of(bench, hold)
    with refusal(expected):
        bench.extend(hold, ttl_seconds=60) if verb == "extend" else getattr(bench, verb)(hold)
    assert bench.hold(hold) == before


@pytest.mark.parametrize("verb", ["commit", "release", "extend", "refund"])
def test_a_hold_that_never_was_is_not_found(verb: str) -> None:
    with refusal(NotFound("hold")):
        getattr(an_account(tokens=100), verb)(4_711)


def test_a_hold_has_a_bounded_number_of_lines() -> None:
    bench = an_account(tokens=10_000)
    hundred = [a_line(1) for _ in range(100)]
    hold = bench.reserve(lines=hundred)
    for _ in range(9):
        bench.extend(hold, lines=hundred)
    before = bench.held
    with refusal(InvalidInput("work", f"a hold has at most {HOLD_LINES_MAX} lines in all; reserve anew for more")):
        bench.extend(hold, lines=[a_line(1)])
    assert bench.held == before
