from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.pricing.money import Money, Paid, TokenRate, effective_rate, price_per_token
from rules.pricing.offers import MAX_MINOR_UNITS, Package
from rules.pricing.tokens import MAX_MICROS, MICROS

NBSP = "\N{NO-BREAK SPACE}"


def a_package(tokens: int, price: int, *, bonus: int = 0) -> Package:
    return Package(f"p{tokens}", "P", tokens * MICROS, bonus * MICROS, price)


@pytest.mark.parametrize(
    ("minor_units", "currency", "decimal", "formatted"),
    [
        (4000, "usd", "40.00", "$40.00"),
        (179_000, "usd", "1790.00", "$1,790.00"),
        (5, "usd", "0.05", "$0.05"),
        (-123_456_789, "usd", "-1234567.89", "-$1,234,567.89"),
        (0, "eur", "0.00", "€0.00"),
        (1790, "jpy", "1790", "¥1,790"),
        (1500, "kwd", "1.500", f"1.500{NBSP}KWD"),
        (179_000, "rub", "1790.00", f"1{NBSP}790,00{NBSP}₽"),
        (1_234_567, "chf", "12345.67", f"12,345.67{NBSP}CHF"),
        (12_345, "clf", "1.2345", f"1.2345{NBSP}CLF"),
        (7, "krw", "7", "₩7"),
    ],
)
def test_money_has_its_currencys_digits_and_sign(minor_units: int, currency: str, decimal: str, formatted: str) -> None:
    money = Money(minor_units, currency)
    assert (money.decimal, money.formatted) == (decimal, formatted)


@pytest.mark.parametrize(
    ("package", "currency", "price"),
    [
        (a_package(1000, 1000), "usd", "0.01"),
        (a_package(5000, 4000), "usd", "0.008"),
        (a_package(25_000, 15_000), "usd", "0.006"),
        (a_package(300, 89_000), "rub", "2.966666667"),
        (a_package(1000, 1000, bonus=1000), "usd", "0.005"),
        (a_package(10, 4000), "usd", "4"),
        (a_package(1, 1000), "jpy", "1000"),
        (a_package(10_000_000, 1), "usd", "0.000000001"),
        (a_package(9_000_000_000_000, 1), "usd", "0.000000000000001111111111"),
        (a_package(3, 200), "jpy", "66.66666667"),
    ],
)
def test_the_price_of_a_token_is_exact_or_has_ten_digits(package: Package, currency: str, price: str) -> None:
    assert price_per_token(package, currency) == price


@given(st.integers(0, MAX_MICROS), st.integers(1, 10**9), st.integers(1, MAX_MICROS))
def test_money_is_never_less_than_what_the_tokens_are_worth_nor_a_minor_unit_more(
    micros: int, minor_units: int, tokens: int
) -> None:
    rate = TokenRate(Fraction(minor_units, tokens), "usd")
    exact = Fraction(micros * minor_units, tokens)
    money = rate.money(micros)
    if money is None:
        assert exact > MAX_MINOR_UNITS
    else:
        assert exact <= money.minor_units < exact + 1


def test_nothing_is_worth_nothing_and_the_least_is_worth_a_minor_unit() -> None:
    rate = effective_rate((), [a_package(1000, 1000)], "usd")
    assert rate is not None
    assert rate.money(0) == Money(0, "usd")
    assert rate.money(1) == Money(1, "usd")
    assert rate.money(35 * MICROS) == Money(35, "usd")


class TestTheEffectiveRate:
    PACKAGES = (a_package(5000, 4000), a_package(1000, 1000), a_package(1000, 900, bonus=200))

    def worth_of_a_thousand(self, paid: tuple[Paid, ...]) -> Money | None:
        rate = effective_rate(paid, self.PACKAGES, "usd")
        assert rate is not None
        return rate.money(1200 * MICROS)

    def test_is_what_the_account_paid(self) -> None:
        assert self.worth_of_a_thousand((Paid("usd", 600, 1200 * MICROS),)) == Money(600, "usd")

    def test_is_the_smallest_packages_where_nothing_was_paid_in_this_currency(self) -> None:
        assert self.worth_of_a_thousand(()) == Money(900, "usd")
        assert self.worth_of_a_thousand((Paid("eur", 600, 1200 * MICROS),)) == Money(900, "usd")

    def test_is_unknown_without_packages(self) -> None:
        assert effective_rate((), (), "usd") is None
        assert effective_rate((Paid("usd", 600, 1200 * MICROS),), (), "usd") is not None
