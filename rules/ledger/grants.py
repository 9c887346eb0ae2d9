"""Grants: tokens coming in, what comes back to them, revoking and clawing back."""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from datetime import datetime, timedelta

from rules.ledger.commands import ClawBack, GrantTokens, RevokeGrant
from rules.ledger.entries import append, next_version
from rules.ledger.kinds import GIFTS, EntryKind, GrantEnd, GrantSource
from rules.ledger.refusals import NotFound, Refusal
from rules.ledger.state import AccountState, Grant
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS

CLOSED = "the account was closed, for good"
"""Said of a closed account to whoever wants to put something on it, or to change it."""

_GIFT_MOVES_MARK_PERCENT = 5
"""A gift smaller than this share of the mark leaves the mark where it is."""


def months_after(start: datetime, months: int) -> datetime:
    """The same day and time so many calendar months later (UTC), or that month's last day where it is shorter."""
    index = start.year * 12 + start.month - 1 + months
    year, month = divmod(index, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return start.replace(year=year, month=month + 1, day=day)


def falls_due(state: AccountState, instant: datetime) -> None:
    """Notes that something falls due at an instant."""
    account = state.account
    if account.due_at is None or instant < account.due_at:
        account.due_at = instant
        state.account_changed = True


def add_grant(state: AccountState, grant: Grant) -> None:
    """Takes a new grant into the account's rows; its entry was, or is being, written."""
    state.grants[grant.grant_id] = grant
    state.new_grants.add(grant.grant_id)
    state.burn_order = None
    if grant.source_ref:
        state.source_refs[grant.source_ref] = grant.grant_id
    if grant.expires_at is not None:
        falls_due(state, grant.expires_at)


def grant_tokens(state: AccountState, command: GrantTokens, now: datetime) -> Grant | Refusal:
    """Adds a lot of tokens: a GRANT entry, then a SETTLEMENT where clawed-back debt is open."""
    if command.refusal is not None:
        return command.refusal
    if command.source_ref in state.source_refs:
        return InvalidInput("source", f"tokens were already granted for {command.source_ref!r}")
    expires_at = command.expires_at
    if expires_at is not None and expires_at <= now:
        return InvalidInput("expiresAt", f"must lie in the future; it is {now.isoformat()} for this tenant")
    if state.account.closed_at is not None:
        return InvalidInput("accountId", CLOSED)
    if command.amount > state.account.room:
        return InvalidInput("amount", "the account would hold more tokens than can be counted")
    if expires_at is None and command.expires_after_months is not None:
        expires_at = months_after(now, command.expires_after_months)
    # From here on it succeeds.
    return receive(
        state,
        Grant(
            grant_id=next_version(state),
            source=command.source,
            granted=command.amount,
            remaining=command.amount,
            created_at=now,
            priority=command.priority,
            expires_at=expires_at,
            source_ref=command.source_ref,
            paid_minor_units=command.paid_minor_units,
            paid_currency=command.paid_currency,
            note=command.note,
        ),
        now,
        text_salt=command.text_salt,
    )


def receive(state: AccountState, grant: Grant, now: datetime, *, text_salt: bytes = b"") -> Grant:
    """Writes incoming tokens: the grant, what it pays of clawed-back debt, and the mark."""
    append(
        state,
        EntryKind.GRANT,
        now,
        total=grant.granted,
        grant_id=grant.grant_id,
        member_id=grant.member_id,
        project=grant.project,
        note=grant.note,
        text_salt=text_salt,
    )
    add_grant(state, grant)
    pay_clawed_back(state, ((grant, grant.granted),), now)
    account = state.account
    is_small_gift = grant.source in GIFTS and grant.granted * 100 < account.mark * _GIFT_MOVES_MARK_PERCENT
    if not is_small_gift:
        account.mark = account.available
    return grant


def pay_clawed_back(state: AccountState, incoming: Iterable[tuple[Grant, int]], now: datetime) -> None:
    """Incoming tokens, given by the grant they came to, first pay what was clawed back after it was spent.

    Tokens that were there before pay nothing, and metered credit is left alone.
    """
    account = state.account
    for grant, amount in incoming:
        payment = min(account.clawed_back, amount, grant.unheld)
        if payment <= 0 or grant.ended is not None or grant.is_expired(now):
            continue
        grant.remaining -= payment
        grant.settled += payment
        state.changed_grants.add(grant.grant_id)
        append(state, EntryKind.SETTLEMENT, now, total=-payment, clawed=-payment, grant_id=grant.grant_id)


def came_back(state: AccountState, grant: Grant, amount: int, at: datetime) -> Grant | None:
    """What becomes of tokens that a hold or a refund gave back to a grant which has ended meanwhile.

    A revoked or clawed-back grant loses them. An expired one too, but they live on for the grace time in a new
    ADJUSTMENT grant, which is returned; once: not when the expired grant was itself such a one, nor when the policy has
    no grace. A grant that is still good just keeps them, unless the account was closed.
    """
    if amount > 0 and grant.ended is None and state.account.closed_at is not None:
        grant.ended = GrantEnd.REVOKED
    if amount <= 0 or (grant.ended is None and not grant.is_expired(at)):
        return None
    grant.remaining -= amount
    state.changed_grants.add(grant.grant_id)
    if grant.ended is GrantEnd.REVOKED:
        grant.revoked += amount
        append(state, EntryKind.REVOCATION, at, total=-amount, grant_id=grant.grant_id)
        return None
    if grant.ended is GrantEnd.CLAWED_BACK:
        grant.revoked += amount
        append(state, EntryKind.CLAWBACK, at, total=-amount, grant_id=grant.grant_id)
        return None
    grant.expired += amount
    append(state, EntryKind.EXPIRY, at, total=-amount, grant_id=grant.grant_id)
    return live_on(state, grant, amount, at) if not grant.grace and state.account.grace_days > 0 else None


def revoke_rest(state: AccountState, grant: Grant, now: datetime) -> None:
    """Takes back what no hold has of a grant; what one has goes the same way when it comes back."""
    amount = grant.unheld
    grant.remaining -= amount
    grant.revoked += amount
    grant.ended = GrantEnd.REVOKED
    state.changed_grants.add(grant.grant_id)
    state.burn_order = None
    append(
        state,
        EntryKind.REVOCATION,
        now,
        total=-amount,
        grant_id=grant.grant_id,
        member_id=grant.member_id,
        project=grant.project,
    )


def live_on(state: AccountState, expired: Grant, amount: int, at: datetime) -> Grant:
    """The grace grant for tokens that came back too late; the mark stays where it is, for nothing new came in."""
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
        member_id=expired.member_id,
        project=expired.project,
    )
    append(
        state,
        EntryKind.GRANT,
        at,
        total=amount,
        grant_id=successor.grant_id,
        member_id=successor.member_id,
        project=successor.project,
    )
    add_grant(state, successor)
    return successor


def expire(state: AccountState, grant: Grant, at: datetime) -> None:
    """Ends a grant's time: the unheld part goes, the held part stays for its holds."""
    amount = grant.unheld
    state.burn_order = None
    if amount <= 0 or grant.ended is not None:
        return
    grant.remaining -= amount
    grant.expired += amount
    state.changed_grants.add(grant.grant_id)
    append(
        state,
        EntryKind.EXPIRY,
        at,
        total=-amount,
        grant_id=grant.grant_id,
        member_id=grant.member_id,
        project=grant.project,
    )


def revoke_grant(state: AccountState, command: RevokeGrant, now: datetime) -> Grant | Refusal:
    """Takes a grant back, or (ClawBack) also makes what was spent of it owed."""
    grant = state.grants.get(command.grant_id)
    if grant is None:
        return NotFound("grant")
    if command.refusal is not None:
        return command.refusal
    claws_back = isinstance(command, ClawBack)
    # A payment may be disputed after its tokens were revoked: then what was spent of them is owed as well.
    if grant.ended is GrantEnd.CLAWED_BACK or (grant.ended is GrantEnd.REVOKED and not claws_back):
        return InvalidInput("grantId", "this grant was already taken back")
    clawed = grant.spent + grant.settled if claws_back else 0
    if state.account.owed + state.account.held + clawed > MAX_MICROS:
        return InvalidInput("grantId", "the account would owe more tokens than can be counted")
    # From here on it succeeds.
    amount = grant.unheld
    grant.remaining -= amount
    grant.revoked += amount
    state.changed_grants.add(grant.grant_id)
    state.burn_order = None
    grant.ended = GrantEnd.CLAWED_BACK if claws_back else GrantEnd.REVOKED
    kind = EntryKind.CLAWBACK if claws_back else EntryKind.REVOCATION
    append(
        state,
        kind,
        now,
        total=-amount,
        clawed=clawed,
        grant_id=grant.grant_id,
        member_id=grant.member_id,
        project=grant.project,
        note=command.note,
        text_salt=command.text_salt,
    )
    return grant
