"""Tokens on their way between accounts, and debts settled elsewhere: each check names its own corruption."""

from __future__ import annotations

from uuid import UUID

from tests.services.ledger.audit.vandal import Vandal
from tests.services.ledger.histories import LivedIn

ARRIVED = "SELECT min(grant_id) FROM token_grant WHERE account_id = $1 AND source = 'TRANSFER'"
ON_ITS_WAY = "SELECT max(version) FROM entry WHERE account_id = $1 AND kind = 'TRANSFER' AND total_change < 0"


def the_entry(account_id: UUID, version: int) -> str:
    return f"account {account_id} entry {version}"


async def test_a_transfer_that_was_lost_on_its_way(vandal: Vandal, lived_in: LivedIn) -> None:
    version = await vandal.finds(ON_ITS_WAY, lived_in.giver)
    await vandal.changes("DELETE FROM outbox WHERE account_id = $1 AND done_at IS NULL", lived_in.giver)
    await vandal.is_caught("transfers", the_entry(lived_in.giver, version))


async def test_a_transfer_that_is_called_done_and_never_arrived(vandal: Vandal, lived_in: LivedIn) -> None:
    version = await vandal.finds(ON_ITS_WAY, lived_in.giver)
    await vandal.changes("UPDATE outbox SET done_at = now() WHERE account_id = $1 AND done_at IS NULL", lived_in.giver)
    await vandal.is_caught("transfers", the_entry(lived_in.giver, version))


async def test_less_on_its_way_than_was_sent(vandal: Vandal, lived_in: LivedIn) -> None:
    version = await vandal.finds(ON_ITS_WAY, lived_in.giver)
    await vandal.changes(
        "UPDATE outbox SET payload = jsonb_set(payload::jsonb, '{parts,0,amount}', '1')::json"
        " WHERE account_id = $1 AND done_at IS NULL",
        lived_in.giver,
    )
    await vandal.is_caught("transfers", the_entry(lived_in.giver, version))


async def test_a_transfer_that_arrived_in_two_accounts(vandal: Vandal, lived_in: LivedIn) -> None:
    # The newcomer's own books are in order: an entry, its grant, its sums.
    sent, amount, at = await vandal.row(
        "SELECT g.source_ref, g.granted, e.at FROM token_grant g JOIN entry e"
        " ON e.account_id = g.account_id AND e.version = g.grant_id"
        " WHERE g.account_id = $1 AND g.source = 'TRANSFER' ORDER BY g.grant_id LIMIT 1",
        lived_in.heir,
    )
    version = int(sent.rpartition(":")[2])
    await vandal.changes(
        "INSERT INTO token_grant (account_id, grant_id, tenant_id, source, source_ref, granted, remaining, held, spent,"
        " settled, moved, transferred, expired, revoked, open, grace, priority, created_at, paid_minor_units)"
        " VALUES ($1, 1, $2, 'TRANSFER', $3, $4, $4, 0, 0, 0, 0, 0, 0, 0, true, false, 50, $5, 0)",
        lived_in.newcomer,
        lived_in.tenant_id,
        sent,
        amount,
        at,
    )
    await vandal.changes(
        "INSERT INTO entry (account_id, version, at, tenant_id, kind, total_change, held_change, owed_change,"
        " clawed_change, spent, available_after, credit_limit, grant_id, text_digest, hash)"
        " VALUES ($1, 1, $3, $2, 'TRANSFER', $4, 0, 0, 0, 0, $4, 0, 1, '', sha256(''))",
        lived_in.newcomer,
        lived_in.tenant_id,
        at,
        amount,
    )
    await vandal.changes(
        "UPDATE ledger_account SET version = 1, total = $2, last_at = $3 WHERE account_id = $1",
        lived_in.newcomer,
        amount,
        at,
    )
    await vandal.rechains(lived_in.newcomer)
    await vandal.is_caught("transfers", the_entry(lived_in.giver, version))


async def test_tokens_that_nobody_sent(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await vandal.finds(
        "SELECT min(grant_id) FROM token_grant WHERE account_id = $1 AND source = 'BONUS'", lived_in.borrower
    )
    await vandal.changes(
        "UPDATE token_grant SET source = 'TRANSFER' WHERE account_id = $1 AND grant_id = $2", lived_in.borrower, grant
    )
    await vandal.changes(
        "UPDATE entry SET kind = 'TRANSFER' WHERE account_id = $1 AND version = $2", lived_in.borrower, grant
    )
    await vandal.rechains(lived_in.borrower)
    await vandal.is_caught("transfers", f"account {lived_in.borrower} token_grant {grant}")


async def test_tokens_that_came_by_another_kind_of_entry(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await vandal.finds(ARRIVED, lived_in.heir)
    await vandal.changes("UPDATE entry SET kind = 'GRANT' WHERE account_id = $1 AND version = $2", lived_in.heir, grant)
    await vandal.rechains(lived_in.heir)
    await vandal.is_caught("grant_entries", f"account {lived_in.heir} token_grant {grant}")


async def test_a_grant_that_says_it_sent_less(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await vandal.finds(
        "SELECT min(grant_id) FROM token_grant WHERE account_id = $1 AND transferred > 0 AND remaining > 0",
        lived_in.giver,
    )
    await vandal.drops_checks("token_grant")
    await vandal.changes(
        "UPDATE token_grant SET transferred = transferred - 1, expired = expired + 1"
        " WHERE account_id = $1 AND grant_id = $2",
        lived_in.giver,
        grant,
    )
    await vandal.is_caught("grant_losses", f"account {lived_in.giver} token_grant {grant}")


async def test_a_transfer_of_no_grant(vandal: Vandal, lived_in: LivedIn) -> None:
    version = await vandal.finds(ON_ITS_WAY, lived_in.giver)
    await vandal.changes(
        "UPDATE entry SET hold_id = (SELECT hold_id FROM hold WHERE account_id = $1 AND open)"
        " WHERE account_id = $1 AND version = $2",
        lived_in.giver,
        version,
    )
    await vandal.rechains(lived_in.giver)
    await vandal.is_caught("entry_subjects", the_entry(lived_in.giver, version))


async def test_an_operation_that_settled_another_amount(vandal: Vandal, lived_in: LivedIn) -> None:
    key = await vandal.finds(
        "SELECT key FROM operation WHERE account_id = $1 AND mutation = 'settleOwed'", lived_in.giver
    )
    await vandal.changes(
        "UPDATE operation SET amount = amount + 1 WHERE account_id = $1 AND mutation = 'settleOwed'", lived_in.giver
    )
    await vandal.is_caught("operation_results", f"account {lived_in.giver} operation settleOwed/{key}")
