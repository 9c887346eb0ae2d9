"""Estimates: what work costs, whether an account could have it now, and how much of it. No lock, nothing written."""

from __future__ import annotations

from typing import Final

from rules.ledger.gates import first_closed
from rules.ledger.records import Blocker, Estimated, EstimateWarning
from rules.ledger.refusals import AccountFrozen, InsufficientTokens
from rules.ledger.requests import AffordableRequest, Work
from rules.pricing.affordable import Affordable, largest_affordable
from rules.pricing.dimensions import printable
from rules.pricing.rating import MAX_COUNT, Priced, PricingRefusal, Purpose, price_lines
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from rules.pricing.suggestions import suggest_models
from rules.pricing.tiers import may_use
from rules.pricing.tokens import MAX_MICROS, MAX_TOKENS
from services.ledger.line_views import line_view
from services.ledger.reads import AccountReading
from services.price_books import PublishedBook
from services.work_pricing import gates_of

FROZEN: Final = "frozen"
CLOSED: Final = "closed"
"""What limits whoever may start no work at all, for now or for good."""
TIER: Final = "tier"
"""What limits whoever is on no plan that opens the model."""


def estimate_work(published: PublishedBook, work: Work, account: AccountReading | None) -> Estimated | PricingRefusal:
    """Prices work; with an account also says what stands in the way of reserving it, and what would be left."""
    priced = _priced(published, work, Purpose.ESTIMATE)
    if not isinstance(priced, Priced):
        return priced
    lines = tuple(line_view(line, published.version) for line in priced.lines)
    if account is None:
        return Estimated(priced.total, priced.rounding, lines, published.version)
    # What is set aside is an upper bound, which for some prices lies above the cost.
    bound = _priced(published, work, Purpose.RESERVE)
    if not isinstance(bound, Priced):
        return bound
    balance = account.balance
    row = account.account
    blockers: list[Blocker] = []
    if row.takes_no_work:
        blockers.append(AccountFrozen(closed=row.closed_at is not None))
    for gate in gates_of(priced.lines, published, published):
        shut = first_closed(row.plan_id, (gate,))
        blockers += [] if shut is None else [shut]
    if not balance.unlimited and bound.total > balance.available:
        blockers.append(InsufficientTokens(bound.total, balance.available))
    after = max(0, balance.available - priced.total)
    warnings = () if blockers or not balance.would_be_low(after) else (EstimateWarning.LOW_BALANCE,)
    return Estimated(
        priced.total, priced.rounding, lines, published.version, not blockers, tuple(blockers), warnings, after
    )


def affordable(
    published: PublishedBook, request: AffordableRequest, account: AccountReading
) -> Affordable | UnknownModel | InvalidParams:
    """The largest value that a reservation would go through with now; none where nothing would go through."""
    price = published.book.price(request.model)
    if price is None:
        return UnknownModel(printable(request.model), suggest_models(published.book, request.model))
    budget = None if account.balance.unlimited else account.balance.available
    largest = largest_affordable(price, request.params, request.dimension, budget, count_max=MAX_COUNT)
    if not isinstance(largest, Affordable):
        return largest
    row = account.account
    if row.takes_no_work:
        return Affordable(None, False, None, CLOSED if row.closed_at is not None else FROZEN)
    if not may_use(published.book, price.tier, row.plan_id):
        return Affordable(None, False, None, TIER)
    return largest


def _priced(published: PublishedBook, work: Work, purpose: Purpose) -> Priced | PricingRefusal:
    if not isinstance(work, int):
        return price_lines(published.book, work, purpose=purpose)
    if not 0 < work <= MAX_MICROS:
        return InvalidInput("amount", f"must be more than 0, and at most {MAX_TOKENS} tokens")
    return Priced((), work, 0)
