"""Which grants pay: the burn order, and what a spender may use.

Order: tokens assigned to the spender's member or project first, then the lowest `priority`, then the soonest expiry,
then the oldest. Product rule "burn order".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from rules.ledger.state import AccountState, Allocation, Grant
from rules.pricing.tokens import MAX_MICROS

_NEVER = datetime.max.replace(tzinfo=UTC)


class Spender(NamedTuple):
    """For whom tokens are spent: decides which assigned grants may be used, and that they go first."""

    member_id: UUID | None = None
    project: str | None = None

    def may_use(self, grant: Grant) -> bool:
        """Unassigned grants serve everyone; assigned ones their member or project alone."""
        if grant.member_id is None and grant.project is None:
            return True
        return self.owns(grant)

    def owns(self, grant: Grant) -> bool:
        """Whether the grant is assigned to this spender."""
        return (grant.member_id is not None and grant.member_id == self.member_id) or (
            grant.project is not None and grant.project == self.project
        )


def is_spendable(grant: Grant, now: datetime) -> bool:
    """Whether new work may take from the grant at all."""
    return grant.ended is None and grant.remaining > grant.held and not grant.is_expired(now)


def in_burn_order(state: AccountState, spender: Spender, allocations: list[Allocation]) -> list[Allocation]:
    """A hold's parts as they are spent: its grants in burn order, whenever they joined it, then the credit line."""
    if len(allocations) < 2:
        return allocations

    def rank(allocation: Allocation) -> tuple[bool, bool, int, datetime, int]:
        if allocation.grant_id is None:
            return True, False, 0, _NEVER, 0
        grant = state.grants[allocation.grant_id]
        return False, not spender.owns(grant), grant.priority, grant.expires_at or _NEVER, grant.grant_id

    return sorted(allocations, key=rank)


def spendable_grants(state: AccountState, spender: Spender, now: datetime) -> list[Grant]:
    """The grants that this spender may use now, in burn order."""
    if state.burn_order is None:
        state.burn_order = sorted(
            (grant for grant in state.grants.values() if grant.ended is None and grant.remaining > 0),
            key=lambda grant: (grant.priority, grant.expires_at or _NEVER, grant.grant_id),
        )
    usable = [grant for grant in state.burn_order if is_spendable(grant, now) and spender.may_use(grant)]
    return sorted(usable, key=lambda grant: not spender.owns(grant))


def available_to(state: AccountState, spender: Spender, now: datetime, *, soon_owed: int = 0) -> int:
    """What this spender can reserve now, in micro-tokens, never below 0; MAX_MICROS when the account is unlimited.

    `soon_owed` is what the caller is about to add to the account's debt.
    """
    account = state.account
    if account.unlimited:
        return MAX_MICROS
    closed_to_spender = 0
    if account.assigned > 0:
        closed_to_spender = sum(
            grant.unheld for grant in state.grants.values() if not spender.may_use(grant) and is_spendable(grant, now)
        )
    unbounded = account.total - account.held - account.owed + account.credit_limit - closed_to_spender
    return max(0, unbounded - soon_owed)


def available_in_pool(state: AccountState) -> int:
    """What is available to whom nothing is assigned, as a balance shows it: also where nothing bounds the account.

    What is due has been settled, so that all that is assigned and not on hold can still be spent by its owner.
    """
    account = state.account
    if account.assigned == 0:
        return account.available
    closed = sum(grant.unheld for grant in state.grants.values() if grant.is_assigned)
    return max(0, account.total - account.held - account.owed + max(0, account.credit_limit) - closed)


def split(state: AccountState, spender: Spender, amount: int, now: datetime) -> list[tuple[Grant | None, int]]:
    """Shares an amount out over the spender's grants in burn order; the rest falls on the credit line (None).

    The caller has checked that `amount` is available.
    """
    parts: list[tuple[Grant | None, int]] = []
    left = amount
    for grant in spendable_grants(state, spender, now):
        if left <= 0:
            break
        share = min(left, grant.unheld)
        parts.append((grant, share))
        left -= share
    if left > 0:
        parts.append((None, left))
    return parts
