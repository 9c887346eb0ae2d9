"""The shipped books against the tables that were transcribed from their sources by hand."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from rules.pricing.costs import exact_cost
from rules.pricing.dimensions import canonical_values
from rules.pricing.offers import Package, Plan
from rules.pricing.price_book import PriceBook
from rules.pricing.rating import LineRequest, Priced, Purpose, price_lines
from rules.pricing.slugs import model_slug
from rules.pricing.tokens import MICROS, format_tokens
from rules.pricing.toml import read_price_book
from schema.prices import shown_price
from tests.pricebooks.tables import Row, Work, faults_of_prices, rows, tables, works
from tests.rules.pricing.books import PRICE_BOOKS, a_shipped_book, priced

BOOKS = {path.stem: a_shipped_book(path.stem) for path in sorted(PRICE_BOOKS.glob("*.toml"))}

MODELS_BY_CATEGORY = {
    "node-studio": {"image": 16, "video": 14, "upscale": 7, "lip-sync": 4, "3d": 4, "advanced": 7, "tool": 19},
    "ai-playground": {"image": 4, "video": 3, "audio": 3},
    "generator-app": {"image": 5},
    "elumenta": {"text": 12, "image": 10, "video": 7, "music": 2, "tts": 6, "stt": 3, "audio": 5, "tool": 7},
}


def listed(book: PriceBook) -> list[dict[str, Any]]:
    """The prices with the names and texts that the API has for them."""
    shown: list[dict[str, Any]] = []
    for record in book.prices:
        price = shown_price(record)
        shown.append(
            {
                "model": price.model,
                "name": price.name,
                "category": price.category,
                "provider": price.provider,
                "tier": price.tier,
                "premium": price.premium,
                "notes": price.notes,
                "tokenCost": format_tokens(record.bounds.first_micros),
                "minTokenCost": format_tokens(record.bounds.least_micros),
                "maxTokenCost": record.bounds.greatest_micros and format_tokens(record.bounds.greatest_micros),
            }
        )
    return shown


@pytest.mark.parametrize(("name", "counts"), MODELS_BY_CATEGORY.items())
def test_a_table_has_as_many_models_as_its_source(name: str, counts: dict[str, int]) -> None:
    assert Counter(row["category"] for row in rows(name)) == counts
    assert sum(counts.values()) == {"node-studio": 71, "ai-playground": 10, "generator-app": 5, "elumenta": 52}[name]


@pytest.mark.parametrize("name", MODELS_BY_CATEGORY)
def test_a_book_has_the_models_of_its_table_as_the_table_has_them_and_no_others(name: str) -> None:
    assert faults_of_prices(rows(name), listed(BOOKS[name])) == []


@pytest.mark.parametrize(
    ("name", "figure", "changed", "faults"),
    [
        ("node-studio", "tokens = 20, ", "tokens = 19, ", {"sora-2"}),
        ("ai-playground", "base = 60", "base = 61", {"google-veo"}),
        ("generator-app", "tokens = 2, per = 1048576", "tokens = 2.01, per = 1048576", {"flux.1-pro"}),
        ("elumenta", "tokens = 39", "tokens = 38", {"gpt-5.2-pro"}),
        ("elumenta", '"turbo" = 35', '"turbo" = 36', {"midjourney"}),
        ("elumenta", "tokens = 125, per = 12", "tokens = 125, per = 13", {"sora-2"}),
    ],
)
def test_one_changed_figure_of_a_book_is_found(name: str, figure: str, changed: str, faults: set[str]) -> None:
    source = (PRICE_BOOKS / f"{name}.toml").read_text(encoding="utf-8").split("[[examples]]")[0]
    assert source.count(figure) == 1
    book = read_price_book(source.replace(figure, changed))
    assert isinstance(book, PriceBook), book
    assert {fault.split(":")[0] for fault in faults_of_prices(rows(name), listed(book))} == faults


@pytest.mark.parametrize("name", MODELS_BY_CATEGORY)
def test_a_price_that_is_missing_or_stands_elsewhere_is_found(name: str) -> None:
    shown = listed(BOOKS[name])
    assert faults_of_prices(rows(name), shown[1:]) != []
    assert faults_of_prices(rows(name), shown[::-1]) != []


@pytest.mark.parametrize("name", ["node-studio", "ai-playground", "generator-app"])
def test_where_a_source_gives_no_slugs_they_follow_from_the_names(name: str) -> None:
    assert [row["model"] for row in rows(name)] == [model_slug(row["name"]) for row in rows(name)]


def test_a_node_costs_the_same_whatever_is_asked() -> None:
    book = BOOKS["node-studio"]
    for row in rows("node-studio"):
        assert {priced(book, model=row["model"], purpose=purpose).cost for purpose in Purpose} == {
            int(row["tokens"]) * MICROS
        }


WORKS = [pytest.param(name, work, id=f"{name}: {work.name}") for name in tables("-points") for work in works(name)]


@pytest.mark.parametrize(("name", "work"), WORKS)
def test_every_work_costs_what_its_table_says(name: str, work: Work) -> None:
    lines = [LineRequest(line.model, line.params, line.count) for line in work.lines]
    answer = price_lines(BOOKS[name], lines, purpose=Purpose.ESTIMATE)
    assert isinstance(answer, Priced), answer
    assert [format_tokens(line.cost) for line in answer.lines] == [line.tokens for line in work.lines]
    assert work.total in (None, format_tokens(answer.total))


@pytest.mark.parametrize(
    ("name", "total"),
    [("node-studio", 35), ("ai-playground", 17), ("generator-app", 1_000), ("llm-metering", None), ("elumenta", 13)],
)
def test_a_book_has_worked_examples_inside_among_them_that_of_its_source(name: str, total: int | None) -> None:
    totals = [example.total_micros for example in BOOKS[name].examples]
    assert totals
    assert total is None or total * MICROS in totals


LAWS = [
    (name, law, [row for row in rows(f"{name}-order") if row["law"] == law])
    for name in tables("-order")
    for law in dict.fromkeys(row["law"] for row in rows(f"{name}-order"))
]


@pytest.mark.parametrize(("name", "members"), [pytest.param(name, m, id=f"{name}: {law}") for name, law, m in LAWS])
def test_what_its_source_says_costs_more_costs_more(name: str, members: list[Row]) -> None:
    costs: dict[int, list[int]] = {}
    for row in members:
        line = priced(BOOKS[name], json.loads(row["params"]), model=row["model"])
        costs.setdefault(int(row["rank"]), []).append(line.cost)
    ranked = [costs[rank] for rank in sorted(costs)]
    assert len(ranked) > 1
    assert all(max(cheaper) < min(dearer) for cheaper, dearer in pairwise(ranked)), ranked


def cost_before_rounding(model: str, **params: object) -> Fraction:
    price = BOOKS["generator-app"].price(model)
    assert price is not None
    values = canonical_values(price.dimensions, params, within_bounds=True)
    assert isinstance(values, tuple)
    return Fraction(exact_cost(price.pricing, values))


@pytest.mark.parametrize("model", ["flux.1-dev", "flux.1-pro", "flux.1.1-pro", "flux-realism-lora"])
def test_a_quarter_of_the_pixels_costs_a_quarter_and_half_of_the_steps_half(model: str) -> None:
    full = cost_before_rounding(model)
    assert full == cost_before_rounding(model, width=1024, height=1024, steps=50, operation="text-to-image")
    assert cost_before_rounding(model, width=512, height=512) * 4 == full
    assert cost_before_rounding(model, steps=25) * 2 == full
    assert cost_before_rounding(model, width=512, height=512, steps=25) * 8 == full


@pytest.mark.parametrize("row", rows("generator-app"), ids=lambda row: row["model"])
def test_outpainting_costs_what_an_image_of_its_final_size_does(row: Row) -> None:
    larger = cost_before_rounding(row["model"], width=2048, height=1024, operation="outpaint")
    assert larger == cost_before_rounding(row["model"], width=2048, height=1024, operation="text-to-image")
    assert larger == 2 * cost_before_rounding(row["model"], width=1024, height=1024)


def test_the_fast_model_takes_at_most_four_steps_and_charges_at_least_10_tokens() -> None:
    book = BOOKS["generator-app"]
    price = book.price("flux.1-schnell")
    assert price is not None
    assert price.bounds.least_micros == 10 * MICROS
    assert {dimension.name: dimension.maximum for dimension in price.dimensions if dimension.name == "steps"} == {
        "steps": 4
    }
    assert priced(book, {"width": 512, "height": 512, "steps": 1}, model="flux.1-schnell").cost == 10 * MICROS
    assert not isinstance(
        price_lines(book, [LineRequest("flux.1-schnell", {"steps": 5})], purpose=Purpose.ESTIMATE), Priced
    )


def test_the_project_budget_is_its_estimate_and_a_fifth_more() -> None:
    (budget,) = [work for work in works("generator-app") if work.name == "Main Street Redesign"]
    lines = [LineRequest(line.model, line.params, line.count) for line in budget.lines]
    answer = price_lines(BOOKS["generator-app"], lines, purpose=Purpose.ESTIMATE)
    assert isinstance(answer, Priced)
    assert answer.total * 120 // 100 == 1_200 * MICROS


def of_book(table: str, name: str) -> list[Row]:
    return [row for row in rows(table) if row["book"] == name]


def package_row(book: PriceBook, package: Package) -> Row:
    least, greatest = package.target_markup_percents or ("", "")
    return {
        "book": book.slug,
        "id": package.id,
        "name": package.name,
        "tokens": format_tokens(package.tokens_micros),
        "price_minor_units": str(package.price_minor_units),
        "least_markup_percent": str(least),
        "greatest_markup_percent": str(greatest),
    }


@pytest.mark.parametrize(("name", "count"), [("node-studio", 3), ("elumenta", 8)])
def test_packages_are_those_of_the_table_and_no_others(name: str, count: int) -> None:
    table = of_book("packages", name)
    assert len(table) == count
    sold = [package_row(BOOKS[name], package) for package in BOOKS[name].packages]
    assert sold == [{key: value for key, value in row.items() if key != "rate"} for row in table]
    for row in table:
        if row["rate"]:
            assert Fraction(row["rate"]) == Fraction(row["price_minor_units"]) / 100 / int(row["tokens"])
    assert all(package.bonus_tokens_micros == 0 for package in BOOKS[name].packages)


def plan_row(book: PriceBook, plan: Plan) -> Row:
    return {
        "book": book.slug,
        "id": plan.id,
        "name": plan.name,
        "tokens": format_tokens(plan.tokens_micros),
        "bonus_tokens": format_tokens(plan.bonus_tokens_micros),
        "price_minor_units": str(plan.price_minor_units),
        "interval": plan.interval.value.lower().replace("_", "-"),
        "tier": plan.tier or "",
    }


@pytest.mark.parametrize(("name", "count"), [("node-studio", 1), ("elumenta", 5)])
def test_plans_are_those_of_the_table_and_no_others(name: str, count: int) -> None:
    table = of_book("plans", name)
    assert len(table) == count
    assert [plan_row(BOOKS[name], plan) for plan in BOOKS[name].plans] == table


def months(source: str) -> Callable[[PriceBook], object]:
    def of(book: PriceBook) -> object:
        number = book.policies.months_until_expiry(source)
        return "never" if number is None else number

    return of


POLICIES: dict[str, Callable[[PriceBook], object]] = {
    "currency": lambda book: book.currency,
    "tiers": lambda book: " ".join(book.tiers),
    "trial_tokens": lambda book: format_tokens(book.policies.trial_tokens_micros),
    "expiry_months.purchase": months("PURCHASE"),
    "expiry_months.plan": months("PLAN"),
    "expiry_months.trial": months("TRIAL"),
    "refund_days": lambda book: book.policies.refund_days,
    "runs_per_minute": lambda book: book.policies.runs_per_minute,
    "alert_percents": lambda book: " ".join(map(str, book.policies.alert_percents)),
    "referral_percent": lambda book: book.policies.referral_percent,
    "auto_top_up.threshold": lambda book: (
        book.policies.auto_top_up and format_tokens(book.policies.auto_top_up.threshold_micros)
    ),
}


@pytest.mark.parametrize("row", rows("policies"), ids=lambda row: f"{row['book']}: {row['policy']}")
def test_policies_are_those_of_the_table(row: Row) -> None:
    assert str(POLICIES[row["policy"]](BOOKS[row["book"]])) == row["value"]
