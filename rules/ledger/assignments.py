"""Tokens assigned to a member or a project: parts split off the pool's grants, which go back where they came from.

A part keeps its grant's expiry and priority, and of the money paid for it a share in proportion to the tokens: whole
minor units, rounded down, the rest stays, so that the sum is what was paid. Parts are never split further.
"""

from __future__ import annotations

from datetime import datetime

from rules.ledger.burn_down import Spender, available_to, spendable_grants
from rules.ledger.commands import AssignTokens
from rules.ledger.entries import append, next_version
from rules.ledger.grants import add_grant, tell_again
from rules.ledger.kinds import EntryKind, GrantSource
from rules.ledger.refusals import CLOSED, InsufficientTokens, NotFound, Refusal
from rules.ledger.state import AccountState, Grant
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import format_tokens

ASSIGNED_GRANTS_MAX = 1_000
"""Assigned parts of an account that have tokens left: they are loaded and looked through with every command."""


def assign_tokens(state: AccountState, command: AssignTokens, now: datetime) -> Grant | Refusal:
    """Moves tokens from the pool to a member or project, or back; the first part that was made or taken from.

    To the owner go tokens of the pool in burn order; back go those that it would burn last. Nothing is incoming, so the
    mark stays where it is.
    """
    owner = Spender(command.member_id, command.project)
    if owner.member_id is not None and not is_member(state, owner):
        return NotFound("member")
    if command.refusal is not None:
        return command.refusal
    if state.account.closed_at is not None:
        return InvalidInput("accountId", CLOSED)
    if command.amount < 0:
        return _take_back(state, owner, -command.amount, now)
    pool = spendable_grants(state, Spender(), now)
    available = min(sum(grant.unheld for grant in pool), available_to(state, Spender(), now))
    if command.amount > available:
        return InsufficientTokens(required=command.amount, available=available)
    shares = _shares(pool, command.amount)
    assigned = sum(grant.is_assigned and grant.remaining > 0 for grant in state.grants.values())
    if assigned + len(shares) > ASSIGNED_GRANTS_MAX:
        return InvalidInput("amount", f"an account has at most {ASSIGNED_GRANTS_MAX} assigned lots with tokens left")
    # From here on it succeeds.
    parts = [split_off(state, grant, share, owner, now) for grant, share in shares]
    return parts[0]


def is_member(state: AccountState, spender: Spender) -> bool:
    """Whether the spender's member belongs to the account now."""
    member = state.members.get(spender.member_id) if spender.member_id is not None else None
    return member is not None and member.active


def split_off(state: AccountState, grant: Grant, amount: int, owner: Spender, at: datetime) -> Grant:
    """Assigns a part of a grant of the pool to its owner, with its ASSIGNMENT entry."""
    paid = grant.take_money(amount)
    part = Grant(
        grant_id=next_version(state),
        source=GrantSource.ASSIGNMENT,
        granted=amount,
        remaining=amount,
        created_at=at,
        priority=grant.priority,
        expires_at=grant.expires_at,
        grace=grant.grace,
        source_ref=f"assignment:{next_version(state)}",
        member_id=owner.member_id,
        project=owner.project,
        parent_id=grant.grant_id,
        paid_minor_units=paid,
        paid_currency=grant.paid_currency,
    )
    state.add_remaining(grant, -amount)
    grant.moved += amount
    _assignment_entry(state, part, f"assigned {format_tokens(amount)}", at)
    add_grant(state, part)
    return part


def hand_back(state: AccountState, part: Grant, amount: int, at: datetime) -> Grant:
    """Gives unheld tokens of an assigned part back to the grant that it was split off, which is returned.

    That grant ends when the part does, so it is as good as the part is.
    """
    if part.parent_id is None:
        raise AssertionError(f"grant {part.grant_id} was not split off another")
    grant = state.grants[part.parent_id]
    paid = part.take_money(amount)
    state.add_remaining(part, -amount)
    part.moved += amount
    state.add_remaining(grant, amount)
    grant.moved -= amount
    grant.paid_minor_units += paid
    state.burn_order = None
    # The account wakes at its end already, because the part ends then too.
    tell_again(state, grant, at)
    _assignment_entry(state, part, f"taken back {format_tokens(amount)}", at)
    return grant


def hand_back_all(state: AccountState, owner: Spender, now: datetime) -> None:
    """Gives back whatever of the owner's parts no hold has set aside."""
    for part in _parts_of(state, owner, now):
        hand_back(state, part, part.unheld, now)


def _take_back(state: AccountState, owner: Spender, amount: int, now: datetime) -> Grant | InsufficientTokens:
    parts = _parts_of(state, owner, now)
    available = sum(part.unheld for part in parts)
    if amount > available:
        return InsufficientTokens(required=amount, available=available)
    # From here on it succeeds.
    shares = _shares(parts[::-1], amount)
    for part, share in shares:
        hand_back(state, part, share, now)
    return shares[0][0]


def _parts_of(state: AccountState, owner: Spender, now: datetime) -> list[Grant]:
    """The owner's parts that it could spend from, in burn order."""
    return [part for part in spendable_grants(state, owner, now) if part.is_assigned]


def _shares(grants: list[Grant], amount: int) -> list[tuple[Grant, int]]:
    """Takes an amount from grants in their order, from each as much as is unheld; there is enough."""
    shares: list[tuple[Grant, int]] = []
    for grant in grants:
        if amount <= 0:
            break
        shares.append((grant, min(amount, grant.unheld)))
        amount -= shares[-1][1]
    return shares


def _assignment_entry(state: AccountState, part: Grant, note: str, at: datetime) -> None:
    """Nothing changes for the account as a whole; the note has the amount."""
    append(
        state,
        EntryKind.ASSIGNMENT,
        at,
        member_id=part.member_id,
        project=part.project,
        grant_id=part.grant_id,
        note=note,
    )
