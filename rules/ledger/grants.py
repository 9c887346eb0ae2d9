"""Grants: tokens coming in, their expiry, revoking and clawing back."""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from datetime import datetime

from rules.ledger.alerts import notice_instant
from rules.ledger.burn_down import available_in_pool
from rules.ledger.commands import ClawBack, GrantTokens, RevokeGrant
from rules.ledger.entries import append, next_version
from rules.ledger.kinds import GIFTS, EntryKind, GrantEnd
from rules.ledger.refusals import CLOSED, NotFound, Refusal
from rules.ledger.state import AccountState, Grant
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS

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
    if grant.is_assigned:
        state.account.assigned += grant.remaining
    state.burn_order = None
    if grant.source_ref:
        state.source_refs[grant.source_ref] = grant.grant_id
    if grant.expires_at is not None:
        if grant.notice_at is None:
            grant.notice_at = notice_instant(grant.created_at, grant.expires_at)
        falls_due(state, grant.notice_at or grant.expires_at)


def tell_again(state: AccountState, grant: Grant, at: datetime) -> None:
    """Has its notice of expiry told, now or in time, where it was wholly on hold when that was due."""
    if grant.notice_at is None:
        return
    if grant.notice_at < at:
        state.noticed.add(grant.grant_id)
    else:
        # Also at its very instant: more may come back then.
        falls_due(state, grant.notice_at)


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
        account.mark = available_in_pool(state)
    return grant


def pay_clawed_back(state: AccountState, incoming: Iterable[tuple[Grant, int]], now: datetime) -> None:
    """Incoming tokens, given by the grant they came to, first pay what was clawed back after it was spent or sent.

    Tokens that were there before pay nothing, and metered credit is left alone.
    """
    account = state.account
    for grant, amount in incoming:
        payment = min(account.clawed_back, amount, grant.unheld)
        if payment <= 0 or grant.ended is not None or grant.is_expired(now):
            continue
        state.add_remaining(grant, -payment)
        grant.settled += payment
        append(
            state,
            EntryKind.SETTLEMENT,
            now,
            total=-payment,
            clawed=-payment,
            grant_id=grant.grant_id,
            member_id=grant.member_id,
            project=grant.project,
        )


def revoke_rest(state: AccountState, grant: Grant, now: datetime) -> None:
    """Takes back what no hold has of a grant; what one has goes the same way when it comes back."""
    amount = grant.unheld
    state.add_remaining(grant, -amount)
    grant.revoked += amount
    grant.ended = GrantEnd.REVOKED
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


def expire(state: AccountState, grant: Grant, at: datetime) -> None:
    """Ends a grant's time: the unheld part goes, the held part stays for its holds."""
    amount = grant.unheld
    state.burn_order = None
    if amount <= 0 or grant.ended is not None:
        return
    state.add_remaining(grant, -amount)
    grant.expired += amount
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
    """Takes a grant back, or (ClawBack) also makes what was spent or sent of it owed."""
    grant = state.grants.get(command.grant_id)
    if grant is None:
        return NotFound("grant")
    if command.refusal is not None:
        return command.refusal
    claws_back = isinstance(command, ClawBack)
    # A payment may be disputed after its tokens were revoked: then what was spent or sent of them is owed as well.
    if grant.ended is GrantEnd.CLAWED_BACK or (grant.ended is GrantEnd.REVOKED and not claws_back):
        return InvalidInput("grantId", "this grant was already taken back")
    parts = _parts_that_end_with(state, grant, claws_back=claws_back)
    clawed = sum(_owed_of(part) for part in (grant, *parts)) if claws_back else 0
    if state.account.owed + state.account.held + clawed > MAX_MICROS:
        return InvalidInput("grantId", "the account would owe more tokens than can be counted")
    # From here on it succeeds.
    end = GrantEnd.CLAWED_BACK if claws_back else GrantEnd.REVOKED
    _end(state, grant, end, now, note=command.note, text_salt=command.text_salt)
    for part in parts:
        _end(state, part, end, now)
    return grant


def _parts_that_end_with(state: AccountState, grant: Grant, *, claws_back: bool) -> list[Grant]:
    """What was assigned of a grant is taken back with it, wherever anything is left or was spent of it."""
    return [
        part
        for part in state.grants.values()
        if part.parent_id == grant.grant_id
        and (part.remaining > 0 or part.spent > 0 or part.settled > 0)
        and (part.ended is None or (part.ended is GrantEnd.REVOKED and claws_back))
    ]


def _owed_of(grant: Grant) -> int:
    """What a clawback makes owed: spent or settled, net of refunds, or sent to another account, which keeps it."""
    return grant.spent + grant.settled + grant.transferred


def _end(
    state: AccountState, grant: Grant, end: GrantEnd, now: datetime, *, note: str | None = None, text_salt: bytes = b""
) -> None:
    """Takes the unheld part of a grant, and (clawed back) makes owed what was spent or sent of it."""
    amount = grant.unheld
    state.add_remaining(grant, -amount)
    grant.revoked += amount
    state.burn_order = None
    grant.ended = end
    claws_back = end is GrantEnd.CLAWED_BACK
    append(
        state,
        EntryKind.CLAWBACK if claws_back else EntryKind.REVOCATION,
        now,
        total=-amount,
        clawed=_owed_of(grant) if claws_back else 0,
        grant_id=grant.grant_id,
        member_id=grant.member_id,
        project=grant.project,
        note=note,
        text_salt=text_salt,
    )
