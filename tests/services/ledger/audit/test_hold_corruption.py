"""Each check of holds and operations names its own corruption, and that alone."""

from __future__ import annotations

from uuid import UUID

from tests.services.ledger.audit.vandal import NOTHING, Vandal
from tests.services.ledger.histories import LivedIn

SETS = "UPDATE hold SET {} WHERE account_id = $1 AND hold_id = $2"
SETS_ALLOCATION = "UPDATE hold_allocation SET {} WHERE account_id = $1 AND hold_id = $2 AND ordinal = 0"
SETS_ENTRY = "UPDATE entry SET {} WHERE account_id = $1 AND hold_id = $2 AND kind = $3"
COMMITTED = (
    "SELECT min(hold_id) FROM hold WHERE account_id = $1 AND state = 'COMMITTED' AND returned > 0 AND refunded > 0"
    " AND captured > refunded"
)
MIXED = "SELECT min(hold_id) FROM hold_allocation WHERE account_id = $1 AND ordinal = 2"


def the_hold(account_id: UUID, hold_id: int) -> str:
    return f"account {account_id} hold {hold_id}"


async def test_a_hold_older_than_its_entry(vandal: Vandal, lived_in: LivedIn) -> None:
    hold = await vandal.finds(COMMITTED, lived_in.rider)
    await vandal.changes(SETS.format("created_at = created_at - interval '1 second'"), lived_in.rider, hold)
    await vandal.is_caught("hold_entries", the_hold(lived_in.rider, hold))


async def test_a_token_that_came_back_from_nowhere(vandal: Vandal, lived_in: LivedIn) -> None:
    hold = await vandal.finds(COMMITTED, lived_in.rider)
    await vandal.drops_checks("hold")
    await vandal.changes(SETS.format("returned = returned + 1"), lived_in.rider, hold)
    await vandal.changes(SETS_ALLOCATION.format("returned = returned + 1"), lived_in.rider, hold)
    await vandal.is_caught("hold_parts", the_hold(lived_in.rider, hold))


async def test_an_amount_that_was_never_set_aside(vandal: Vandal, lived_in: LivedIn) -> None:
    hold = await vandal.finds(COMMITTED, lived_in.rider)
    await vandal.changes(SETS.format("amount = amount + 1, returned = returned + 1"), lived_in.rider, hold)
    await vandal.changes(SETS_ALLOCATION.format("returned = returned + 1"), lived_in.rider, hold)
    await vandal.is_caught("hold_amounts", the_hold(lived_in.rider, hold))


async def test_tokens_that_stay_held_after_the_end(vandal: Vandal, lived_in: LivedIn) -> None:
    hold = await vandal.finds(COMMITTED, lived_in.rider)
    await vandal.changes(SETS_ENTRY.format("held_change = held_change + 1"), lived_in.rider, hold, "RELEASE")
    await vandal.changes("UPDATE ledger_account SET held = held + 1 WHERE account_id = $1", lived_in.rider)
    await vandal.recounts(lived_in.rider, hold, 1)
    await vandal.rechains(lived_in.rider)
    await vandal.is_caught("hold_remaining", the_hold(lived_in.rider, hold))


async def test_an_overrun_that_no_capture_made(vandal: Vandal, lived_in: LivedIn) -> None:
    hold = await vandal.finds(COMMITTED, lived_in.rider)
    await vandal.changes(SETS.format("overrun = overrun + 1, returned = returned + 1"), lived_in.rider, hold)
    await vandal.changes(SETS_ALLOCATION.format("returned = returned + 1"), lived_in.rider, hold)
    await vandal.is_caught("hold_overruns", the_hold(lived_in.rider, hold))


async def test_a_capture_charged_to_the_wrong_payer(vandal: Vandal, lived_in: LivedIn) -> None:
    # One token less on credit and one more on grants, put right for the account by a refund the other way round.
    hold = await vandal.finds(MIXED, lived_in.borrower)
    one_more_on_grants = "total_change = total_change - 1, owed_change = owed_change - 1"
    one_less_on_grants = "total_change = total_change + 1, owed_change = owed_change + 1"
    await vandal.changes(SETS_ENTRY.format(one_more_on_grants), lived_in.borrower, hold, "CAPTURE")
    await vandal.changes(SETS_ENTRY.format(one_less_on_grants), lived_in.borrower, hold, "REFUND")
    await vandal.rechains(lived_in.borrower)
    await vandal.is_caught("hold_payers", the_hold(lived_in.borrower, hold))


async def test_an_allocation_that_returned_too_much(vandal: Vandal, lived_in: LivedIn) -> None:
    hold = await vandal.finds(COMMITTED, lived_in.rider)
    await vandal.changes(SETS_ALLOCATION.format("returned = returned + 1"), lived_in.rider, hold)
    await vandal.is_caught("hold_allocations", the_hold(lived_in.rider, hold))


async def test_a_rounding_without_its_line(vandal: Vandal, lived_in: LivedIn) -> None:
    hold = await vandal.finds(COMMITTED, lived_in.rider)
    await vandal.changes(SETS.format("rounding = rounding + 1"), lived_in.rider, hold)
    await vandal.is_caught("hold_lines", the_hold(lived_in.rider, hold))


async def test_a_refund_without_its_entry(vandal: Vandal, lived_in: LivedIn) -> None:
    hold = await vandal.finds(COMMITTED, lived_in.rider)
    await vandal.changes(SETS.format("refunded = refunded + 1"), lived_in.rider, hold)
    # As if it had gone elsewhere, so that the grant misses nothing.
    elsewhere = "refunded = refunded + 1, redirected = redirected + 1"
    await vandal.changes(SETS_ALLOCATION.format(elsewhere), lived_in.rider, hold)
    await vandal.changes(
        "UPDATE captured_line SET refunded = refunded + 1 WHERE account_id = $1 AND version ="
        " (SELECT min(version) FROM captured_line WHERE account_id = $1 AND hold_id = $2 AND amount > refunded)",
        lived_in.rider,
        hold,
    )
    await vandal.changes(
        "UPDATE operation SET amount = amount + 1 WHERE account_id = $1 AND hold_id = $2 AND mutation = 'refund'",
        lived_in.rider,
        hold,
    )
    await vandal.is_caught("hold_refunds", the_hold(lived_in.rider, hold))


async def test_a_hold_that_expired_and_claims_a_commit(vandal: Vandal, lived_in: LivedIn) -> None:
    hold = await vandal.finds("SELECT hold_id FROM hold WHERE account_id = $1 AND state = 'EXPIRED'", lived_in.rider)
    await vandal.changes(SETS.format("state = 'COMMITTED'"), lived_in.rider, hold)
    await vandal.is_caught("hold_states", the_hold(lived_in.rider, hold))


async def test_a_hold_that_ends_twice(vandal: Vandal, lived_in: LivedIn) -> None:
    hold = await vandal.finds(COMMITTED, lived_in.rider)
    await vandal.changes(
        "INSERT INTO entry SELECT account_id, version + 1, last_at, tenant_id, 'RELEASE', 0, 0, 0, 0, 0, 0,"
        " credit_limit, NULL, NULL, NULL, NULL, $2, NULL, '', sha256('') FROM ledger_account WHERE account_id = $1",
        lived_in.rider,
        hold,
    )
    await vandal.changes("UPDATE ledger_account SET version = version + 1 WHERE account_id = $1", lived_in.rider)
    await vandal.rechains(lived_in.rider)
    await vandal.is_caught("hold_ends", the_hold(lived_in.rider, hold))


async def test_a_hold_that_ended_without_a_release(vandal: Vandal, lived_in: LivedIn) -> None:
    hold = await vandal.finds("SELECT max(hold_id) FROM hold WHERE account_id = $1 AND captures = 2", lived_in.rider)
    await vandal.changes(SETS.format("state = 'RELEASED'"), lived_in.rider, hold)
    await vandal.is_caught("hold_ends", the_hold(lived_in.rider, hold))


async def test_a_hold_that_outlives_its_time(vandal: Vandal, lived_in: LivedIn) -> None:
    hold = await vandal.finds("SELECT hold_id FROM hold WHERE account_id = $1 AND open", lived_in.rider)
    await vandal.changes(SETS.format("expires_at = created_at"), lived_in.rider, hold)
    await vandal.changes("UPDATE ledger_account SET due_at = created_at WHERE account_id = $1", lived_in.rider)
    await vandal.is_caught("overdue", the_hold(lived_in.rider, hold))


async def test_a_negative_figure(vandal: Vandal, lived_in: LivedIn) -> None:
    # Another part of the same hold, on the same credit line, has as much more.
    hold = await vandal.finds(MIXED, lived_in.borrower)
    await vandal.drops_checks("hold_allocation")
    sets = "UPDATE hold_allocation SET returned = {} WHERE account_id = $1 AND hold_id = $2 AND ordinal = $3"
    returned = await vandal.finds(
        "SELECT sum(returned)::bigint FROM hold_allocation WHERE account_id = $1 AND hold_id = $2",
        lived_in.borrower,
        hold,
    )
    await vandal.changes(sets.format("-1"), lived_in.borrower, hold, 1)
    await vandal.changes(sets.format(returned + 1), lived_in.borrower, hold, 2)
    await vandal.is_caught("figures", f"account {lived_in.borrower} hold_allocation {hold}/1")


async def test_an_operation_without_its_result(vandal: Vandal, lived_in: LivedIn) -> None:
    key = await vandal.finds(
        "SELECT min(key) FROM operation WHERE account_id = $1 AND mutation = 'extend'", lived_in.rider
    )
    await vandal.changes(
        "UPDATE operation SET hold_id = $3 WHERE account_id = $1 AND mutation = 'extend' AND key = $2",
        lived_in.rider,
        key,
        NOTHING,
    )
    await vandal.is_caught("operation_results", f"account {lived_in.rider} operation extend/{key}")


async def test_an_answer_that_differs_from_what_was_charged(vandal: Vandal, lived_in: LivedIn) -> None:
    hold = await vandal.finds("SELECT hold_id FROM hold WHERE account_id = $1 AND open", lived_in.rider)
    await vandal.changes(
        "UPDATE operation SET amount = amount + 1 WHERE account_id = $1 AND hold_id = $2 AND mutation = 'commit'",
        lived_in.rider,
        hold,
    )
    await vandal.is_caught("operation_amounts", the_hold(lived_in.rider, hold))


async def test_a_hold_that_nobody_asked_for(vandal: Vandal, lived_in: LivedIn) -> None:
    hold = await vandal.finds("SELECT hold_id FROM hold WHERE account_id = $1 AND open", lived_in.rider)
    await vandal.changes(
        "DELETE FROM operation WHERE account_id = $1 AND hold_id = $2 AND mutation = 'reserve'", lived_in.rider, hold
    )
    await vandal.is_caught("operation_amounts", the_hold(lived_in.rider, hold))
