"""Charges explained: everything that made one charge what it is."""

from __future__ import annotations

from uuid import UUID

import strawberry

from rules.identity import IdKind
from rules.ledger.charges import BurnedPart, ChargeCheck, ChargeFacts, LineCheck
from rules.ledger.limit_status import LimitStatus as StatusRecord
from rules.ledger.records import LineView
from schema.described import output
from schema.holds import Entry, Hold, shown_entry, shown_hold
from schema.limits import LimitStatus, shown_limit
from schema.nodes import shown_id
from schema.prices import EstimateLine, PriceBook, shown_book, shown_line
from schema.reads import PublishedBook
from schema.scalars import Tokens, tokens_or_none
from schema.words import ChargeBasis, GrantSource


@output
class BurnedGrant:
    """What a hold captured from one grant."""

    grant_id: strawberry.ID
    """The grant."""
    source: GrantSource
    """Where its tokens came from."""
    amount: Tokens
    """Tokens captured from it, refunds left aside."""
    refunded: Tokens
    """Tokens of these that were given back."""


@output
class CapturedLineCheck:
    """One entry of a charge, worked out anew."""

    entry_id: strawberry.ID
    """The CAPTURE or ROUNDING entry."""
    ref: str | None
    """The captured line's own name."""
    model: str | None
    """The captured line's model; null for a plain amount, and for rounding."""
    basis: ChargeBasis
    """What its cost rests on."""
    charged: Tokens
    """Tokens that were charged for it."""
    recomputed: Tokens
    """Tokens that it comes to when it is worked out anew at its price book version; an amount as it was named. What
    could not be charged, because the hold and its overrun policy allowed no more, is left out of both."""
    matches: bool
    """Whether the two are the same, to the unit."""


@output
class ChargeExplanation:
    """Everything that made one charge what it is, from one snapshot.

    Of a hold that captured more than 1,000 lines the first 1,000 are explained, and there is no sum to compare.
    """

    hold: Hold
    """The hold, in whatever state it is."""
    price_book: PriceBook
    """The version that the hold is priced at."""
    lines: list[EstimateLine]
    """The captured lines that have a model, in order, each at what was charged with the steps that led there; at most
    1,000."""
    checks: list[CapturedLineCheck]
    """Every captured line, plain amounts and rounding included, compared with its price; in order, at most 1,000."""
    recomputed: Tokens | None
    """Tokens that the hold's captures come to when they are worked out anew, rounding included, refunds left aside;
    null where more than 1,000 lines were captured."""
    matches: bool | None
    """Whether that is what the hold captured, line by line, and what the burned grants and the journal say too; null
    where more than 1,000 lines were captured."""
    burned: list[BurnedGrant]
    """The grants that it was captured from, in the order in which they were taken."""
    on_credit_line: Tokens
    """Tokens captured from the credit line, refunds left aside."""
    on_credit_line_refunded: Tokens
    """Tokens of these that were given back."""
    limits: list[LimitStatus]
    """What the account, and the hold's member and project, have consumed of their limits now."""
    entries: list[Entry]
    """The journal's entries of the hold, in order; at most 2,000."""
    more_entries: bool
    """Whether there are more; `account.entries` has them all."""


def shown_charge(
    tenant_id: UUID,
    account_id: UUID,
    facts: ChargeFacts,
    check: ChargeCheck,
    views: tuple[LineView, ...],
    published: PublishedBook,
    limits: tuple[StatusRecord, ...],
) -> ChargeExplanation:
    """A hold's facts and their check as they are shown."""
    on_credit = [part for part in facts.burned if part.grant_id is None]
    return ChargeExplanation(
        hold=shown_hold(tenant_id, account_id, facts.hold),
        price_book=shown_book(published),
        lines=[shown_line(view) for view in views],
        checks=[_shown_check(account_id, line) for line in check.lines],
        recomputed=tokens_or_none(check.recomputed),
        matches=check.matches,
        burned=[
            _shown_part(account_id, part.grant_id, part.source, part)
            for part in facts.burned
            if part.grant_id is not None and part.source is not None
        ],
        on_credit_line=Tokens(sum(part.captured for part in on_credit)),
        on_credit_line_refunded=Tokens(sum(part.refunded for part in on_credit)),
        limits=[shown_limit(status) for status in limits],
        entries=[shown_entry(entry) for entry in facts.entries],
        more_entries=facts.more_entries,
    )


def _shown_part(account_id: UUID, grant_id: int, source: GrantSource, part: BurnedPart) -> BurnedGrant:
    return BurnedGrant(
        grant_id=shown_id(IdKind.GRANT, account_id, grant_id),
        source=source,
        amount=Tokens(part.captured),
        refunded=Tokens(part.refunded),
    )


def _shown_check(account_id: UUID, check: LineCheck) -> CapturedLineCheck:
    return CapturedLineCheck(
        entry_id=shown_id(IdKind.ENTRY, account_id, check.line.version),
        ref=check.line.ref,
        model=check.line.model,
        basis=check.basis,
        charged=Tokens(check.line.amount),
        recomputed=Tokens(check.recomputed),
        matches=check.matches,
    )
