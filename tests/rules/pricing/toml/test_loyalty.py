"""Rules of loyalty as a price book writes them."""

from __future__ import annotations

from rules.pricing.policies import LoyaltyRule
from rules.pricing.price_book import PriceBook
from rules.pricing.tokens import MICROS
from rules.pricing.toml.reader import read_price_book
from tests.rules.pricing.books import HEADER, faults_of

PRICE = '[[prices]]\nname = "A"\ncategory = "image"\ntokens = 1\n'


def a_rule(spent: str = "1000", days: int = 30, tokens: int = 50, more: str = "") -> str:
    return f"[[policies.loyalty]]\nspent = {spent}\nwithin_days = {days}\ntokens = {tokens}\n{more}\n"


def rules_of(*rules: str) -> tuple[LoyaltyRule, ...]:
    book = read_price_book(HEADER + PRICE + "\n".join(rules))
    assert isinstance(book, PriceBook), book
    return book.policies.loyalty


def test_a_rule_says_how_much_within_how_many_days_gives_what() -> None:
    assert rules_of(a_rule('"12.5"'), a_rule(days=7, more="expires_months = 3")) == (
        LoyaltyRule(12_500_000, 30, 50 * MICROS),
        LoyaltyRule(1_000 * MICROS, 7, 50 * MICROS, 3),
    )
    assert rules_of() == ()


def test_two_rules_differ_in_what_they_ask_for() -> None:
    (fault,) = faults_of(HEADER + PRICE + a_rule() + a_rule(tokens=60))
    assert (fault.path, fault.line) == ("policies.loyalty[1].spent", (HEADER + PRICE + a_rule()).count("\n") + 2)
    assert "twice" in fault.message
    assert len(rules_of(a_rule(), a_rule("2000"), a_rule(days=31))) == 3


def test_what_is_left_out_is_told() -> None:
    faults = faults_of(HEADER + PRICE + "[[policies.loyalty]]\n")
    assert [fault.path for fault in faults] == [
        f"policies.loyalty[0].{key}" for key in ("spent", "within_days", "tokens")
    ]


def test_they_are_a_list_of_tables_and_not_too_many() -> None:
    (fault,) = faults_of(HEADER + PRICE + "[policies.loyalty]\nspent = 1\n")
    assert "[[policies.loyalty]]" in fault.message
    (fault,) = faults_of(HEADER + PRICE + "".join(a_rule(days=day) for day in range(1, 22)))
    assert "at most 20" in fault.message
