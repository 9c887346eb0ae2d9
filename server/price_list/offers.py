"""What tokens are sold in, and the rules that go with them, as sections of the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Context
from typing import Final

from rules.pricing.money import Money, price_per_token
from rules.pricing.offers import Package, Plan, PlanInterval
from rules.pricing.policies import Policies
from rules.pricing.price_book import PriceBook
from server.price_list.markup import Content, Markup, element
from server.price_list.wording import tokens_text

_COMPARED_DIGITS: Final = 4
_PERIODS: Final = {PlanInterval.MONTH: "a month", PlanInterval.YEAR: "a year", PlanInterval.ONE_TIME: "once"}


def packages_section(book: PriceBook) -> Markup | None:
    """Tokens sold once."""
    if not book.packages:
        return None
    rows = [
        (
            element("span", package.name, class_="name"),
            _tokens(package),
            _price(package, book.currency),
            _per_token(package, book.currency),
        )
        for package in book.packages
    ]
    return _table("packages", "Packages", ("Package", "Tokens", "Price", "Price of a token"), rows)


def plans_section(book: PriceBook) -> Markup | None:
    """Tokens sold by the month or year."""
    if not book.plans:
        return None
    rows = [
        (
            element("span", plan.name, class_="name"),
            _tokens(plan),
            f"{_price(plan, book.currency)} {_PERIODS[plan.interval]}",
            _per_token(plan, book.currency),
        )
        for plan in book.plans
    ]
    return _table("plans", "Plans", ("Plan", "Tokens", "Price", "Price of a token"), rows)


def rules_section(book: PriceBook) -> Markup | None:
    """What users should know of their tokens; only what the book says."""
    rules = [*_rules(book.policies), *_rollovers(book.plans)]
    if not rules:
        return None
    title = element("h2", "Good to know", id="rules")
    return element("section", title, element("ul", [element("li", rule) for rule in rules], class_="rules"))


def _rules(policies: Policies) -> Iterator[str]:
    if policies.trial_tokens_micros:
        yield f"{tokens_text(policies.trial_tokens_micros)} tokens to try things on come with a new account."
    for source, months in policies.expiry_months:
        name = source.replace("_", " ").capitalize()
        after = "never expire" if months is None else f"expire after {_counted(months, 'month')}"
        yield f"{name} tokens {after}."
    if policies.refund_days:
        yield f"Unused tokens of a purchase can be returned within {_counted(policies.refund_days, 'day')}."
    if policies.referral_percent:
        yield f"{policies.referral_percent} % of the first purchase of whoever you bring comes to you in tokens."
    if policies.runs_per_minute is not None:
        yield f"At most {_counted(policies.runs_per_minute, 'run')} a minute."


def _rollovers(plans: tuple[Plan, ...]) -> Iterator[str]:
    kept = [plan.name for plan in plans if plan.rollover]
    if kept:
        yield f"What is left at the end of a period stays with these plans: {', '.join(kept)}."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _tokens(offer: Package | Plan) -> str:
    bonus = f" + {tokens_text(offer.bonus_tokens_micros)}" if offer.bonus_tokens_micros else ""
    return f"{tokens_text(offer.tokens_micros)}{bonus}"


def _price(offer: Package | Plan, currency: str) -> str:
    return Money(offer.price_minor_units, currency).formatted if offer.price_minor_units else "free"


def _per_token(offer: Package | Plan, currency: str) -> str:
    """Cut to as many digits as people compare."""
    if not offer.price_minor_units:
        return "\N{EM DASH}"
    price = Context(prec=_COMPARED_DIGITS).create_decimal(price_per_token(offer, currency))
    return f"{price.normalize():f} {currency.upper()}"


def _table(name: str, title: str, columns: tuple[str, ...], rows: Sequence[tuple[Content, ...]]) -> Markup:
    head = element("tr", [_header(column, place) for place, column in enumerate(columns)])
    body = [element("tr", [_cell(cell, place) for place, cell in enumerate(row)]) for row in rows]
    table = element("table", element("thead", head), element("tbody", body), class_="offers")
    return element("section", element("h2", title, id=name), table, aria_labelledby=name)


def _header(text: str, place: int) -> Markup:
    return element("th", text, scope="col", class_="number" if place else None)


def _cell(content: Content, place: int) -> Markup:
    return element("td", content, class_="number" if place else None)
