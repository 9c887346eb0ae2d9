"""Each check of an account's row names its own corruption, and that alone."""

from __future__ import annotations

from uuid import UUID

from tests.services.ledger.audit.vandal import Vandal
from tests.services.ledger.histories import LivedIn

SETS = "UPDATE ledger_account SET {} WHERE account_id = $1"


def the_account(account_id: UUID) -> str:
    return f"account {account_id} ledger_account"


async def test_a_total_that_no_entry_explains(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(SETS.format("total = total + 1"), lived_in.rider)
    await vandal.is_caught("account_total", the_account(lived_in.rider))


async def test_a_total_where_nothing_ever_happened(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(SETS.format("total = 1"), lived_in.newcomer)
    await vandal.is_caught("account_total", the_account(lived_in.newcomer))


async def test_held_tokens_that_no_entry_explains(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(SETS.format("held = held - 1"), lived_in.rider)
    await vandal.is_caught("account_held", the_account(lived_in.rider))


async def test_a_debt_that_no_entry_explains(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(SETS.format("credit_drawn = credit_drawn + 1"), lived_in.borrower)
    await vandal.is_caught("account_owed", the_account(lived_in.borrower))


async def test_metered_credit_passed_off_as_clawed_back(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(
        SETS.format("credit_drawn = credit_drawn - 1, clawed_back = clawed_back + 1"), lived_in.borrower
    )
    await vandal.is_caught("account_clawed_back", the_account(lived_in.borrower))


async def test_a_version_beyond_the_latest_entry(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(SETS.format("version = version + 1"), lived_in.debtor)
    await vandal.is_caught("account_version", the_account(lived_in.debtor))


async def test_another_head_of_the_chain(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(SETS.format("head_hash = sha256(head_hash)"), lived_in.stranger)
    await vandal.is_caught("account_head_hash", the_account(lived_in.stranger))


async def test_a_time_that_is_not_the_latest_entrys(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(SETS.format("last_at = last_at + interval '1 microsecond'"), lived_in.rider)
    await vandal.is_caught("account_last_instant", the_account(lived_in.rider))


async def test_a_credit_limit_that_nobody_set(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(SETS.format("credit_limit = -1"), lived_in.newcomer)
    await vandal.is_caught("account_credit_limit", the_account(lived_in.newcomer))


async def test_a_due_hold_that_would_be_forgotten(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(SETS.format("due_at = NULL"), lived_in.borrower)
    await vandal.is_caught("account_due_at", the_account(lived_in.borrower))


async def test_a_due_grant_that_would_be_forgotten(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(SETS.format("due_at = due_at + interval '1 microsecond'"), lived_in.stranger)
    await vandal.is_caught("account_due_at", the_account(lived_in.stranger))


async def test_more_assigned_than_members_and_projects_have(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(SETS.format("assigned = assigned + 1"), lived_in.team)
    await vandal.is_caught("account_assigned", the_account(lived_in.team))


async def test_an_account_under_another_name(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes("UPDATE account SET external_id = 'somebody else' WHERE account_id = $1", lived_in.rider)
    await vandal.is_caught("account_identity", f"account {lived_in.rider} account")


async def test_less_on_the_grants_than_the_entries_say(vandal: Vandal, lived_in: LivedIn) -> None:
    # A refund that says it went to a grant, where it repaid the credit line: only the grants know better.
    await vandal.changes(
        "UPDATE entry SET total_change = total_change + 1, owed_change = owed_change + 1"
        " WHERE account_id = $1 AND kind = 'REFUND' AND total_change = 0",
        lived_in.borrower,
    )
    await vandal.changes(SETS.format("total = total + 1, credit_drawn = credit_drawn + 1"), lived_in.borrower)
    await vandal.rechains(lived_in.borrower)
    await vandal.is_caught("grants_total", the_account(lived_in.borrower))


async def test_a_row_in_another_tenant(vandal: Vandal, lived_in: LivedIn) -> None:
    hold = await vandal.finds("SELECT max(hold_id) FROM hold_allocation WHERE account_id = $1", lived_in.rider)
    await vandal.changes(
        "UPDATE hold_allocation SET tenant_id = $3 WHERE account_id = $1 AND hold_id = $2 AND ordinal = 0",
        lived_in.rider,
        hold,
        lived_in.other_tenant_id,
    )
    await vandal.is_caught("tenants", f"account {lived_in.rider} hold_allocation {hold}/0")


async def test_a_quote_of_another_tenant_for_the_account(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(
        "INSERT INTO quote (owner_id, quote_id, tenant_id, price_book_version, lines, total, created_at, expires_at,"
        " kept_until) VALUES ($1, 7, $2, 1, '[]', 5, now(), now() + interval '1 minute', now())",
        lived_in.rider,
        lived_in.other_tenant_id,
    )
    await vandal.is_caught("tenants", f"account {lived_in.rider} quote 7")


async def test_a_closed_account_that_still_has_tokens(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(SETS.format("closed_at = last_at"), lived_in.rider)
    await vandal.is_caught("closed_accounts", the_account(lived_in.rider))


async def test_a_hold_that_began_after_the_end(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(SETS.format("closed_at = created_at"), lived_in.leaver)
    await vandal.is_caught("closed_accounts", the_account(lived_in.leaver))
