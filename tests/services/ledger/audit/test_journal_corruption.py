"""Each check of the journal names its own corruption, and that alone; also where a forger chained it anew."""

from __future__ import annotations

from uuid import UUID

from tests.services.ledger.audit.vandal import NOTHING, Vandal
from tests.services.ledger.histories import LivedIn

A_KIND = "SELECT min(version) FROM entry WHERE account_id = $1 AND kind = $2"
SETS = "UPDATE entry SET {} WHERE account_id = $1 AND version = $2"


def the_entry(account_id: UUID, version: int) -> str:
    return f"account {account_id} entry {version}"


async def test_a_missing_entry(vandal: Vandal, lived_in: LivedIn) -> None:
    version = await vandal.finds(A_KIND, lived_in.rider, "ADJUSTMENT")
    await vandal.changes("DELETE FROM entry_text WHERE account_id = $1 AND version = $2", lived_in.rider, version)
    await vandal.changes("DELETE FROM entry WHERE account_id = $1 AND version = $2", lived_in.rider, version)
    await vandal.rechains(lived_in.rider)
    await vandal.is_caught("entry_versions", the_entry(lived_in.rider, version + 1))


async def test_an_entry_before_the_one_before_it(vandal: Vandal, lived_in: LivedIn) -> None:
    version = await vandal.finds(A_KIND, lived_in.rider, "ADJUSTMENT")
    await vandal.changes(SETS.format("at = at - interval '1 minute'"), lived_in.rider, version)
    await vandal.rechains(lived_in.rider)
    await vandal.is_caught("entry_instants", the_entry(lived_in.rider, version))


async def test_a_change_that_its_kind_never_makes(vandal: Vandal, lived_in: LivedIn) -> None:
    version = await vandal.finds(A_KIND, lived_in.rider, "EXPIRY")
    await vandal.changes(SETS.format("spent = 1"), lived_in.rider, version)
    await vandal.rechains(lived_in.rider)
    await vandal.is_caught("entry_signs", the_entry(lived_in.rider, version))


async def test_a_subject_that_its_kind_never_has(vandal: Vandal, lived_in: LivedIn) -> None:
    version = await vandal.finds(A_KIND, lived_in.rider, "ADJUSTMENT")
    await vandal.changes(SETS.format("grant_id = 1"), lived_in.rider, version)
    await vandal.rechains(lived_in.rider)
    await vandal.is_caught("entry_subjects", the_entry(lived_in.rider, version))


async def test_a_credit_limit_between_two_settings(vandal: Vandal, lived_in: LivedIn) -> None:
    latest = await vandal.finds("SELECT credit_limit FROM ledger_account WHERE account_id = $1", lived_in.borrower)
    version = await vandal.finds("SELECT max(version) - 1 FROM entry WHERE account_id = $1", lived_in.borrower)
    await vandal.changes(SETS.format("credit_limit = $3"), lived_in.borrower, version, latest)
    await vandal.rechains(lived_in.borrower)
    await vandal.is_caught("entry_credit_limits", the_entry(lived_in.borrower, version))


async def test_more_available_than_there_was(vandal: Vandal, lived_in: LivedIn) -> None:
    version = await vandal.finds(A_KIND, lived_in.rider, "REVOCATION")
    await vandal.changes(SETS.format("available_after = available_after + 1"), lived_in.rider, version)
    await vandal.rechains(lived_in.rider, hides_availability=False)
    await vandal.is_caught("entry_available", the_entry(lived_in.rider, version))


async def test_a_fact_that_was_changed_afterwards(vandal: Vandal, lived_in: LivedIn) -> None:
    version = await vandal.finds(A_KIND, lived_in.rider, "RELEASE")
    await vandal.changes(SETS.format("model = 'another'"), lived_in.rider, version)
    await vandal.is_caught("entry_hashes", the_entry(lived_in.rider, version))


async def test_a_note_that_was_changed_afterwards(vandal: Vandal, lived_in: LivedIn) -> None:
    version = await vandal.finds(
        "SELECT min(version) FROM entry_text WHERE account_id = $1 AND note IS NOT NULL", lived_in.rider
    )
    await vandal.changes(
        "UPDATE entry_text SET note = 'another' WHERE account_id = $1 AND version = $2", lived_in.rider, version
    )
    await vandal.is_caught("entry_texts", f"account {lived_in.rider} entry_text {version}")


async def test_a_text_that_hangs_on_no_entry(vandal: Vandal, lived_in: LivedIn) -> None:
    version = await vandal.finds("SELECT min(version) FROM entry_text WHERE account_id = $1", lived_in.rider)
    await vandal.changes(
        "UPDATE entry_text SET version = $3 WHERE account_id = $1 AND version = $2", lived_in.rider, version, NOTHING
    )
    await vandal.is_caught("references", f"account {lived_in.rider} entry_text {NOTHING}")


async def test_an_allocation_that_hangs_on_no_hold(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(
        "INSERT INTO hold_allocation SELECT account_id, $2, 0, tenant_id, NULL, 0, 0, 0, 0, 0"
        " FROM ledger_account WHERE account_id = $1",
        lived_in.rider,
        NOTHING,
    )
    await vandal.is_caught("references", f"account {lived_in.rider} hold_allocation {NOTHING}/0")


async def test_a_captured_line_of_another_model(vandal: Vandal, lived_in: LivedIn) -> None:
    version = await vandal.finds(A_KIND, lived_in.rider, "CAPTURE")
    await vandal.changes(
        "UPDATE captured_line SET model = 'another' WHERE account_id = $1 AND version = $2", lived_in.rider, version
    )
    await vandal.is_caught("captured_line_entries", f"account {lived_in.rider} captured_line {version}")


async def test_a_captured_line_of_a_call_that_never_was(vandal: Vandal, lived_in: LivedIn) -> None:
    version = await vandal.finds("SELECT max(version) FROM captured_line WHERE account_id = $1", lived_in.rider)
    await vandal.changes(
        "UPDATE captured_line SET call = 1 WHERE account_id = $1 AND version = $2", lived_in.rider, version
    )
    await vandal.is_caught("captured_line_calls", f"account {lived_in.rider} captured_line {version}")
