"""Grants: tokens that a tenant gives its accounts, and takes back."""

from __future__ import annotations

from typing import Final

from rules.identity import IdKind, public_id
from rules.ledger.commands import AssignTokens, GrantTokens, RevokeGrant
from rules.ledger.kinds import GrantSource, Mutation
from rules.ledger.outcomes import GrantEffect, GrantOutcome
from rules.ledger.refusals import IdempotencyConflict, InsufficientTokens, NotFound
from rules.ledger.requests import AssignRequest, GiftRequest, GrantRequest, RevokeGrantRequest
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import format_tokens
from services.change_log import change_of
from services.fingerprints import once
from services.ledger.submission import PurchaseSignal, Riders
from services.ledger.writer import Writer
from services.price_books import PriceBooks
from services.principal import OPERATOR, Principal
from services.referrals import Referrals
from services.texts import (
    LABEL_LENGTH_MAX,
    NOTE_LENGTH_MAX,
    fault_of_key,
    fault_of_label,
    fault_of_text,
    first_fault,
    new_salt,
)

PRIORITY_MAX: Final = 1_000_000
_NOT_BY_HAND = frozenset({GrantSource.ASSIGNMENT, GrantSource.TRANSFER, GrantSource.AUTO_TOP_UP})
"""Sources that only their own operations may write."""


class Grants:
    """grantTokens, revokeGrant and assignTokens. Raises `LedgerUnavailable` when nobody could judge."""

    def __init__(self, writer: Writer, price_books: PriceBooks, referrals: Referrals) -> None:
        self._writer = writer
        self._price_books = price_books
        self._referrals = referrals

    async def grant_tokens(self, request: GrantRequest, *, by: Principal = OPERATOR) -> GrantOutcome:
        """Adds a lot of tokens. Without an instant or `never_expires`, the price book's policy says when it ends."""
        bad_key = fault_of_key(request.key)
        if bad_key is not None:
            return bad_key
        published = await self._price_books.current(request.tenant_id)
        fault = first_fault(
            fault_of_lot(request, _NOT_BY_HAND),
            fault_of_text("cardFingerprint", request.card_fingerprint, LABEL_LENGTH_MAX),
        )
        is_purchase = request.source is GrantSource.PURCHASE
        detail = {"amount": format_tokens(request.amount), "source": request.source.value}
        outcome = of_grant(
            await self._writer.submit(
                GrantTokens(
                    tenant_id=request.tenant_id,
                    account_id=request.account_id,
                    once=once(Mutation.GRANT_TOKENS, request.key, request),
                    amount=request.amount,
                    source=request.source,
                    source_ref=f"grantTokens:{request.key}",
                    priority=request.priority if fault is None else 0,
                    expires_at=request.expires_at,
                    expires_after_months=None
                    if request.never_expires
                    else published.book.policies.months_until_expiry(request.source),
                    note=request.note if fault is None else None,
                    text_salt=new_salt(),
                    refusal=fault,
                    daily_limit=published.book.policies.daily_limit_micros,
                    daily_limit_since=published.effective_at,
                ),
                Riders(
                    purchase=PurchaseSignal(published.book.policies.referral_percent, request.card_fingerprint)
                    if is_purchase
                    else None,
                    change=change_of(by, "grantTokens", public_id(IdKind.ACCOUNT, request.account_id), detail),
                ),
            )
        )
        if is_purchase and isinstance(outcome, GrantEffect):
            await self._referrals.attend_soon(request.tenant_id, request.account_id)
        return outcome

    async def assign_tokens(self, request: AssignRequest, *, by: Principal = OPERATOR) -> GrantOutcome:
        """Moves tokens between the pool and a member or project; the first lot that was made or taken from."""
        bad_key = fault_of_key(request.key)
        if bad_key is not None:
            return bad_key
        fault = first_fault(
            InvalidInput("amount", "must not be 0") if request.amount == 0 else None,
            InvalidInput("memberId", "give the member or the project that the tokens are for, one of the two")
            if (request.member_id is None) is (request.project is None)
            else None,
            fault_of_label("project", request.project),
        )
        subject = public_id(IdKind.ACCOUNT, request.account_id)
        if request.member_id is not None:
            subject = public_id(IdKind.MEMBER, request.account_id, part=request.member_id)
        detail = {"amount": format_tokens(request.amount), "project": request.project}
        daily = await self._price_books.daily_limit(request.tenant_id)
        return of_grant(
            await self._writer.submit(
                AssignTokens(
                    tenant_id=request.tenant_id,
                    account_id=request.account_id,
                    once=once(Mutation.ASSIGN_TOKENS, request.key, request),
                    amount=request.amount,
                    member_id=request.member_id,
                    project=request.project if fault is None else None,
                    refusal=fault,
                    daily_limit=daily.limit,
                    daily_limit_since=daily.since,
                ),
                Riders(change=change_of(by, "assignTokens", subject, detail)),
            )
        )

    async def revoke_grant(self, request: RevokeGrantRequest, *, by: Principal = OPERATOR) -> GrantOutcome:
        """Takes back what is unspent: the unheld part now, held parts as they come back."""
        bad_key = fault_of_key(request.key)
        if bad_key is not None:
            return bad_key
        fault = fault_of_text("note", request.note, NOTE_LENGTH_MAX)
        grant = public_id(IdKind.GRANT, request.account_id, request.grant_id)
        daily = await self._price_books.daily_limit(request.tenant_id)
        outcome = of_grant(
            await self._writer.submit(
                RevokeGrant(
                    tenant_id=request.tenant_id,
                    account_id=request.account_id,
                    once=once(Mutation.REVOKE_GRANT, request.key, request),
                    grant_id=request.grant_id,
                    note=request.note if fault is None else None,
                    text_salt=new_salt(),
                    refusal=fault,
                    daily_limit=daily.limit,
                    daily_limit_since=daily.since,
                ),
                Riders(change=change_of(by, "revokeGrant", grant)),
            )
        )
        if isinstance(outcome, GrantEffect) and outcome.grant.source is GrantSource.PURCHASE:
            await self._referrals.attend_soon(request.tenant_id, request.account_id)
        return outcome


def fault_of_lot(request: GrantRequest | GiftRequest, refused: frozenset[GrantSource]) -> InvalidInput | None:
    """Why this can be no lot of tokens; None when it can. `refused` are sources that are not the caller's to write."""
    return first_fault(
        InvalidInput("amount", "must be more than 0") if request.amount <= 0 else None,
        InvalidInput("source", f"{request.source} is written by its own operation only")
        if request.source in refused
        else None,
        InvalidInput("priority", f"must be between 0 and {PRIORITY_MAX}")
        if not 0 <= request.priority <= PRIORITY_MAX
        else None,
        fault_of_text("note", request.note, NOTE_LENGTH_MAX),
    )


def of_grant(outcome: object) -> GrantOutcome:
    """The ledger's answer, for a command about a grant."""
    match outcome:
        case GrantEffect() | InsufficientTokens() | IdempotencyConflict() | NotFound() | InvalidInput():
            return outcome
        case _:
            raise AssertionError(f"a command about a grant came to {type(outcome).__name__}")
