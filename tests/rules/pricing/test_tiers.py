"""Which plans open which prices."""

from __future__ import annotations

import pytest

from rules.pricing.offers import Plan, PlanInterval
from rules.pricing.policies import Policies
from rules.pricing.price_book import PriceBook
from rules.pricing.tiers import may_use, plans_that_open
from tests.rules.pricing.books import PRICE_BOOKS, a_shipped_book


def a_book(*plans: tuple[str, str | None], tiers: tuple[str, ...] = ("free", "pro", "max")) -> PriceBook:
    offered = tuple(Plan(name, name, tier, 1, 0, 0, PlanInterval.MONTH) for name, tier in plans)
    return PriceBook("small", "Small", "usd", tiers, Policies(), (), plans=offered)


BOOK = a_book(("hobby", "free"), ("studio", "pro"), ("agency", "max"), ("bundle", None))


@pytest.mark.parametrize(
    ("tier", "plans"),
    [("free", {"hobby", "studio", "agency"}), ("pro", {"studio", "agency"}), ("max", {"agency"})],
)
def test_a_plan_opens_its_own_tier_and_all_below(tier: str, plans: set[str]) -> None:
    assert plans_that_open(BOOK, tier) == plans
    assert {plan.id for plan in BOOK.plans if may_use(BOOK, tier, plan.id)} == plans


@pytest.mark.parametrize("plan_id", [None, "bundle", "never sold"])
def test_without_a_tier_only_what_everyone_may_use_is_open_and_the_lowest_tier_is_a_gate_too(
    plan_id: str | None,
) -> None:
    assert may_use(BOOK, None, plan_id)
    assert not may_use(BOOK, "free", plan_id)


class TestWorkOfAnOlderBook:
    def test_a_plan_of_both_is_what_it_says_now(self) -> None:
        later = a_book(("hobby", "max"), ("studio", "free"))
        assert plans_that_open(BOOK, "pro", later) == {"hobby", "agency"}

    def test_a_plan_that_only_the_later_one_sells_counts_by_its_tier(self) -> None:
        later = a_book(("enterprise", "max"), ("taster", "free"))
        assert plans_that_open(BOOK, "pro", later) == {"studio", "agency", "enterprise"}

    def test_a_tier_that_the_older_one_never_had_opens_nothing_of_it(self) -> None:
        later = a_book(("platinum", "platinum"), tiers=("platinum",))
        assert plans_that_open(BOOK, "free", later) == {"hobby", "studio", "agency"}


@pytest.mark.parametrize("slug", sorted(path.stem for path in PRICE_BOOKS.glob("*.toml")))
def test_every_gated_price_of_a_shipped_book_is_opened_by_one_of_its_plans(slug: str) -> None:
    book = a_shipped_book(slug)
    assert [price.model for price in book.prices if price.tier and not plans_that_open(book, price.tier)] == []
