"""Estimates: what work costs, whether an account could have it now, and how much of it. No lock, nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from rules.ledger.burn_down import Spender
from rules.ledger.gates import first_closed
from rules.ledger.kinds import LimitPeriod
from rules.ledger.limit_status import LimitStatus
from rules.ledger.limits import limit_reached, near_after, tightest_limit
from rules.ledger.records import Blocker, Estimated, EstimateWarning
from rules.ledger.refusals import AccountFrozen, InsufficientTokens
from rules.ledger.requests import AffordableRequest, Work
from rules.ledger.runs import rate_limited
from rules.pricing.affordable import Affordable, largest_affordable
from rules.pricing.dimensions import printable
from rules.pricing.rating import MAX_COUNT, Priced, PricingRefusal, Purpose, price_lines
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from rules.pricing.suggestions import suggest_models
from rules.pricing.tiers import may_use
from rules.pricing.tokens import MAX_MICROS, MAX_TOKENS
from services.ledger.line_views import line_view
from services.ledger.settled_reads import AccountReading
from services.price_books import PublishedBook
from services.work_pricing import gates_of

BALANCE: Final = "balance"
"""What limits whoever has no more tokens, in the words of `largest_affordable`."""

FROZEN: Final = "frozen"
CLOSED: Final = "closed"
"""What limits whoever may start no work at all, for now or for good."""
TIER: Final = "tier"
"""What limits whoever is on no plan that opens the model."""

RATE: Final = "runs per minute"
"""What limits whoever has begun as many runs in the last minute as are allowed."""


def estimate_work(
    published: PublishedBook, work: Work, spender: Spender, account: AccountReading | None
) -> Estimated | PricingRefusal:
    """Prices work; with an account also says what stands in the way of reserving it, and what would be left.

    The account was read as it is for the spender.
    """
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
    blockers = tuple(_blockers(published, priced, spender, account, bound.total))
    after = max(0, balance.available - priced.total)
    warnings: list[EstimateWarning] = []
    if not blockers and balance.would_be_low(after):
        warnings.append(EstimateWarning.LOW_BALANCE)
    near: tuple[LimitStatus, ...] = ()
    if not blockers:
        limit, since = account.daily_limit, account.daily_limit_since
        near = near_after(account.state, spender, priced.total, account.now, limit, since)
    if any(status.period is LimitPeriod.DAY for status in near):
        warnings.append(EstimateWarning.NEAR_DAILY_LIMIT)
    return Estimated(
        priced.total, priced.rounding, lines, published.version, not blockers, blockers, tuple(warnings), after, near
    )


def _blockers(
    published: PublishedBook, priced: Priced, spender: Spender, account: AccountReading, bound: int
) -> Iterator[Blocker]:
    """Whatever stands in the way of setting so much aside now, in the order in which it would be told."""
    row = account.account
    if row.takes_no_work:
        yield AccountFrozen(closed=row.closed_at is not None)
    for gate in gates_of(priced.lines, published, published):
        shut = first_closed(row.plan_id, (gate,))
        if shut is not None:
            yield shut
    too_soon = rate_limited(account.state, spender.member_id, published.book.policies.runs_per_minute, account.now)
    if too_soon is not None:
        yield too_soon
    limit, since = account.daily_limit, account.daily_limit_since
    reached = limit_reached(account.state, spender, bound, account.now, account.now, limit, since)
    if reached is not None:
        yield reached
    balance = account.balance
    if not balance.unlimited and bound > balance.available:
        yield InsufficientTokens(bound, balance.available)


def affordable(
    published: PublishedBook, request: AffordableRequest, account: AccountReading
) -> Affordable | UnknownModel | InvalidParams:
    """The largest value that a reservation would go through with now; none where nothing would go through."""
    price = published.book.price(request.model)
    if price is None:
        return UnknownModel(printable(request.model), suggest_models(published.book, request.model))
    budget = None if account.balance.unlimited else account.balance.available
    spender = Spender(request.member_id, request.project)
    tightest = tightest_limit(account.state, spender, account.now, account.now, account.daily_limit)
    is_capped = tightest is not None and (budget is None or tightest.left <= budget)
    if tightest is not None and is_capped:
        budget = tightest.left
    largest = largest_affordable(price, request.params, request.dimension, budget, count_max=MAX_COUNT)
    if not isinstance(largest, Affordable):
        return largest
    row = account.account
    if row.takes_no_work:
        return Affordable(None, False, None, CLOSED if row.closed_at is not None else FROZEN)
    if not may_use(published.book, price.tier, row.plan_id):
        return Affordable(None, False, None, TIER)
    if rate_limited(account.state, request.member_id, published.book.policies.runs_per_minute, account.now) is not None:
        return Affordable(None, False, None, RATE)
    if tightest is not None and is_capped and largest.limited_by == BALANCE:
        return replace(largest, limited_by=f"limit {tightest.scope.kind} {tightest.period}")
    return largest


def _priced(published: PublishedBook, work: Work, purpose: Purpose) -> Priced | PricingRefusal:
    if not isinstance(work, int):
        return price_lines(published.book, work, purpose=purpose)
    if not 0 < work <= MAX_MICROS:
        return InvalidInput("amount", f"must be more than 0, and at most {MAX_TOKENS} tokens")
    return Priced((), work, 0)
