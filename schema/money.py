"""Money, and the offers that tokens are sold in."""

from __future__ import annotations

from rules.pricing import money as rules
from rules.pricing import offers
from schema.described import output
from schema.names import LocalName, shown_names
from schema.scalars import Long, Tokens
from schema.words import PlanInterval


@output
class Money:
    """An amount of money: 4000 minor units of "usd" are $40."""

    minor_units: Long
    """In the currency's smallest unit, such as cents."""
    decimal: str
    """In the currency's whole unit, as a decimal string with all its digits: "40.00", "1790" (yen)."""
    currency: str
    """ISO 4217, in lower case."""
    formatted: str
    """For people, the same in every language: "$1,790.00", "1 790,00 ₽", "1,790.00 CHF". The currency's sign, before
    the number or behind it as is usual for it, else its code behind; spaces are no-break spaces."""


@output
class Package:
    """Tokens sold once."""

    id: str
    """Its name for programs, unique among the price book's packages."""
    name: str
    """What people call it."""
    names: list[LocalName]
    """What it is called in further languages; empty where the price book has none."""
    tokens: Tokens
    """How many tokens it buys."""
    bonus_tokens: Tokens
    """How many come on top."""
    price: Money
    """What it costs."""
    price_per_token: str
    """What one token costs, bonus included, in the currency's whole unit: a decimal string, exact where that takes at
    most 10 significant digits, else rounded half up to so many."""


@output
class Plan:
    """Tokens sold by the month or year, or given once."""

    id: str
    """Its name for programs, unique among the price book's plans."""
    name: str
    """What people call it."""
    names: list[LocalName]
    """What it is called in further languages; empty where the price book has none."""
    tier: str | None
    """The plan tier that comes with it; null: none."""
    tokens: Tokens
    """How many tokens a period brings."""
    bonus_tokens: Tokens
    """How many come on top."""
    price: Money
    """What a period costs."""
    interval: PlanInterval
    """How long a period is."""
    rollover: bool
    """Whether what is left of a period's tokens stays when it ends."""


def shown_money(money: rules.Money) -> Money:
    """An amount of money as it is shown."""
    return Money(
        minor_units=Long(money.minor_units),
        decimal=money.decimal,
        currency=money.currency,
        formatted=money.formatted,
    )


def shown_package(package: offers.Package, currency: str) -> Package:
    """A package as it is shown."""
    return Package(
        id=package.id,
        name=package.name,
        names=shown_names(package.names),
        tokens=Tokens(package.tokens_micros),
        bonus_tokens=Tokens(package.bonus_tokens_micros),
        price=shown_money(rules.Money(package.price_minor_units, currency)),
        price_per_token=rules.price_per_token(package, currency),
    )


def shown_plan(plan: offers.Plan, currency: str) -> Plan:
    """A plan as it is shown."""
    return Plan(
        id=plan.id,
        name=plan.name,
        names=shown_names(plan.names),
        tier=plan.tier,
        tokens=Tokens(plan.tokens_micros),
        bonus_tokens=Tokens(plan.bonus_tokens_micros),
        price=shown_money(rules.Money(plan.price_minor_units, currency)),
        interval=plan.interval,
        rollover=plan.rollover,
    )
