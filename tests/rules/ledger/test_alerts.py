"""Thresholds: crossed once on the way down, armed again when tokens come in or well above, told of with the change."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.ledger.alerting import AlertEvent, Alerting
from rules.ledger.commands import OpenAccount
from rules.ledger.kinds import AlertKind, BalanceLevel, EntryKind, GrantSource
from rules.ledger.outcomes import AccountEffect
from rules.pricing.tokens import MICROS, format_tokens
from tests.rules.ledger.notation import ACCOUNT, DAY_SECONDS, TENANT, after, fact, in_tokens, tokens
from tests.rules.ledger.workbench import Workbench, an_account

PURCHASE = GrantSource.PURCHASE


def events(bench: Workbench) -> list[AlertEvent]:
    return [bench.shelf.alerts[event_id] for event_id in sorted(bench.shelf.alerts)]


def told(bench: Workbench) -> list[str]:
    """Every threshold that was told of, in order: "20%", or an amount of tokens."""
    return [name_of(event) for event in events(bench) if event.kind is AlertKind.LOW_BALANCE]


def name_of(event: AlertEvent) -> str:
    if event.threshold_tokens is not None:
        return format_tokens(event.threshold_tokens)
    return f"{event.threshold_percent}%"


def crossed(bench: Workbench) -> set[str]:
    """The thresholds that are crossed now, by their events, which the account's row must agree with."""
    still = {event.event_id for event in events(bench) if event.rearmed_at is None}
    alerting = bench.account.alerting or Alerting()
    assert set(alerting.crossed.values()) == still
    return {name_of(bench.shelf.alerts[event_id]) for event_id in still}


class TestCrossing:
    def test_is_falling_below_a_threshold_not_reaching_it(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(80)
        assert told(bench) == []
        bench.charge("0.000001")
        assert told(bench) == ["20%"]

    def test_of_nothing_left_is_reaching_it(self) -> None:
        bench = an_account(tokens=100)
        bench.charge("99.999999")
        assert told(bench) == ["20%", "10%"]
        bench.charge("0.000001")
        assert told(bench) == ["20%", "10%", "0%"]

    def test_of_three_at_once_is_three_events_in_falling_order(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(100)
        assert [(event.event_id, name_of(event)) for event in events(bench)] == [(1, "20%"), (2, "10%"), (3, "0%")]

    def test_is_told_with_the_version_the_instant_and_what_is_available(self) -> None:
        bench = an_account(tokens=100)
        bench.wait(5)
        bench.charge("85.5")
        (event,) = events(bench)
        assert (event.kind, event.version, event.at) == (AlertKind.LOW_BALANCE, bench.account.version, after(5))
        assert in_tokens(event.available) == Decimal("14.5")

    def test_is_told_once(self) -> None:
        bench = an_account(tokens=100)
        for _ in range(5):
            bench.charge(17)
        for _ in range(3):
            bench.charge(1)
        assert told(bench) == ["20%"]

    def test_counts_what_is_on_hold(self) -> None:
        bench = an_account(tokens=100)
        bench.reserve(85)
        assert told(bench) == ["20%"]

    def test_is_not_what_a_command_passes_through(self) -> None:
        bench = an_account(tokens=100)
        bench.grant(1, source=PURCHASE)
        bench.set_alerts(percents=[50])
        hold = bench.reserve(30)
        bench.commit(hold, 10)
        assert told(bench) == []

    def test_by_tokens_comes_with_the_percentages_in_falling_order(self) -> None:
        bench = an_account(tokens=100)
        bench.set_alerts(amounts=[tokens(15), tokens(20), tokens(50)])
        bench.charge(100)
        assert told(bench) == ["50", "20%", "20", "15", "10%", "0%"]

    def test_happens_when_the_credit_line_is_lowered(self) -> None:
        bench = an_account(credit_limit=50)
        bench.grant(50, source=PURCHASE)
        bench.charge(45)
        assert told(bench) == []
        bench.adjust(credit_limit=10)
        assert told(bench) == ["20%"]

    def test_happens_when_tokens_are_taken_back(self) -> None:
        bench = an_account()
        bench.revoke(bench.grant(100))
        assert told(bench) == ["20%", "10%", "0%"]

    def test_happens_when_tokens_expire_at_their_own_instants(self) -> None:
        bench = an_account()
        bench.grant(15, expires_in=60)
        bench.grant(85, expires_in=30)
        bench.wait(DAY_SECONDS)
        bench.balance()
        assert [(name_of(event), event.at, event.version) for event in events(bench)] == [
            ("20%", after(30), 3),
            ("10%", after(60), 4),
            ("0%", after(60), 4),
        ]

    @pytest.mark.parametrize("due_holds_max", [1, 500])
    def test_is_told_and_undone_by_what_falls_due_one_after_another(self, due_holds_max: int) -> None:
        bench = an_account(due_holds_max=due_holds_max)
        bench.grant(70, expires_in=30, priority=90)
        bench.grant(30)
        bench.reserve(20, ttl_seconds=60)
        bench.reserve(5, ttl_seconds=40)
        bench.wait(DAY_SECONDS)
        bench.balance()
        assert [(name_of(event), event.at, event.rearmed_at) for event in events(bench)] == [
            ("20%", after(30), after(60)),
            ("10%", after(30), after(60)),
        ]

    def test_is_not_of_an_account_that_never_had_tokens(self) -> None:
        bench = an_account()
        bench.adjust(frozen=True)
        bench.adjust(frozen=False)
        assert told(bench) == []
        assert bench.account.alerting is None, "nothing is kept until something is told"

    def test_is_not_of_an_unlimited_account(self) -> None:
        bench = an_account(tokens=100, credit_limit="unlimited")
        bench.charge(500)
        assert told(bench) == []

    def test_happens_when_an_account_stops_being_unlimited(self) -> None:
        bench = an_account(tokens=100, credit_limit="unlimited")
        bench.charge(100)
        bench.adjust(credit_limit=0)
        assert told(bench) == ["20%", "10%", "0%"]
        bench.adjust(credit_limit="unlimited")
        assert crossed(bench) == set()

    def test_is_not_repeated_by_a_replay(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(85, key="once")
        bench.charge(85, key="once")
        assert told(bench) == ["20%"]


class TestArmingAgain:
    def test_happens_when_tokens_come_in(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(100)
        bench.wait(9)
        bench.grant(10, source=PURCHASE)
        assert crossed(bench) == set()
        assert {event.rearmed_at for event in events(bench)} == {after(9)}
        bench.charge(10)
        assert told(bench) == ["20%", "10%", "0%"] * 2
        assert [event.event_id for event in events(bench)] == [1, 2, 3, 4, 5, 6]

    def test_by_a_small_gift_is_of_the_thresholds_that_it_reaches(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(92)
        bench.grant(2)
        assert bench.account.mark == tokens(100)
        assert crossed(bench) == {"20%"}
        bench.charge(1)
        assert told(bench) == ["20%", "10%", "10%"]

    def test_by_tokens_is_not_of_an_amount_that_is_still_out_of_reach(self) -> None:
        bench = an_account(tokens=100)
        bench.set_alerts(amounts=[tokens(500)])
        bench.grant(50, source=PURCHASE)
        assert crossed(bench) == {"500"}
        bench.grant(350, source=PURCHASE)
        assert crossed(bench) == set()

    @pytest.mark.parametrize(("released", "still"), [("4.999999", {"20%"}), ("5", set())])
    def test_by_what_comes_back_needs_five_percent_more(self, released: str, still: set[str]) -> None:
        bench = an_account(tokens=100)
        bench.charge(80)
        hold = bench.reserve(released)
        assert crossed(bench) == {"20%"}
        bench.release(hold)
        assert crossed(bench) == {"20%"}, "at the threshold itself nothing happens yet"
        bench.refund(bench.shelf.holds[min(bench.shelf.holds)].hold_id, released)
        assert crossed(bench) == still

    @pytest.mark.parametrize(("back", "still"), [("4.999999", {"20%", "10%", "0%"}), ("5", {"20%", "10%"})])
    def test_of_nothing_left_needs_five_percent(self, back: str, still: set[str]) -> None:
        bench = an_account(tokens=100)
        charged = bench.charge(100)
        bench.refund(charged.hold.hold_id, back)
        assert crossed(bench) == still

    @pytest.mark.parametrize(("back", "still"), [("12.499999", {"50"}), ("12.5", set())])
    def test_of_an_amount_needs_that_much_of_it(self, back: str, still: set[str]) -> None:
        bench = an_account(tokens=100)
        bench.set_alerts(percents=[], amounts=[tokens(50)])
        charged = bench.charge(60)
        bench.refund(charged.hold.hold_id, back)
        assert crossed(bench) == still

    def test_does_not_happen_over_and_over_around_a_threshold(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(79)
        for _ in range(10):
            bench.release(bench.reserve(2))
        assert told(bench) == ["20%"]

    def test_is_not_brought_about_by_tokens_that_live_on(self) -> None:
        bench = an_account()
        bench.grant(98, priority=90)
        bench.grant(2, expires_in=60)
        hold = bench.reserve(2, ttl_seconds=3_600)
        bench.charge(79)
        bench.charge(1)
        bench.wait(60)
        assert crossed(bench) == {"20%"}
        bench.release(hold)
        assert bench.entries[-1].kind is EntryKind.GRANT
        assert bench.available == 20
        assert crossed(bench) == {"20%"}

    def test_happens_when_the_credit_line_is_raised_far_enough(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(85)
        bench.adjust(credit_limit=9)
        assert crossed(bench) == {"20%"}
        bench.adjust(credit_limit=10)
        assert crossed(bench) == set()


class TestSettingThem:
    def test_writes_one_adjustment_that_says_what_changed(self) -> None:
        bench = an_account(tokens=100)
        bench.set_alerts(percents=[5, 50], amounts=[2_500_000], day_percents=[90])
        assert bench.written == [fact("ADJUSTMENT")]
        assert bench.entries[-1].note == (
            "lowBalancePercents [20, 10] -> [50, 5], lowBalanceTokens [] -> [2.5], dailyLimitPercents [80] -> [90]"
        )
        assert bench.account.alerting == Alerting((50, 5), (2_500_000,), (90,))

    @pytest.mark.parametrize("given", [{}, {"percents": [10, 20]}, {"amounts": []}, {"day_percents": [80]}])
    def test_writes_nothing_where_nothing_changes(self, given: dict[str, Sequence[int]]) -> None:
        bench = an_account(tokens=100)
        bench.set_alerts(**given)
        assert bench.written == []
        assert bench.account.alerting is None

    def test_keeps_what_is_left_out(self) -> None:
        bench = an_account(tokens=100)
        bench.set_alerts(percents=[50])
        bench.set_alerts(amounts=[1])
        bench.set_alerts(day_percents=[70, 90])
        assert bench.account.alerting == Alerting((50,), (1,), (90, 70))

    def test_tells_at_once_of_a_new_one_that_the_balance_is_below(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(70)
        effect = bench.set_alerts(percents=[50, 40, 20], amounts=[tokens(35)])
        assert told(bench) == ["50%", "40%", "35"]
        assert {event.version for event in events(bench)} == {bench.account.version}
        assert effect.account.alerting == bench.account.alerting
        bench.set_alerts(percents=[40, 50])
        assert told(bench) == ["50%", "40%", "35"], "those that were known are not told again"

    def test_calls_one_that_is_given_up_no_longer_crossed(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(95)
        bench.wait(3)
        bench.set_alerts(percents=[20])
        assert crossed(bench) == {"20%"}
        assert [event.rearmed_at for event in events(bench)] == [None, after(3)]

    def test_never_silences_that_nothing_is_left(self) -> None:
        bench = an_account(tokens=100)
        bench.set_alerts(percents=[])
        bench.charge(100)
        assert told(bench) == ["0%"]
        bench.set_alerts(percents=[0])
        assert crossed(bench) == {"0%"}

    def test_tells_an_unlimited_account_nothing(self) -> None:
        bench = an_account(tokens=100, credit_limit="unlimited")
        bench.set_alerts(amounts=[tokens(500)])
        assert told(bench) == []


class TestTheLevel:
    @pytest.mark.parametrize(
        ("percents", "amounts", "spent", "level"),
        [
            ([50, 10], [], 50, BalanceLevel.GREEN),
            ([50, 10], [], 51, BalanceLevel.YELLOW),
            ([], [], 99, BalanceLevel.GREEN),
            ([], [], 100, BalanceLevel.RED),
            ([0], [], 99, BalanceLevel.GREEN),
            ([10], [30], 70, BalanceLevel.GREEN),
            ([10], [30, 5], 71, BalanceLevel.YELLOW),
        ],
    )
    def test_is_yellow_below_the_highest_threshold(
        self, percents: list[int], amounts: list[int], spent: int, level: BalanceLevel
    ) -> None:
        bench = an_account(tokens=100)
        bench.set_alerts(percents=percents, amounts=[tokens(amount) for amount in amounts])
        bench.charge(spent)
        assert bench.balance().level is level


class TestThePolicyOfThePriceBook:
    def test_is_what_an_account_opened_under_it_is_warned_of(self) -> None:
        bench = Workbench(opened=False)
        effect = bench.submit(
            OpenAccount(TENANT, ACCOUNT, "UTC", tokens(100), alert_percents=(40,), day_limit_percents=(90, 50))
        )
        assert isinstance(effect, AccountEffect)
        assert effect.account.alerting == Alerting((40,), (), (90, 50))
        bench.charge(61)
        assert told(bench) == ["40%"]

    def test_leaves_an_open_account_alone(self) -> None:
        bench = an_account()
        bench.submit(OpenAccount(TENANT, ACCOUNT, "UTC", alert_percents=(40,)))
        assert bench.account.alerting is None


steps = st.lists(
    st.tuples(
        st.sampled_from(["charge", "charge", "hold", "release", "refund", "buy", "gift", "wait"]), st.integers(1, 40)
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(steps=steps)
def test_what_was_told_follows_from_the_journal_alone(steps: list[tuple[str, int]]) -> None:
    """Walks the journal, step by step, with nothing but what was available after each, and what came in."""
    bench = an_account(tokens=100)
    ends, marks = [1], [100 * MICROS]
    holds: list[int] = []
    charges: list[int] = []
    for verb, number in steps:
        amount = min(number, int(bench.available))
        if verb == "charge" and amount:
            charges.append(bench.charge(amount).hold.hold_id)
        elif verb == "hold" and amount:
            holds.append(bench.reserve(amount, ttl_seconds=86_400))
        elif verb == "release" and holds:
            bench.release(holds.pop())
        elif verb == "refund" and charges:
            bench.refund(charges.pop())
        elif verb in ("buy", "gift"):
            bench.grant(number, source=PURCHASE if verb == "buy" else GrantSource.BONUS)
        elif verb == "wait":
            bench.wait(number)
        ends.append(bench.account.version)
        marks.append(bench.account.mark)
    expected: list[tuple[int, int]] = []
    low: set[int] = set()
    before, begin = 100 * MICROS, 1
    for end, mark in zip(ends, marks, strict=True):
        step = bench.entries[begin:end]
        if not step:
            continue
        now, begin = step[-1].available_after, end
        for percent in (20, 10, 0):
            edge = percent * mark // 100
            was_under, is_under = (value < edge or value == 0 for value in (before, now))
            if is_under and not was_under and percent not in low:
                low.add(percent)
                expected.append((percent, end))
            elif now > before and percent in low:
                came_in = any(entry.kind is EntryKind.GRANT for entry in step)
                if (came_in and not is_under) or (now > 0 and now * 100 >= (percent + 5) * mark):
                    low.remove(percent)
        before = now
    assert [(event.threshold_percent, event.version) for event in events(bench)] == expected
    assert crossed(bench) == {f"{percent}%" for percent in low}
