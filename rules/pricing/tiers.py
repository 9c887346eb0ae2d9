"""Tiers: which plans open which prices. A book declares its tiers lowest first; a plan opens its own and all below.

The lowest tier is a gate like any other: what everyone may use has no tier. Whoever has no plan, or one without a tier,
uses only that.
"""

from __future__ import annotations

from rules.pricing.price_book import PriceBook


def plans_that_open(book: PriceBook, tier: str, later: PriceBook | None = None) -> frozenset[str]:
    """The ids of the plans whose tier is at least this one of the book's.

    `later` is the book in force, where work is priced by an older one: a plan of both is what it says there, and one
    that only it has counts if the older book knows its tier.
    """
    if later is None or later is book:
        return book.plans_by_tier[tier]
    plans = {plan.id: plan for plan in (*book.plans, *later.plans)}
    reached = book.tiers[book.tiers.index(tier) :]
    return frozenset(plan.id for plan in plans.values() if plan.tier in reached)


def may_use(book: PriceBook, tier: str | None, plan_id: str | None) -> bool:
    """Whether an account on this plan may use what needs this tier."""
    return tier is None or (plan_id is not None and plan_id in book.plans_by_tier[tier])
