"""Each check of usage names its own corruption, and that alone."""

from __future__ import annotations

from tests.services.ledger.audit.vandal import Vandal
from tests.services.ledger.histories import LivedIn

A_SUM = "SELECT {} FROM usage_day WHERE account_id = $1 AND refunded > 0 AND charged > refunded ORDER BY day LIMIT 1"


async def test_a_day_that_charged_more_than_its_entries(vandal: Vandal, lived_in: LivedIn) -> None:
    day = await vandal.finds(A_SUM.format("day"), lived_in.rider)
    await vandal.changes(
        "UPDATE usage_day u SET charged = charged + 1 WHERE account_id = $1 AND ctid ="
        " (SELECT min(ctid) FROM usage_day WHERE account_id = $1 AND day = $2)",
        lived_in.rider,
        day,
    )
    await vandal.is_caught("usage_days", f"account {lived_in.rider} usage_day {day}")


async def test_a_day_that_was_forgotten(vandal: Vandal, lived_in: LivedIn) -> None:
    day = await vandal.finds("SELECT min(day) FROM usage_day WHERE account_id = $1", lived_in.fleet)
    await vandal.changes("DELETE FROM usage_day WHERE account_id = $1", lived_in.fleet)
    await vandal.is_caught("usage_days", f"account {lived_in.fleet} usage_day {day}")


async def test_usage_that_no_entry_made(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(
        "INSERT INTO usage_day (account_id, day, tenant_id, charged, refunded, uses, operations)"
        " SELECT account_id, '2026-01-01', tenant_id, 0, 0, 1, 0 FROM ledger_account WHERE account_id = $1",
        lived_in.newcomer,
    )
    await vandal.is_caught("usage_days", f"account {lived_in.newcomer} usage_day 2026-01-01")


async def test_work_that_failed_once_more(vandal: Vandal, lived_in: LivedIn) -> None:
    day = await vandal.finds(
        "SELECT day FROM work_day WHERE account_id = $1 AND outcome = 'CANCELLED' ORDER BY day LIMIT 1", lived_in.rider
    )
    await vandal.changes(
        "UPDATE work_day SET works = works + 1 WHERE account_id = $1 AND outcome = 'CANCELLED' AND day = $2",
        lived_in.rider,
        day,
    )
    await vandal.is_caught("work_days", f"account {lived_in.rider} work_day {day} CANCELLED")


async def test_a_refund_that_gave_back_another_amount(vandal: Vandal, lived_in: LivedIn) -> None:
    version = await vandal.finds("SELECT min(version) FROM refunded_line WHERE account_id = $1", lived_in.rider)
    await vandal.changes(
        "UPDATE refunded_line SET amount = amount + 1 WHERE account_id = $1 AND version = $2", lived_in.rider, version
    )
    await vandal.is_caught("refunded_lines", f"account {lived_in.rider} refunded_line {version}")


async def test_a_refund_of_a_line_of_another_hold(vandal: Vandal, lived_in: LivedIn) -> None:
    version = await vandal.finds("SELECT min(version) FROM refunded_line WHERE account_id = $1", lived_in.rider)
    await vandal.changes(
        "UPDATE refunded_line r SET line = (SELECT min(l.version) FROM captured_line l, captured_line own"
        "  WHERE l.account_id = $1 AND own.account_id = $1 AND own.version = r.line AND l.hold_id <> own.hold_id)"
        " WHERE account_id = $1 AND version = $2",
        lived_in.rider,
        version,
    )
    await vandal.is_caught("refunded_lines", f"account {lived_in.rider} refunded_line {version}")
