"""A window that has lost count is named, with whose it is and of which period, and nothing else."""

from __future__ import annotations

import pytest

from tests.services.ledger.audit.vandal import Vandal
from tests.services.ledger.histories import A_MEMBER, LivedIn

ADDS = "spending.{0}_consumed = (spending).{0}_consumed + 1"


@pytest.mark.parametrize("period", ["day", "week", "month", "total"])
async def test_an_account_that_has_lost_count(vandal: Vandal, lived_in: LivedIn, period: str) -> None:
    await vandal.changes(f"UPDATE ledger_account SET {ADDS.format(period)} WHERE account_id = $1", lived_in.studio)
    await vandal.is_caught("window_counts", f"account {lived_in.studio} ACCOUNT {period.upper()}")


@pytest.mark.parametrize(
    ("scope", "subject", "period"), [("MEMBER", str(A_MEMBER), "day"), ("PROJECT", "film", "total")]
)
async def test_a_member_or_project_that_has_lost_count(
    vandal: Vandal, lived_in: LivedIn, scope: str, subject: str, period: str
) -> None:
    await vandal.changes(
        f"UPDATE ledger_scope SET {ADDS.format(period)} WHERE account_id = $1 AND subject = $2",
        lived_in.studio,
        subject,
    )
    await vandal.is_caught("window_counts", f"account {lived_in.studio} {scope} {subject} {period.upper()}")


async def test_a_member_whose_count_is_gone(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(
        "DELETE FROM ledger_scope WHERE account_id = $1 AND subject = $2", lived_in.studio, str(A_MEMBER)
    )
    await vandal.is_caught("window_counts", f"account {lived_in.studio} MEMBER {A_MEMBER} TOTAL")


async def test_an_account_whose_count_is_gone(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes("UPDATE ledger_account SET spending = NULL WHERE account_id = $1", lived_in.fleet)
    await vandal.is_caught("window_counts", f"account {lived_in.fleet} ACCOUNT TOTAL")


async def test_a_window_that_began_later_than_what_it_counted(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(
        "UPDATE ledger_account SET spending.day_starts_at = (spending).day_ends_at WHERE account_id = $1",
        lived_in.studio,
    )
    await vandal.is_caught("window_counts", f"account {lived_in.studio} ACCOUNT DAY")


async def test_a_default_for_members_that_was_spent(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(
        f"UPDATE ledger_scope SET {ADDS.format('total')} WHERE account_id = $1 AND scope = 'MEMBER_DEFAULT'",
        lived_in.studio,
    )
    await vandal.is_caught("window_counts", f"account {lived_in.studio} MEMBER_DEFAULT TOTAL")
