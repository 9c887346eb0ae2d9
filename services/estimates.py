"""Estimates: what work costs, and whether an account could have it now. No lock, nothing written."""

from __future__ import annotations

from rules.ledger.records import Estimated, EstimateWarning
from rules.ledger.refusals import AccountFrozen, InsufficientTokens
from rules.ledger.requests import Work
from rules.pricing.rating import Priced, PricingRefusal, Purpose, price_lines
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS, MAX_TOKENS
from services.ledger.line_views import line_view
from services.ledger.reads import AccountReading
from services.price_books import PublishedBook


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
    blockers: list[AccountFrozen | InsufficientTokens] = []
    if account.frozen:
        blockers.append(AccountFrozen())
    if not balance.unlimited and bound.total > balance.available:
        blockers.append(InsufficientTokens(bound.total, balance.available))
    after = max(0, balance.available - priced.total)
    warnings = () if blockers or not balance.would_be_low(after) else (EstimateWarning.LOW_BALANCE,)
    return Estimated(
        priced.total, priced.rounding, lines, published.version, not blockers, tuple(blockers), warnings, after
    )


def _priced(published: PublishedBook, work: Work, purpose: Purpose) -> Priced | PricingRefusal:
    if not isinstance(work, int):
        return price_lines(published.book, work, purpose=purpose)
    if not 0 < work <= MAX_MICROS:
        return InvalidInput("amount", f"must be more than 0, and at most {MAX_TOKENS} tokens")
    return Priced((), work, 0)
