"""Policies, packages and plans as a price book writes them."""

from __future__ import annotations

from collections.abc import Sequence

from rules.pricing.offers import MAX_MINOR_UNITS, Package, Plan, PlanInterval
from rules.pricing.policies import GRANT_SOURCES, AutoTopUpPolicy, LoyaltyRule, Policies
from rules.pricing.slugs import is_slug
from rules.pricing.toml.names import read_names
from rules.pricing.toml.sections import Section

MAX_OFFERS = 100
MAX_MONTHS = 1_200
MAX_DAYS = 3_650
MAX_LOYALTY_RULES = 20
MAX_LOYALTY_DAYS = 366
DAY_SECONDS = 86_400
NEVER = "never"


def read_policies(book: Section, packages: Sequence[Package]) -> Policies:
    """The policies; what is absent has its default."""
    section = book.section("policies")
    if section is None:
        return Policies()
    policies = Policies(
        trial_tokens_micros=section.amount("trial_tokens", default=0),
        expiry_months=_read_expiry(section),
        refund_days=section.integer("refund_days", 0, MAX_DAYS, default=0),
        alert_percents=section.integers("alert_percents", 0, 100, default=(20, 10)),
        daily_limit_percents=section.integers("daily_limit_percents", 1, 100, default=(80,)),
        daily_limit_micros=section.optional_amount("daily_limit"),
        runs_per_minute=section.optional_integer("runs_per_minute", 1, 1_000_000),
        referral_percent=section.integer("referral_percent", 0, 100, default=0),
        quote_ttl_seconds=section.integer("quote_ttl_seconds", 1, DAY_SECONDS, default=900),
        hold_ttl_seconds=section.integer("hold_ttl_seconds", 1, DAY_SECONDS, default=900),
        hold_ttl_seconds_max=section.integer("hold_ttl_seconds_max", 1, DAY_SECONDS, default=DAY_SECONDS),
        grace_days=section.integer("grace_days", 0, MAX_DAYS, default=7),
        auto_top_up=_read_auto_top_up(section, _ids_of(book, packages)),
        loyalty=_read_loyalty(section),
    )
    ttl_keys = ("hold_ttl_seconds", "hold_ttl_seconds_max")
    if policies.hold_ttl_seconds > policies.hold_ttl_seconds_max and not any(map(section.lost, ttl_keys)):
        section.fault("hold_ttl_seconds", "is above hold_ttl_seconds_max; lower it or raise the other")
    section.finish()
    return policies


def _ids_of(book: Section, packages: Sequence[Package]) -> Sequence[str] | None:
    """The packages' ids; None where not all of them are known."""
    ids = [package.id for package in packages]
    return None if book.lost("packages") and ("" in ids or not ids) else ids


def _read_expiry(policies: Section) -> tuple[tuple[str, int | None], ...]:
    """Months by grant source, in the order of GRANT_SOURCES; `default` stands for those not named."""
    section = policies.section("expiry_months")
    if section is None:
        return ()
    default = _read_months(section, "default", None)
    months = tuple((source, _read_months(section, source.lower(), default)) for source in GRANT_SOURCES)
    section.finish()
    return tuple((source, number) for source, number in months if number is not None)


def _read_months(section: Section, key: str, default: int | None) -> int | None:
    value = section.raw(key)
    if value is None:
        return default
    if value == NEVER:
        return None
    if type(value) is int and 1 <= value <= MAX_MONTHS:
        return value
    section.fault(key, f'must be a whole number of months from 1 to {MAX_MONTHS}, or "{NEVER}"')
    return None


def _read_auto_top_up(policies: Section, package_ids: Sequence[str] | None) -> AutoTopUpPolicy | None:
    section = policies.section("auto_top_up")
    if section is None:
        return None
    package_id = section.text("package", '"starter"')
    if package_id and package_ids is not None and package_id not in package_ids:
        offered = ", ".join(package_ids) or "none"
        section.fault("package", f'"{package_id}" is not a package of this book ({offered})')
    policy = AutoTopUpPolicy(
        threshold_micros=section.amount("threshold", zero=False),
        package_id=package_id,
        cooldown_seconds=section.integer("cooldown_seconds", 0, 31 * DAY_SECONDS, default=3_600),
        monthly_cap_minor_units=section.optional_integer("monthly_cap_minor_units", 1, MAX_MINOR_UNITS),
    )
    section.finish()
    return policy


def _read_loyalty(policies: Section) -> tuple[LoyaltyRule, ...]:
    """The rules, in the book's order; what they ask for tells them apart."""
    rules: list[LoyaltyRule] = []
    for section in policies.sections("loyalty", limit=MAX_LOYALTY_RULES):
        rule = LoyaltyRule(
            spent_micros=section.amount("spent", zero=False),
            within_days=section.integer("within_days", 1, MAX_LOYALTY_DAYS),
            tokens_micros=section.amount("tokens", zero=False),
            expires_months=section.optional_integer("expires_months", 1, MAX_MONTHS),
        )
        section.finish()
        is_there = any(rule.asks_for == other.asks_for for other in rules)
        if section.sound and is_there:
            section.fault("spent", "stands here twice with the same within_days; change or remove one")
        rules.append(rule)
    return tuple(rules)


def read_packages(book: Section) -> tuple[Package, ...]:
    """The packages, in the book's order."""
    packages: list[Package] = []
    for section in book.sections("packages", limit=MAX_OFFERS):
        packages.append(
            Package(
                id=_read_id(section, [package.id for package in packages]),
                name=section.text("name", '"Starter"'),
                tokens_micros=section.amount("tokens", zero=False),
                bonus_tokens_micros=section.amount("bonus_tokens", default=0),
                price_minor_units=section.integer("price_minor_units", 1, MAX_MINOR_UNITS),
                target_markup_percents=_read_markup(section),
                names_by_language=read_names(section),
            )
        )
        section.finish()
    return tuple(packages)


def read_plans(book: Section, tiers: Sequence[str] | None) -> tuple[Plan, ...]:
    """The plans, in the book's order; where the tiers are at fault, None, no plan is blamed for its own."""
    plans: list[Plan] = []
    words = {interval.value.lower().replace("_", "-"): interval for interval in PlanInterval}
    for section in book.sections("plans", limit=MAX_OFFERS):
        tier = section.optional_text("tier", '"basic"')
        if tier is not None and tiers is not None and tier not in tiers:
            declared = ", ".join(tiers) or "none"
            section.fault(
                "tier", f'"{tier}" is not a tier of this book ({declared}); add it to tiers or choose another'
            )
        plans.append(
            Plan(
                id=_read_id(section, [plan.id for plan in plans]),
                name=section.text("name", '"Pro"'),
                tier=tier,
                tokens_micros=section.amount("tokens", zero=False),
                bonus_tokens_micros=section.amount("bonus_tokens", default=0),
                price_minor_units=section.integer("price_minor_units", 0, MAX_MINOR_UNITS),
                interval=words.get(section.one_of("interval", tuple(words)), PlanInterval.MONTH),
                rollover=section.flag("rollover"),
                names_by_language=read_names(section),
            )
        )
        section.finish()
    return tuple(plans)


def _read_id(section: Section, taken: Sequence[str]) -> str:
    identifier = section.text("id", '"starter"')
    if identifier and not is_slug(identifier):
        section.fault("id", 'must be lower-case letters, digits and dots joined by single hyphens, such as "starter"')
    elif identifier in taken and identifier:
        section.fault("id", f'"{identifier}" stands here twice; rename or remove one')
    return identifier


def _read_markup(package: Section) -> tuple[int, int] | None:
    section = package.section("target_markup_percent")
    if section is None:
        return None
    least = section.integer("least", 0, 10_000)
    greatest = section.integer("greatest", least, 10_000)
    section.finish()
    return least, greatest
