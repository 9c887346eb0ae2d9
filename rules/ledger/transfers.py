"""Transfers between accounts: the debit with what is on its way, and the credit keyed by it.

Tokens keep what they were on the way: each part of a grant arrives as a grant of its own with that grant's expiry and
priority, and with its share of the money. An account is touched by one of the two commands alone, so no two are ever
locked for each other; what was sent and has not arrived is the outbox's.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from rules.ledger.burn_down import Spender, available_in_pool, available_to, spendable_grants
from rules.ledger.commands import ReceiveTransfer, SendTokens, TransferPart
from rules.ledger.entries import append, next_version
from rules.ledger.grants import CLOSED, add_grant, expire, pay_clawed_back, revoke_rest
from rules.ledger.journal import EPOCH, epoch_micros
from rules.ledger.kinds import EntryKind, GrantSource
from rules.ledger.refusals import InsufficientTokens, Refusal
from rules.ledger.state import AccountState, Grant, Outgoing
from rules.pricing.refusals import InvalidInput

TOPIC: Final = "transfer"
"""Under which tokens on their way stand in the outbox."""

NOBODY: Final = Spender()
"""What is assigned to a member or project stays in the account."""


def transferable(state: AccountState, now: datetime) -> int:
    """How much can be sent: unassigned tokens that no hold has and no debt claims. Credit is never sent."""
    tokens = sum(grant.unheld for grant in spendable_grants(state, NOBODY, now))
    return min(tokens, available_to(state, NOBODY, now))


def send_tokens(state: AccountState, command: SendTokens, now: datetime) -> Grant | Refusal:
    """Takes tokens off grants in burn order, a TRANSFER entry for each; gives the grant that was first."""
    if command.refusal is not None:
        return command.refusal
    if state.account.closed_at is not None:
        return InvalidInput("fromAccountId", CLOSED)
    possible = transferable(state, now)
    if command.amount > possible:
        return InsufficientTokens(required=command.amount, available=possible)
    # From here on it succeeds.
    first_version, first, left = next_version(state), None, command.amount
    parts: list[TransferPart] = []
    for grant in spendable_grants(state, NOBODY, now):
        if left <= 0:
            break
        first = first or grant
        amount = min(left, grant.unheld)
        left -= amount
        parts.append(_take(state, grant, amount, command, now))
    if first is None:
        raise AssertionError("a transfer took nothing")
    payload = payload_of(command.target_id, parts)
    state.outgoing.append(Outgoing(first_version, TOPIC, payload, now))
    return first


def receive_transfer(state: AccountState, command: ReceiveTransfer, now: datetime) -> Refusal | None:
    """Makes a grant of each part, once. Like any tokens that come in they first pay what was clawed back.

    What has expired on the way ends on arrival. A closed account takes only what it sent itself and nobody could take,
    and loses it at once.
    """
    account = state.account
    if source_ref(command.source_id, command.parts[0].version) in state.source_refs:
        return None
    comes_back = command.source_id == account.account_id
    if account.closed_at is not None and not comes_back:
        return InvalidInput("toAccountId", CLOSED)
    if sum(part.amount for part in command.parts) > account.room:
        return InvalidInput("amount", "the account would hold more tokens than can be counted")
    # From here on it succeeds.
    for part in command.parts:
        _credit(state, part, command, now)
    return None


def source_ref(source_id: UUID, version: int) -> str:
    """What a credited grant was granted for: the debit, so that it arrives once."""
    return f"transfer:{source_id}:{version}"


def payload_of(target_id: UUID, parts: list[TransferPart]) -> str:
    """What the outbox keeps of tokens on their way."""
    return json.dumps(
        {
            "to": str(target_id),
            "parts": [
                {
                    "version": part.version,
                    "amount": part.amount,
                    "priority": part.priority,
                    "expiresAtMicros": epoch_micros(part.expires_at) if part.expires_at is not None else None,
                    "paidMinorUnits": part.paid_minor_units,
                    "paidCurrency": part.paid_currency,
                }
                for part in parts
            ],
        },
        separators=(",", ":"),
    )


def read_payload(payload_json: str) -> tuple[UUID, tuple[TransferPart, ...]]:
    """The reverse of `payload_of`: the target and the parts."""
    payload = json.loads(payload_json)
    return UUID(payload["to"]), tuple(
        TransferPart(
            part["version"],
            part["amount"],
            part["priority"],
            _instant(part["expiresAtMicros"]),
            part["paidMinorUnits"],
            part["paidCurrency"],
        )
        for part in payload["parts"]
    )


def _take(state: AccountState, grant: Grant, amount: int, command: SendTokens, now: datetime) -> TransferPart:
    paid = max(0, _share(grant, grant.transferred + amount) - _share(grant, grant.transferred))
    state.add_remaining(grant, -amount)
    grant.transferred += amount
    version = append(
        state,
        EntryKind.TRANSFER,
        now,
        total=-amount,
        grant_id=grant.grant_id,
        note=command.note,
        text_salt=command.text_salt,
    )
    return TransferPart(
        version, amount, grant.priority, grant.expires_at, paid, grant.paid_currency if paid > 0 else None
    )


def _share(grant: Grant, transferred: int) -> int:
    """The money that goes with so many tokens of a grant. Of the sums, so that parts add up to it exactly.

    What was assigned took its money with it.
    """
    return grant.paid_minor_units * transferred // (grant.granted - grant.moved)


def _credit(state: AccountState, part: TransferPart, command: ReceiveTransfer, now: datetime) -> None:
    account = state.account
    grant = Grant(
        grant_id=next_version(state),
        source=GrantSource.TRANSFER,
        granted=part.amount,
        remaining=part.amount,
        created_at=now,
        priority=part.priority,
        expires_at=part.expires_at,
        source_ref=source_ref(command.source_id, part.version),
        paid_minor_units=part.paid_minor_units,
        paid_currency=part.paid_currency,
    )
    append(state, EntryKind.TRANSFER, now, total=part.amount, grant_id=grant.grant_id)
    add_grant(state, grant)
    if account.closed_at is not None:
        revoke_rest(state, grant, now)
    elif grant.is_expired(now):
        expire(state, grant, now)
    else:
        pay_clawed_back(state, ((grant, grant.granted),), now)
        account.mark = available_in_pool(state)


def _instant(epoch: int | None) -> datetime | None:
    return EPOCH + timedelta(microseconds=epoch) if epoch is not None else None
