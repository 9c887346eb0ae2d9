"""What becomes of tokens that a hold or a refund gave back to a grant that is not what it was any more."""

from __future__ import annotations

from datetime import datetime, timedelta

from rules.ledger.assignments import hand_back, split_off
from rules.ledger.burn_down import Spender
from rules.ledger.entries import append, next_version
from rules.ledger.grants import add_grant, tell_again
from rules.ledger.kinds import EntryKind, GrantEnd, GrantSource
from rules.ledger.state import AccountState, Grant


def came_back(state: AccountState, grant: Grant, amount: int, at: datetime) -> Grant | None:
    """What becomes of tokens that were given back to a grant; the other grant that has them now, if one does.

    A revoked or clawed-back grant loses them, and so does any grant of a closed account. An expired one too, but they
    live on for the grace time in a new ADJUSTMENT grant; once: not when the expired grant was itself such a one, nor
    when the policy has no grace. What was assigned to a member who was removed meanwhile goes on to the pool. Any other
    grant just keeps them.
    """
    if amount <= 0:
        return None
    if grant.ended is None and state.account.closed_at is not None:
        grant.ended = GrantEnd.REVOKED
    if grant.ended is None and not grant.is_expired(at):
        if _has_lost_its_owner(state, grant):
            return hand_back(state, grant, amount, at)
        tell_again(state, grant, at)
        return None
    state.add_remaining(grant, -amount)
    if grant.ended is GrantEnd.REVOKED:
        grant.revoked += amount
        _loses(state, EntryKind.REVOCATION, grant, amount, at)
        return None
    if grant.ended is GrantEnd.CLAWED_BACK:
        grant.revoked += amount
        _loses(state, EntryKind.CLAWBACK, grant, amount, at)
        return None
    grant.expired += amount
    _loses(state, EntryKind.EXPIRY, grant, amount, at)
    return _live_on(state, grant, amount, at) if not grant.grace and state.account.grace_days > 0 else None


def _loses(state: AccountState, kind: EntryKind, grant: Grant, amount: int, at: datetime) -> None:
    append(
        state,
        kind,
        at,
        total=-amount,
        grant_id=grant.grant_id,
        member_id=grant.member_id,
        project=grant.project,
    )


def _live_on(state: AccountState, expired: Grant, amount: int, at: datetime) -> Grant:
    """The grace grant for tokens that came back too late; the mark stays where it is, for nothing new came in.

    What had been assigned is assigned again, to the same owner if it is still there.
    """
    successor = Grant(
        grant_id=next_version(state),
        source=GrantSource.ADJUSTMENT,
        granted=amount,
        remaining=amount,
        created_at=at,
        priority=expired.priority,
        expires_at=at + timedelta(days=state.account.grace_days),
        grace=True,
        source_ref=f"grace:{next_version(state)}",
    )
    append(state, EntryKind.GRANT, at, total=amount, grant_id=successor.grant_id)
    add_grant(state, successor)
    if expired.is_assigned and not _has_lost_its_owner(state, expired):
        return split_off(state, successor, amount, Spender(expired.member_id, expired.project), at)
    return successor


def _has_lost_its_owner(state: AccountState, grant: Grant) -> bool:
    """Whether it is assigned to a member who was removed. Its members are loaded with whatever gives tokens back."""
    return grant.member_id is not None and not state.members[grant.member_id].active
