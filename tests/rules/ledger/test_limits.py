"""Limits: what counts, in which windows, and what is refused for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from rules.ledger.alerting import Alerting
from rules.ledger.burn_down import Spender
from rules.ledger.commands import LimitSetting, SetLimits
from rules.ledger.kinds import LimitLevel, LimitPeriod, LimitScope, OverrunPolicy
from rules.ledger.limits import statuses_of, today_of
from rules.ledger.refusals import InsufficientTokens, LimitReached, NotFound
from rules.ledger.spending import ACCOUNT_SCOPE, MEMBER_DEFAULT, NO_LIMIT, Scope
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS
from tests.rules.ledger.notation import ACCOUNT as ACCOUNT_ID
from tests.rules.ledger.notation import DAY_SECONDS, START, TENANT, Refused, a_line, fact, in_tokens, refusal, tokens
from tests.rules.ledger.workbench import Workbench, an_account

DAY, WEEK, MONTH, TOTAL = LimitPeriod.DAY, LimitPeriod.WEEK, LimitPeriod.MONTH, LimitPeriod.TOTAL
ACCOUNT, MEMBER, PROJECT = LimitScope.ACCOUNT, LimitScope.MEMBER, LimitScope.PROJECT
MIDNIGHT = START + timedelta(hours=12)
"""Of the day on which every test begins: Sunday, 1 March 2026, at noon."""


def consumed(bench: Workbench, scope: Scope = ACCOUNT_SCOPE) -> list[Decimal]:
    """What the running windows of a scope have counted: day, week, month, all."""
    spending = bench.account.spending if scope == ACCOUNT_SCOPE else bench.shelf.scopes[scope]
    assert spending is not None
    return [in_tokens(spending.window(period).consumed) for period in LimitPeriod]


def reached(bench: Workbench, amount: int | str, **more: object) -> LimitReached:
    """The refusal of a reserve."""
    with pytest.raises(Refused) as refused:
        bench.reserve(amount, **more)
    assert isinstance(refused.value.refusal, LimitReached)
    return refused.value.refusal


class TestWhatCounts:
    def test_a_hold_counts_with_all_that_it_sets_aside_spends_and_gives_back(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(20)
        assert consumed(bench) == [20, 20, 20, 20]
        bench.extend(hold, 5)
        assert consumed(bench) == [25, 25, 25, 25]
        bench.commit(hold, 8, final=False)
        assert consumed(bench) == [25, 25, 25, 25], "what is spent was counted when it was set aside"
        bench.commit(hold, 30, overrun=OverrunPolicy.CHARGE_AVAILABLE)
        assert consumed(bench) == [38, 38, 38, 38], "what goes beyond the hold counts as well"
        bench.refund(hold, 9)
        assert consumed(bench) == [29, 29, 29, 29]

    def test_a_release_the_rest_of_a_commit_and_a_ttl_end_give_back_what_they_return(self) -> None:
        bench = an_account(tokens=100)
        bench.release(bench.reserve(10))
        assert consumed(bench)[0] == 0
        bench.commit(bench.reserve(10), 4)
        assert consumed(bench)[0] == 4
        bench.reserve(10, ttl_seconds=1)
        assert consumed(bench)[0] == 14
        bench.wait(1)
        bench.balance()
        assert consumed(bench)[0] == 4

    def test_rounding_at_the_end_counts(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(lines=[a_line("0.4", metered=True)], rounding_unit=1)
        bench.commit(hold, lines=[a_line("0.4", metered=True)], rounding_unit=1)
        assert consumed(bench)[0] == 1

    def test_a_charge_counts(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(7)
        assert consumed(bench) == [7, 7, 7, 7]

    def test_a_hold_counts_for_its_member_its_project_and_the_account(self) -> None:
        bench = an_account(tokens=100)
        ada, film = Scope(MEMBER, bench.add_member("ada").member_id), Scope(PROJECT, None, "film")
        bench.reserve(1)
        hold = bench.reserve(10, member=ada.member_id, project="film")
        bench.commit(bench.reserve(20, member=ada.member_id), 5)
        assert [consumed(bench)[0], consumed(bench, ada)[0], consumed(bench, film)[0]] == [16, 15, 10]
        bench.release(hold)
        assert [consumed(bench)[0], consumed(bench, ada)[0], consumed(bench, film)[0]] == [6, 5, 0]

    def test_an_unlimited_account_counts_as_well(self) -> None:
        bench = an_account(credit_limit="unlimited")
        bench.charge(7)
        assert consumed(bench) == [7, 7, 7, 7]


class TestWhatGoesBackReturnsToItsOwnWindow:
    def test_a_hold_made_before_midnight_and_ended_after_it_counts_where_it_began(self) -> None:
        bench = an_account(tokens=100)
        bench.set_limit(30)
        hold = bench.reserve(30, ttl_seconds=DAY_SECONDS)
        bench.at(MIDNIGHT)
        fresh = bench.reserve(10)
        assert consumed(bench) == [10, 10, 40, 40], "the 1st of March was a Sunday: a week ended as well"
        bench.commit(hold, 5)
        assert consumed(bench) == [10, 10, 15, 15], "the new day neither gains nor pays"
        bench.refund(hold, 5)
        assert consumed(bench) == [10, 10, 10, 10]
        bench.release(fresh)
        assert consumed(bench) == [0, 0, 0, 0]

    def test_before_anything_was_begun_in_the_new_day_the_old_one_is_still_exact(self) -> None:
        bench = an_account(tokens=100)
        hold = bench.reserve(30, ttl_seconds=DAY_SECONDS)
        bench.at(MIDNIGHT + timedelta(hours=1))
        bench.commit(hold, 5)
        assert consumed(bench)[0] == 5
        bench.reserve(1)
        assert consumed(bench)[0] == 1

    def test_a_hold_of_yesterday_is_extended_within_the_limits_of_its_own_windows_alone(self) -> None:
        bench = an_account(tokens=1_000)
        hold = bench.reserve(10, ttl_seconds=DAY_SECONDS)
        bench.set_limit(20)
        bench.set_limit(200, MONTH)
        bench.set_limit(300, TOTAL)
        with refusal(LimitReached):
            bench.extend(hold, 11)
        bench.at(MIDNIGHT)
        bench.extend(hold, 50)
        assert bench.balance().today.consumed == 0
        with pytest.raises(Refused) as refused:
            bench.extend(hold, 141)
        assert isinstance(refused.value.refusal, LimitReached)
        assert refused.value.refusal.limit.period is MONTH

    def test_a_member_that_was_idle_over_midnight_begins_the_day_anew(self) -> None:
        bench = an_account(tokens=100)
        ada, bob = bench.add_member("ada").member_id, bench.add_member("bob").member_id
        bench.reserve(10, member=ada, ttl_seconds=DAY_SECONDS)
        bench.at(MIDNIGHT)
        bench.reserve(1, member=bob)
        assert consumed(bench, Scope(MEMBER, ada))[0] == 10, "its row is not touched before it spends"
        bench.reserve(2, member=ada)
        assert consumed(bench, Scope(MEMBER, ada)) == [2, 2, 12, 12]
        assert consumed(bench) == [3, 3, 13, 13]


class TestWhatIsRefused:
    def test_what_is_left_goes_through_and_a_micro_token_more_does_not(self) -> None:
        bench = an_account(tokens=100)
        bench.set_limit(30)
        bench.reserve(20)
        told = reached(bench, "10.000001")
        assert (told.limit.scope, told.limit.period, told.required) == (ACCOUNT, DAY, tokens("10.000001"))
        assert (told.limit.limit, told.limit.consumed, told.limit.remaining) == (tokens(30), tokens(20), tokens(10))
        assert told.limit.resets_at == MIDNIGHT
        bench.reserve(10)
        with refusal(LimitReached):
            bench.reserve("0.000001")

    @pytest.mark.parametrize("period", LimitPeriod)
    def test_each_period_caps(self, period: LimitPeriod) -> None:
        bench = an_account(tokens=1_000)
        bench.set_limit(30, period)
        bench.charge(30)
        assert reached(bench, 1).limit.period is period

    @pytest.mark.parametrize(
        ("period", "later"),
        [
            (DAY, MIDNIGHT),
            (WEEK, MIDNIGHT),
            (MONTH, datetime(2026, 4, 1, tzinfo=UTC)),
        ],
    )
    def test_it_resets_at_the_end_of_the_window_and_not_a_microsecond_before(
        self, period: LimitPeriod, later: datetime
    ) -> None:
        bench = an_account(tokens=1_000)
        bench.set_limit(30, period)
        bench.charge(30)
        bench.at(later - timedelta(microseconds=1))
        assert reached(bench, 1).limit.resets_at == later
        bench.at(later)
        bench.charge(30)
        with refusal(LimitReached):
            bench.charge(1)

    def test_a_total_never_resets(self) -> None:
        bench = an_account(tokens=1_000)
        bench.set_limit(30, TOTAL)
        bench.charge(30)
        bench.wait(days=4_000)
        assert reached(bench, 1).limit.resets_at is None

    @pytest.mark.parametrize("verb", ["reserve", "charge"])
    def test_each_scope_caps(self, verb: str) -> None:
        bench = an_account(tokens=1_000)
        ada, bob = bench.add_member("ada").member_id, bench.add_member("bob").member_id
        bench.set_limit(50)
        bench.set_limit(30, scope=MEMBER, member=ada)
        bench.set_limit(20, scope=PROJECT, project="film")
        say = getattr(bench, verb)
        for who, amount, scope in (
            ({"member": ada, "project": "film"}, 21, PROJECT),
            ({"member": ada, "project": "game"}, 31, MEMBER),
            ({"member": bob}, 51, ACCOUNT),
        ):
            with pytest.raises(Refused) as refused:
                say(amount, **who)
            assert isinstance(refused.value.refusal, LimitReached)
            assert refused.value.refusal.limit.scope is scope
        say(20, member=ada, project="film")
        say(10, member=ada)
        say(20, member=bob)
        for who in ({"member": ada}, {"project": "film"}, {}):
            with refusal(LimitReached):
                say(1, **who)

    def test_an_unlimited_account_obeys_its_limits(self) -> None:
        bench = an_account(credit_limit="unlimited")
        bench.set_limit(30)
        bench.charge(30)
        with refusal(LimitReached):
            bench.charge(1)

    def test_a_commit_beyond_its_hold_takes_what_the_tightest_limit_leaves(self) -> None:
        bench = an_account(tokens=1_000)
        bench.set_limit(30)
        bench.set_limit(25, scope=PROJECT, project="film")
        hold = bench.reserve(20, project="film")
        effect = bench.commit(hold, 100, overrun=OverrunPolicy.CHARGE_AVAILABLE)
        assert (in_tokens(effect.amount), in_tokens(effect.uncovered)) == (25, 75)

    def test_a_commit_of_yesterdays_hold_is_bound_by_what_still_runs_of_its_windows(self) -> None:
        bench = an_account(tokens=1_000)
        bench.set_limit(30)
        bench.set_limit(60, MONTH)
        hold = bench.reserve(20, ttl_seconds=DAY_SECONDS)
        bench.at(MIDNIGHT)
        assert in_tokens(bench.commit(hold, 100, overrun=OverrunPolicy.CHARGE_AVAILABLE).amount) == 60

    def test_rounding_beyond_the_hold_takes_no_more_than_a_limit_leaves(self) -> None:
        bench = an_account(tokens=100)
        bench.set_limit("1.5")
        hold = bench.reserve(1)
        metered = [a_line("1.2", metered=True)]
        effect = bench.commit(hold, lines=metered, rounding_unit=1, overrun=OverrunPolicy.CHARGE_AVAILABLE)
        assert effect.amount == tokens("1.5")

    def test_limits_are_told_before_tokens_that_are_not_there(self) -> None:
        bench = an_account(tokens=10)
        bench.set_limit(10)
        with refusal(LimitReached):
            bench.reserve(11)
        bench.set_limit(None)
        with refusal(InsufficientTokens):
            bench.reserve(11)

    def test_of_several_the_tightest_is_told(self) -> None:
        bench = an_account(tokens=1_000)
        ada = bench.add_member("ada").member_id
        bench.set_limit(50)
        bench.set_limit(40, MONTH)
        bench.set_limit(45, scope=MEMBER, member=ada)
        assert (reached(bench, 60, member=ada).limit.scope, reached(bench, 60).limit.period) == (ACCOUNT, MONTH)

    def test_of_those_that_leave_the_same_the_first_is_told(self) -> None:
        bench = an_account(tokens=1_000)
        ada = bench.add_member("ada").member_id
        for period in reversed(LimitPeriod):
            bench.set_limit(40, period, PROJECT, project="film")
            bench.set_limit(40, period, MEMBER, member=ada)
        told = reached(bench, 41, member=ada, project="film").limit
        assert (told.scope, told.period, told.member_id, told.project) == (MEMBER, DAY, ada, None)
        bench.set_limit(40, TOTAL)
        assert reached(bench, 41, member=ada).limit.scope is ACCOUNT


class TestWhichLimitHolds:
    def test_an_account_without_one_has_the_price_books_for_the_day(self) -> None:
        bench = an_account(tokens=1_000)
        bench.daily_limit = tokens(30)
        assert bench.balance().today.limit == tokens(30)
        with refusal(LimitReached):
            bench.reserve(31)
        bench.set_limit(40)
        bench.reserve(31)
        bench.set_limit(NO_LIMIT)
        bench.reserve(100)
        assert bench.balance().today.limit is None
        bench.set_limit(None)
        with refusal(LimitReached):
            bench.reserve(1)

    def test_what_the_price_book_allows_is_shown_as_of_when_that_came_into_force(self) -> None:
        bench = an_account(tokens=1_000)
        bench.wait(60)
        bench.daily_limit, bench.daily_limit_since = tokens(30), bench.now
        bench.wait(60)
        assert reached(bench, 31).limit == bench.balance().today
        assert bench.balance().as_of == bench.daily_limit_since
        own = bench.set_limit(20)
        assert own.as_of == bench.now
        bench.daily_limit_since = bench.now + timedelta(seconds=1)
        bench.wait(60)
        assert (reached(bench, 21).limit, bench.balance().today) == (own, own), "its own limit stays as it was"

    def test_a_member_has_its_own_else_the_default_else_none(self) -> None:
        bench = an_account(tokens=1_000)
        ada, bob, cy = (
            bench.add_member("ada").member_id,
            bench.add_member("bob").member_id,
            bench.add_member("cy").member_id,
        )
        bench.set_limit(20, scope=MEMBER)
        bench.set_limit(50, scope=MEMBER, member=bob)
        bench.set_limit(NO_LIMIT, scope=MEMBER, member=cy)
        assert reached(bench, 21, member=ada).limit.limit == tokens(20)
        assert reached(bench, 51, member=bob).limit.limit == tokens(50)
        bench.reserve(500, member=cy)
        bench.reserve(100)
        bench.set_limit(None, scope=MEMBER, member=bob)
        assert reached(bench, 51, member=bob).limit.limit == tokens(20)
        bench.reserve(20, member=bob)
        bench.reserve(20, member=ada)
        assert consumed(bench, Scope(MEMBER, ada))[0] == 20, "each member has the default for itself"
        assert MEMBER_DEFAULT in bench.shelf.scopes

    def test_a_limit_set_in_the_middle_of_a_window_knows_what_was_spent(self) -> None:
        bench = an_account(tokens=1_000)
        bench.charge(30, project="film")
        status = bench.set_limit(40, MONTH, PROJECT, project="film")
        assert (status.consumed, status.remaining) == (tokens(30), tokens(10))
        with refusal(LimitReached):
            bench.charge(11, project="film")
        assert bench.set_limit(20, MONTH, PROJECT, project="film").remaining == 0
        assert bench.set_limit(100, MONTH, PROJECT, project="film").consumed == tokens(30), "a change keeps the count"


class TestSetting:
    def test_each_real_change_writes_one_adjustment_with_the_setting_in_its_note(self) -> None:
        bench = an_account(tokens=10)
        ada = bench.add_member("ada").member_id
        settings = (
            LimitSetting(ACCOUNT, DAY, limit=tokens(50)),
            LimitSetting(MEMBER, WEEK, ada, limit=NO_LIMIT),
            LimitSetting(MEMBER, MONTH, limit=tokens("2.5")),
            LimitSetting(PROJECT, TOTAL, project="film", limit=0),
            LimitSetting(PROJECT, TOTAL, project="game", limit=None),
        )
        bench.set_limits(*settings)
        assert bench.written == [fact("ADJUSTMENT")] * 4
        assert [entry.note for entry in bench.entries[-4:]] == [
            "limit ACCOUNT DAY none -> 50",
            f"limit MEMBER {ada} WEEK none -> unlimited",
            "limit MEMBER default MONTH none -> 2.5",
            "limit PROJECT film TOTAL none -> 0",
        ]
        assert [entry.member_id for entry in bench.entries[-4:]] == [None, ada, None, None]
        assert bench.entries[-1].project == "film"
        bench.set_limits(*settings)
        assert bench.written == [], "nothing changed"
        bench.set_limit(None)
        assert bench.entries[-1].note == "limit ACCOUNT DAY 50 -> none"

    def test_the_answer_shows_each_limit_as_it_stands_then(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(40)
        day, total = bench.set_limits(LimitSetting(ACCOUNT, DAY, limit=tokens(50)), LimitSetting(ACCOUNT, TOTAL))
        assert (day.consumed, day.limit, day.level, day.version) == (tokens(40), tokens(50), LimitLevel.NEAR, 4)
        assert (total.consumed, total.limit, total.remaining, total.level) == (tokens(40), None, None, LimitLevel.OK)

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            (LimitSetting(ACCOUNT, DAY, member_id=UUID(int=7)), "memberId"),
            (LimitSetting(ACCOUNT, DAY, project="film"), "project"),
            (LimitSetting(MEMBER, DAY, project="film"), "project"),
            (LimitSetting(PROJECT, DAY, member_id=UUID(int=7), project="film"), "memberId"),
            (LimitSetting(PROJECT, DAY), "project"),
            (LimitSetting(ACCOUNT, DAY, limit=-2), "limit"),
            (LimitSetting(MEMBER, DAY, limit=MAX_MICROS + 1), "limit"),
            (LimitSetting(ACCOUNT, MONTH, limit=1), "period"),
        ],
    )
    def test_one_that_is_wrong_is_named_and_nothing_is_set(self, wrong: LimitSetting, field: str) -> None:
        bench = an_account(tokens=10)
        right = LimitSetting(ACCOUNT, MONTH, limit=5)
        with pytest.raises(Refused) as refused:
            bench.set_limits(right, wrong)
        assert isinstance(refused.value.refusal, InvalidInput)
        assert refused.value.refusal.field == f"limits[1].{field}"
        assert bench.account.spending is None

    def test_everything_that_is_wrong_is_named_by_its_place(self) -> None:
        bench = an_account(tokens=10)
        right = LimitSetting(ACCOUNT, MONTH, limit=5)
        settings = (
            LimitSetting(MEMBER, DAY, UUID(int=7), limit=5),
            right,
            right,
            LimitSetting(ACCOUNT, DAY, limit=-2),
            LimitSetting(PROJECT, DAY, limit=5),
        )
        faults = {4: InvalidInput("limits[4].project", "must not be empty")}
        with pytest.raises(Refused) as refused:
            bench.submit(SetLimits(TENANT, ACCOUNT_ID, settings, listed=True, faults=faults))
        assert isinstance(refused.value.refusal, InvalidInput)
        assert [fault.field for fault in refused.value.refusal.faults] == [
            "limits[0].memberId",
            "limits[2].period",
            "limits[3].limit",
            "limits[4].project",
        ]
        assert refused.value.refusal.faults[-1] == faults[4], "what was found before is told as it was"
        assert bench.account.spending is None

    def test_the_greatest_limit_and_none_at_all_can_be_set(self) -> None:
        bench = an_account(tokens=10)
        assert bench.set_limits(LimitSetting(ACCOUNT, DAY, limit=MAX_MICROS))[0].limit == MAX_MICROS
        assert bench.set_limit(0).level is LimitLevel.REACHED

    def test_a_member_that_is_not_there_is_named_by_its_place_among_others(self) -> None:
        bench = an_account(tokens=10)
        gone = bench.add_member("bob").member_id
        bench.remove_member("bob")
        for member in (UUID(int=7), gone):
            settings = (LimitSetting(ACCOUNT, DAY, limit=5), LimitSetting(MEMBER, DAY, member, limit=5))
            with refusal(InvalidInput("limits[1].memberId", "there is no such member")):
                bench.submit(SetLimits(TENANT, ACCOUNT_ID, settings, listed=True))
        assert bench.account.spending is None

    def test_a_member_that_is_not_there_is_not_found_before_anything_else(self) -> None:
        bench = an_account(tokens=10)
        gone = bench.add_member("bob").member_id
        bench.remove_member("bob")
        for member in (UUID(int=7), gone):
            with refusal(NotFound("member")):
                bench.set_limits(LimitSetting(ACCOUNT, DAY, project="film"), LimitSetting(MEMBER, DAY, member))


class TestHowItIsShown:
    def test_it_is_near_at_80_percent_and_reached_when_nothing_is_left(self) -> None:
        bench = an_account(tokens=100)
        bench.set_limit(10)
        levels = []
        for amount in ("7.999999", "0.000001", "1.999999", "0.000001"):
            bench.charge(amount)
            levels.append(bench.balance().today.level)
        assert levels == [LimitLevel.OK, LimitLevel.NEAR, LimitLevel.NEAR, LimitLevel.REACHED]

    def test_or_where_the_account_is_warned_first(self) -> None:
        bench = an_account(tokens=100)
        bench.set_limit(10)
        bench.charge(5)
        bench.account.alerting = Alerting(day_limit_percents=(90, 50))
        assert bench.balance().today.level is LimitLevel.NEAR
        bench.account.alerting = Alerting(day_limit_percents=())
        bench.charge("4.999999")
        assert bench.balance().today.level is LimitLevel.OK

    def test_the_day_shown_is_the_members_where_there_is_one(self) -> None:
        bench = an_account(tokens=100)
        ada = bench.add_member("ada").member_id
        bench.set_limit(5, scope=MEMBER)
        bench.charge(3)
        today = bench.charge(2, member=ada).balance.today
        assert (today.scope, today.member_id, today.consumed, today.limit) == (MEMBER, ada, tokens(2), tokens(5))
        assert bench.balance().today.scope is ACCOUNT
        assert bench.balance().today.consumed == tokens(5)

    def test_a_reset_is_seen_without_an_entry_and_comes_later(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(3)
        before = bench.balance()
        assert (before.as_of, before.today.resets_at) == (START, MIDNIGHT)
        bench.at(MIDNIGHT + timedelta(hours=5))
        after = bench.balance()
        assert (after.version, after.as_of) == (before.version, MIDNIGHT)
        assert (after.today.consumed, after.today.resets_at) == (0, MIDNIGHT + timedelta(days=1))
        bench.wait(5)
        assert bench.balance() == after, "unchanged reads repeat it"
        assert bench.charge(1).balance.as_of == bench.now

    def test_all_four_periods_of_every_scope_asked_for_are_listed(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(3, project="film")
        state = bench.shelf.load(bench.a_reserve(project="film"), bench.now, 1)
        listed = statuses_of(state, Spender(None, "film"), bench.now, None)
        assert [(status.scope, status.period) for status in listed] == [
            (scope, period) for scope in (ACCOUNT, PROJECT) for period in LimitPeriod
        ]
        assert {status.consumed for status in listed} == {tokens(3)}
        assert today_of(state, None, bench.now, None) == listed[0]


class TestTimeZones:
    """Noon in UTC on 1 March is 7 o'clock in New York, and 1 a.m. on the 2nd in Auckland."""

    def test_windows_end_at_local_midnight(self) -> None:
        bench = an_account(tokens=100)
        bench.adjust(time_zone="America/New_York")
        bench.at(MIDNIGHT)
        bench.at(MIDNIGHT + timedelta(hours=5))
        assert bench.balance().today.resets_at == MIDNIGHT + timedelta(days=1, hours=5)

    @pytest.mark.parametrize(
        ("zone", "starts_at", "hours"),
        [
            ("America/New_York", datetime(2026, 3, 8, 5, tzinfo=UTC), 23),
            ("America/New_York", datetime(2026, 11, 1, 4, tzinfo=UTC), 25),
            ("Asia/Kathmandu", datetime(2026, 3, 9, 18, 15, tzinfo=UTC), 24),
            ("Pacific/Kiritimati", datetime(2026, 3, 9, 10, tzinfo=UTC), 24),
        ],
    )
    def test_a_local_day_has_one_allowance_however_long_it_lasts(
        self, zone: str, starts_at: datetime, hours: int
    ) -> None:
        bench = an_account(tokens=100)
        bench.adjust(time_zone=zone)
        bench.set_limit(10)
        ends_at = starts_at + timedelta(hours=hours)
        bench.at(starts_at - timedelta(microseconds=1))
        bench.charge(10)
        bench.at(starts_at)
        assert bench.charge(10).balance.today.resets_at == ends_at
        bench.at(ends_at - timedelta(microseconds=1))
        assert reached(bench, 1).limit.consumed == tokens(10)
        bench.at(ends_at)
        bench.charge(10)

    @pytest.mark.parametrize(
        ("zone", "ends_at"),
        [
            ("America/New_York", MIDNIGHT + timedelta(hours=5)),
            ("Pacific/Auckland", MIDNIGHT + timedelta(hours=11)),
            ("Europe/Berlin", MIDNIGHT + timedelta(hours=23)),
            ("Europe/London", MIDNIGHT),
        ],
    )
    def test_a_running_window_keeps_its_count_and_ends_at_the_first_midnight_there_not_before_its_old_end(
        self, zone: str, ends_at: datetime
    ) -> None:
        bench = an_account(tokens=100)
        ada = bench.add_member("ada").member_id
        bench.set_limit(10)
        bench.set_limit(10, scope=MEMBER)
        bench.charge(10, member=ada)
        bench.adjust(time_zone=zone)
        assert bench.balance().today.resets_at == ends_at
        assert reached(bench, 1, member=ada).limit.resets_at == ends_at
        bench.at(ends_at - timedelta(microseconds=1))
        assert reached(bench, 1, member=ada).limit.consumed == tokens(10)
        bench.set_limit(None)
        told = reached(bench, 1, member=ada).limit
        assert (told.scope, told.resets_at) == (MEMBER, ends_at), "the member's window follows the account's"
        bench.at(ends_at)
        assert bench.charge(10, member=ada).balance.today.resets_at == ends_at + timedelta(days=1)

    def test_weeks_and_months_end_at_their_own_first_boundary_there(self) -> None:
        bench = an_account(tokens=100)
        bench.charge(1)
        bench.adjust(time_zone="Europe/Berlin")
        week, month = (bench.set_limits(LimitSetting(ACCOUNT, period))[0] for period in (WEEK, MONTH))
        assert week.resets_at == datetime(2026, 3, 8, 23, tzinfo=UTC)
        assert month.resets_at == datetime(2026, 4, 30, 22, tzinfo=UTC)

    def test_changing_there_and_back_gives_no_second_allowance(self) -> None:
        bench = an_account(tokens=100)
        ada = bench.add_member("ada").member_id
        bench.set_limit(10, scope=MEMBER)
        bench.charge(10, member=ada)
        bench.at(MIDNIGHT - timedelta(hours=1))
        bench.adjust(time_zone="America/New_York")
        bench.at(MIDNIGHT + timedelta(hours=2))
        with refusal(LimitReached):
            bench.charge(1, member=ada)
        bench.adjust(time_zone="UTC")
        for later in (timedelta(hours=2), timedelta(hours=12), timedelta(hours=24) - timedelta(microseconds=1)):
            bench.at(MIDNIGHT + later)
            assert reached(bench, 1, member=ada).limit.resets_at == MIDNIGHT + timedelta(days=1)
        bench.at(MIDNIGHT + timedelta(days=1))
        bench.charge(10, member=ada)

    def test_a_member_that_never_spent_shares_the_accounts_window(self) -> None:
        bench = an_account(tokens=100)
        ada = bench.add_member("ada").member_id
        bench.adjust(time_zone="America/New_York")
        bench.set_limit(10, scope=MEMBER, member=ada)
        bench.charge(10, member=ada)
        bench.at(MIDNIGHT + timedelta(hours=4))
        with refusal(LimitReached):
            bench.charge(1, member=ada)
        bench.at(MIDNIGHT + timedelta(hours=5))
        bench.charge(10, member=ada)
