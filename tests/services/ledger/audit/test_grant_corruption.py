"""Each check of grants names its own corruption, and that alone."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.services.ledger.audit.vandal import Vandal
from tests.services.ledger.histories import LivedIn

SETS = "UPDATE token_grant SET {} WHERE account_id = $1 AND grant_id = $2"
IN_USE = "SELECT min(grant_id) FROM token_grant WHERE account_id = $1 AND held > 0 AND remaining > held"
OF_A_PROJECT = "SELECT min(grant_id) FROM token_grant WHERE account_id = $1 AND project IS NOT NULL AND remaining > 0"
EXPIRED = "SELECT min(grant_id) FROM token_grant WHERE account_id = $1 AND expired > 0"


def the_grant(account_id: UUID, grant_id: int) -> str:
    return f"account {account_id} token_grant {grant_id}"


async def test_two_grants_for_one_thing(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await vandal.finds("SELECT max(grant_id) FROM token_grant WHERE account_id = $1", lived_in.rider)
    await vandal.drops_checks("token_grant")
    await vandal.changes(SETS.format("source_ref = 'trial'"), lived_in.rider, grant)
    await vandal.is_caught("grant_sources", the_grant(lived_in.rider, grant))


async def test_a_grant_for_nothing(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await vandal.finds(IN_USE, lived_in.rider)
    await vandal.drops_checks("token_grant")
    await vandal.changes(SETS.format("source_ref = ''"), lived_in.rider, grant)
    await vandal.is_caught("grant_sources", the_grant(lived_in.rider, grant))


async def test_a_grant_without_its_entry(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await vandal.finds(IN_USE, lived_in.rider)
    await vandal.changes(
        "UPDATE entry SET kind = 'TRANSFER' WHERE account_id = $1 AND version = $2", lived_in.rider, grant
    )
    await vandal.rechains(lived_in.rider)
    await vandal.is_caught("grant_entries", the_grant(lived_in.rider, grant))


async def test_a_grant_to_another_project(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await vandal.finds(OF_A_PROJECT, lived_in.team)
    await vandal.changes(SETS.format("project = 'another'"), lived_in.team, grant)
    await vandal.is_caught("grant_entries", the_grant(lived_in.team, grant))


async def test_an_assignment_that_made_nothing(vandal: Vandal, lived_in: LivedIn) -> None:
    taken_back = await vandal.finds(
        "SELECT min(version) FROM entry WHERE account_id = $1 AND kind = 'ASSIGNMENT' AND grant_id <> version",
        lived_in.team,
    )
    await vandal.changes(
        "UPDATE entry SET grant_id = version WHERE account_id = $1 AND version = $2", lived_in.team, taken_back
    )
    await vandal.rechains(lived_in.team)
    findings = await vandal.finding_names()
    assert findings == {"grant_entries", "references"}


async def test_tokens_that_moved_nowhere(vandal: Vandal, lived_in: LivedIn) -> None:
    part = await vandal.finds(OF_A_PROJECT, lived_in.team)
    whole = await vandal.finds(
        "SELECT parent_id FROM token_grant WHERE account_id = $1 AND grant_id = $2", lived_in.team, part
    )
    await vandal.changes(SETS.format("granted = granted + 1, expired = expired + 1"), lived_in.team, part)
    await vandal.are_caught(
        ("grant_losses", the_grant(lived_in.team, part)), ("grant_moves", the_grant(lived_in.team, whole))
    )


@pytest.mark.parametrize(
    "change", ["priority = priority + 1", "grace = NOT grace", "expires_at = now() + interval '1y'"]
)
async def test_a_part_that_is_not_as_good_as_its_whole(vandal: Vandal, lived_in: LivedIn, change: str) -> None:
    part = await vandal.finds(OF_A_PROJECT, lived_in.team)
    await vandal.changes(SETS.format(change), lived_in.team, part)
    await vandal.is_caught("grant_parents", the_grant(lived_in.team, part))


async def test_a_token_too_many_on_a_grant(vandal: Vandal, lived_in: LivedIn) -> None:
    # The account's sum is made right by a refund that says it went to the grant instead of the credit line.
    grant = await vandal.finds(
        "SELECT min(grant_id) FROM token_grant WHERE account_id = $1 AND open", lived_in.borrower
    )
    await vandal.drops_checks("token_grant")
    await vandal.changes(SETS.format("remaining = remaining + 1"), lived_in.borrower, grant)
    await vandal.changes(
        "UPDATE entry SET total_change = total_change + 1, owed_change = owed_change + 1"
        " WHERE account_id = $1 AND kind = 'REFUND' AND total_change = 0",
        lived_in.borrower,
    )
    await vandal.changes(
        "UPDATE ledger_account SET total = total + 1, credit_drawn = credit_drawn + 1 WHERE account_id = $1",
        lived_in.borrower,
    )
    await vandal.rechains(lived_in.borrower)
    await vandal.is_caught("grant_parts", the_grant(lived_in.borrower, grant))


async def test_tokens_that_nobody_would_find_again(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await vandal.finds(IN_USE, lived_in.rider)
    await vandal.changes(SETS.format("open = false"), lived_in.rider, grant)
    await vandal.is_caught("grant_open", the_grant(lived_in.rider, grant))


async def test_tokens_held_for_no_hold(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await vandal.finds(IN_USE, lived_in.rider)
    await vandal.changes(SETS.format("held = held + 1"), lived_in.rider, grant)
    await vandal.is_caught("grant_held", the_grant(lived_in.rider, grant))


async def test_a_refund_that_never_reached_its_grant(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await vandal.finds(EXPIRED, lived_in.rider)
    await vandal.changes(
        "UPDATE hold_allocation SET redirected = redirected + 1 WHERE account_id = $1 AND grant_id = $2"
        " AND hold_id = (SELECT min(hold_id) FROM hold_allocation WHERE account_id = $1 AND refunded > 0)"
        " AND refunded > 0",
        lived_in.rider,
        grant,
    )
    await vandal.is_caught("grant_spent", the_grant(lived_in.rider, grant))


async def test_expired_tokens_passed_off_as_revoked(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await vandal.finds(EXPIRED, lived_in.rider)
    await vandal.changes(SETS.format("expired = expired - 1, revoked = revoked + 1"), lived_in.rider, grant)
    await vandal.is_caught("grant_losses", the_grant(lived_in.rider, grant))


async def test_a_grant_taken_back_by_nobody(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await vandal.finds(IN_USE, lived_in.rider)
    await vandal.changes(SETS.format("ended = 'REVOKED'"), lived_in.rider, grant)
    await vandal.is_caught("grant_ends", the_grant(lived_in.rider, grant))


async def test_a_grant_given_back_after_it_was_revoked(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await vandal.finds(
        "SELECT grant_id FROM token_grant WHERE account_id = $1 AND ended = 'REVOKED'", lived_in.rider
    )
    await vandal.changes(SETS.format("ended = NULL"), lived_in.rider, grant)
    await vandal.is_caught("grant_ends", the_grant(lived_in.rider, grant))


async def test_a_clawback_of_more_than_was_spent(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await vandal.finds(
        "SELECT grant_id FROM token_grant WHERE account_id = $1 AND ended = 'CLAWED_BACK'", lived_in.debtor
    )
    await vandal.changes(
        "UPDATE entry SET owed_change = owed_change + 1, clawed_change = clawed_change + 1"
        " WHERE account_id = $1 AND kind = 'CLAWBACK'"
        " AND total_change < 0 AND owed_change > 0",
        lived_in.debtor,
    )
    await vandal.changes(
        "UPDATE ledger_account SET clawed_back = clawed_back + 1 WHERE account_id = $1", lived_in.debtor
    )
    await vandal.rechains(lived_in.debtor)
    await vandal.is_caught("grant_clawbacks", the_grant(lived_in.debtor, grant))


async def test_a_grant_that_outlives_its_time(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await vandal.finds(IN_USE, lived_in.rider)
    await vandal.changes(SETS.format("expires_at = created_at"), lived_in.rider, grant)
    await vandal.changes(
        "UPDATE ledger_account SET due_at = created_at WHERE account_id = $1",
        lived_in.rider,
    )
    await vandal.is_caught("overdue", the_grant(lived_in.rider, grant))
