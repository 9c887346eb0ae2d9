"""Notices of grants that are about to expire: once each, at their instant, while there is something left to lose."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rules.ledger.alerting import AlertEvent
from rules.ledger.kinds import AlertKind
from tests.rules.ledger.notation import DAY_SECONDS, START, after, tokens
from tests.rules.ledger.workbench import Workbench, an_account


def notices(bench: Workbench) -> list[AlertEvent]:
    told = [bench.shelf.alerts[event_id] for event_id in sorted(bench.shelf.alerts)]
    return [event for event in told if event.kind is AlertKind.GRANT_EXPIRING]


def day(number: float) -> int:
    return round(number * DAY_SECONDS)


@pytest.mark.parametrize(
    ("lives_seconds", "told_at_seconds"),
    [
        (day(30), day(23)),
        (day(8) + 1, day(1) + 1),
        (day(8), day(7)),
        (day(2), day(1)),
        (day(1) + 1, 1),
    ],
)
def test_come_seven_days_before_the_end_or_one_day_where_a_grant_lives_eight_at_most(
    lives_seconds: int, told_at_seconds: int
) -> None:
    bench = an_account(tokens=5)
    grant = bench.grant(10, expires_in=lives_seconds)
    bench.wait(told_at_seconds - 1)
    bench.balance()
    assert notices(bench) == []
    bench.wait(1)
    bench.balance()
    (notice,) = notices(bench)
    assert (notice.at, notice.version, notice.grant_id) == (after(told_at_seconds), 2, grant)
    assert (notice.amount, notice.available) == (tokens(10), tokens(15))
    assert notice.expires_at == after(lives_seconds)
    assert bench.written == [], "nothing of the balance changed"


@pytest.mark.parametrize("lives_seconds", [day(1), 60])
def test_do_not_come_for_what_lives_a_day_at_most(lives_seconds: int) -> None:
    bench = an_account()
    bench.grant(10, expires_in=lives_seconds)
    bench.wait(day(2))
    bench.balance()
    assert notices(bench) == []


def test_come_once() -> None:
    bench = an_account()
    bench.grant(10, expires_in=day(30))
    for _ in range(10):
        bench.wait(day(2.9))
        bench.balance()
    bench.wait(day(30))
    bench.balance()
    assert len(notices(bench)) == 1


def test_come_before_the_end_however_late_somebody_looks() -> None:
    bench = an_account()
    bench.grant(10, expires_in=day(30))
    bench.grant(20, expires_in=day(20))
    bench.wait(day(90))
    bench.balance()
    told = [bench.shelf.alerts[event_id] for event_id in sorted(bench.shelf.alerts)]
    assert [(event.kind, event.threshold_percent, event.at, event.version) for event in told] == [
        (AlertKind.GRANT_EXPIRING, None, after(day(13)), 2),
        (AlertKind.GRANT_EXPIRING, None, after(day(23)), 3),
        (AlertKind.LOW_BALANCE, 20, after(day(30)), 4),
        (AlertKind.LOW_BALANCE, 10, after(day(30)), 4),
        (AlertKind.LOW_BALANCE, 0, after(day(30)), 4),
    ]


def test_wake_the_account_although_nothing_else_is_due() -> None:
    bench = an_account()
    bench.grant(10, expires_in=day(30))
    assert bench.account.due_at == after(day(23))
    bench.wait(day(23))
    bench.balance()
    assert bench.account.due_at == after(day(30))


def test_do_not_come_for_what_is_spent_or_taken_back() -> None:
    bench = an_account()
    bench.grant(10, expires_in=day(30))
    bench.charge(10)
    bench.revoke(bench.grant(10, expires_in=day(30)))
    bench.wait(day(60))
    bench.balance()
    assert notices(bench) == []


def test_tell_only_of_what_no_hold_has() -> None:
    bench = an_account()
    bench.grant(10, expires_in=day(8))
    bench.wait(day(6.9))
    bench.reserve(4, ttl_seconds=DAY_SECONDS)
    bench.wait(day(0.1))
    bench.balance()
    assert [notice.amount for notice in notices(bench)] == [tokens(6)]


def test_wait_while_all_is_on_hold_and_come_with_the_first_tokens_back() -> None:
    bench = an_account()
    bench.grant(10, expires_in=day(8))
    bench.wait(day(6.9))
    hold = bench.reserve(10, ttl_seconds=DAY_SECONDS)
    bench.wait(day(0.2))
    bench.balance()
    assert notices(bench) == []
    bench.commit(hold, 7)
    assert [(notice.amount, notice.at) for notice in notices(bench)] == [(tokens(3), after(day(7.1)))]


def test_come_with_a_refund_to_what_was_all_spent() -> None:
    bench = an_account(tokens=50)
    bench.grant(10, expires_in=day(30), priority=1)
    charged = bench.charge(10)
    bench.wait(day(25))
    bench.refund(charged.hold.hold_id, 2)
    bench.refund(charged.hold.hold_id, 2)
    assert [(notice.amount, notice.at) for notice in notices(bench)] == [(tokens(2), after(day(25)))]


def test_come_at_their_time_for_what_was_refunded_before() -> None:
    bench = an_account(tokens=50)
    bench.grant(10, expires_in=day(30), priority=1)
    charged = bench.charge(10)
    bench.wait(day(29))
    bench.at(START + timedelta(days=29))
    bench.balance()
    bench.grant(10, expires_in=day(30), priority=1)
    again = bench.charge(10)
    bench.refund(again.hold.hold_id)
    assert bench.account.due_at is not None
    assert bench.account.due_at <= after(day(29 + 23))
    bench.wait(day(23))
    bench.balance()
    assert [notice.at for notice in notices(bench)] == [after(day(29 + 23))]
    assert charged.hold.hold_id < again.hold.hold_id


@pytest.mark.parametrize("due_holds_max", [1, 500])
def test_count_what_holds_give_back_at_that_instant(due_holds_max: int) -> None:
    bench = an_account(due_holds_max=due_holds_max)
    bench.grant(10, expires_in=day(8))
    bench.wait(day(6.5))
    for _ in range(3):
        bench.reserve(2, ttl_seconds=day(0.5))
    bench.wait(day(0.5))
    bench.balance()
    assert [notice.amount for notice in notices(bench)] == [tokens(10)]


def test_come_for_tokens_that_live_on() -> None:
    bench = an_account()
    bench.grant(10, expires_in=60)
    bench.reserve(10, ttl_seconds=90)
    bench.wait(day(30))
    bench.balance()
    assert [notice.at for notice in notices(bench)] == [after(90 + day(6))]
