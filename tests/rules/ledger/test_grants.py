"""Tokens that come in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rules.ledger.grants import months_after
from rules.ledger.kinds import GrantSource
from rules.pricing.refusals import InvalidInput
from tests.rules.ledger.notation import START, after, fact, in_tokens, refusal, tokens
from tests.rules.ledger.workbench import Workbench, an_account


@pytest.mark.parametrize("source", sorted(set(GrantSource) - {GrantSource.TRANSFER}))
def test_add_to_the_total_whatever_their_source(source: GrantSource) -> None:
    bench = an_account()
    grant = bench.grant(40, source=source, note="welcome")
    assert bench.written == [fact("GRANT", total=40)]
    assert (bench.available, bench.lot(grant).source, bench.entries[-1].grant_id) == (40, source, grant)
    assert bench.entries[-1].note == "welcome"


def test_apply_once_for_what_they_were_granted_for() -> None:
    bench = an_account()
    bench.grant(40, source_ref="payment:1")
    with refusal(InvalidInput):
        bench.grant(40, source_ref="payment:1")
    assert bench.available == 40


@pytest.mark.parametrize(("microseconds", "is_refused"), [(-1, True), (0, True), (1, False)])
def test_must_expire_in_the_future(microseconds: int, is_refused: bool) -> None:
    bench = an_account()
    if is_refused:
        with refusal(InvalidInput):
            bench.grant(40, expires_at=after(0, microseconds=microseconds))
    else:
        bench.grant(40, expires_at=after(0, microseconds=microseconds))


def test_expire_as_the_policy_says_where_no_instant_is_given() -> None:
    bench = an_account()
    by_policy = bench.grant(40, expires_after_months=12)
    by_word = bench.grant(40, expires_after_months=12, expires_at=after(60))
    assert bench.lot(by_policy).expires_at == START.replace(year=2027)
    assert bench.lot(by_word).expires_at == after(60)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2024-02-29", 12, "2025-02-28"),
    ],
)
def test_months_end_on_the_same_day_or_the_months_last(start: str, months: int, end: str) -> None:
    at = datetime.fromisoformat(f"{start}T08:30:00+00:00").astimezone(UTC)
    assert months_after(at, months) == datetime.fromisoformat(f"{end}T08:30:00+00:00")


class TestTrial:
    def test_comes_with_the_account_once_ever(self) -> None:
        bench = Workbench(opened=False)
        bench.open(trial=50, trial_months=1)
        assert (bench.available, bench.lot(1).source, bench.lot(1).expires_at) == (50, "TRIAL", START.replace(month=4))
        bench.open(trial=50, trial_months=1)
        assert (bench.available, bench.written) == (50, [])

    def test_is_not_given_where_there_is_none(self) -> None:
        bench = Workbench(opened=False)
        effect = bench.open()
        assert (effect.balance.version, effect.balance.total, bench.entries) == (0, 0, [])


class TestDebt:
    """Incoming tokens first pay what was clawed back, by a SETTLEMENT entry, never metered credit."""

    @pytest.mark.parametrize(("incoming", "paid", "left"), [(4, 4, 6), (10, 10, 0), (25, 10, 0)])
    def test_of_a_clawback_is_paid_first(self, incoming: int, paid: int, left: int) -> None:
        bench = an_account()
        disputed = bench.grant(10)
        bench.charge(10)
        bench.claw_back(disputed)
        grant = bench.grant(incoming)
        assert bench.written == [fact("GRANT", total=incoming), fact("SETTLEMENT", total=-paid, owed=-paid)]
        assert (bench.owed, bench.available) == (left, incoming - paid)
        assert in_tokens(bench.lot(grant).settled) == paid

    def test_of_metered_credit_stays(self) -> None:
        bench = an_account(credit_limit=20)
        bench.charge(15)
        bench.grant(40)
        assert bench.written == [fact("GRANT", total=40)]
        assert (bench.owed, bench.available) == (15, 45)


class TestMark:
    """What was available after tokens last came in; gifts under 5 % of it leave it."""

    @pytest.mark.parametrize(
        ("source", "amount", "mark"),
        [
            (GrantSource.BONUS, "4.999999", "100"),
            (GrantSource.BONUS, "5", "65"),
            (GrantSource.PROMO, "4", "100"),
            (GrantSource.REFERRAL, "4", "100"),
            (GrantSource.LOYALTY, "4", "100"),
            (GrantSource.PURCHASE, "1", "61"),
            (GrantSource.PLAN, "1", "61"),
            (GrantSource.AUTO_TOP_UP, "1", "61"),
        ],
    )
    def test_moves_when_tokens_come_in(self, source: GrantSource, amount: str, mark: str) -> None:
        bench = an_account(tokens=100)
        bench.charge(40)
        bench.grant(amount, source=source)
        assert bench.account.mark == tokens(mark)

    def test_counts_what_is_available_after_the_debt_was_paid(self) -> None:
        bench = an_account()
        disputed = bench.grant(10)
        bench.charge(10)
        bench.claw_back(disputed)
        bench.grant(30)
        assert bench.account.mark == tokens(20)
