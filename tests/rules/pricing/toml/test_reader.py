from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.pricing.price_book import PriceBook
from rules.pricing.toml.reader import MAX_SOURCE_CHARACTERS, read_price_book
from rules.pricing.toml.sections import MAX_FAULTS
from tests.rules.pricing.books import HEADER, PRICE_BOOKS, a_book, faults_of

MANY_FAULTS = Path(__file__).with_name("many_faults.toml").read_text(encoding="utf-8")


def planted(source: str) -> list[tuple[int, str, str]]:
    found = []
    for number, line in enumerate(source.split("\n"), start=1):
        if "  # " in line and " | " in line:
            path, remedy = line.split("  # ")[1].split(" | ")
            found.append((number, path, remedy))
    return found


def test_a_book_with_many_faults_gets_one_message_for_each_with_line_path_and_remedy() -> None:
    expected = planted(MANY_FAULTS)
    faults = faults_of(MANY_FAULTS)
    assert [(fault.line, fault.path) for fault in faults] == [(line, path) for line, path, _ in expected]
    for fault, (_, _, remedy) in zip(faults, expected, strict=True):
        assert remedy in fault.message, fault
    assert len(expected) > 50


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("slug = \n", 1),
        ('slug = "a"\nslug = "b"\n', 2),
        ('slug = "a"\nname = "unfinished', 2),
        ('slug = "a"\n\n[prices', 3),
        ("x = [1,\n2\n", 3),
        ("\x00", 1),
        ("x = 1e999999999999999999", None),
        ("x = " + "9" * 5000, None),
        ("x = " + "[" * 5_000, None),
        ("#" * (MAX_SOURCE_CHARACTERS + 1), None),
    ],
)
def test_a_text_that_is_not_toml_has_one_fault(source: str, line: int | None) -> None:
    faults = faults_of(source)
    if line is not None:
        assert [fault.line for fault in faults] == [line]
    assert len(faults) < 10
    assert all(len(fault.message) < 300 for fault in faults)


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("slug = ", "a text in quotes"),
        ("slug = studio", "a text in quotes"),
        ("slug", "write key = value"),
        ("= 3", "a line is key = value"),
        ("größe = 3", "quoted"),
        ("tokens = 01", "without leading zeros"),
        ("tokens = 1 000", "begin a new line"),
        ("[policies", "close the brackets"),
        ("[[prices]", "close the brackets"),
        ('tiers = ["a" "b"]', "a comma between its members"),
        ("x = { a = 1 b = 2 }", "a comma between its keys"),
        ("x = { a = 1,\n}", "on one line"),
        ('slug = "studio', "close the quotes"),
        ("slug = 'studio\nname = 'x'", "close the quotes"),
        ('slug = "studio\nname = "x"', "close the quotes"),
        ('slug = "\\q"', "double the backslash"),
        ("x = { a = 1, a = 2 }", "keep one of the two"),
        ('slug = "a"\nslug = "b"', "a second time; keep one"),
        ("[policies]\n[policies]", "a second time; keep one"),
        ("prices = []\n[[prices]]", "all in one way"),
    ],
)
def test_a_text_that_is_not_toml_is_told_what_would_be(source: str, remedy: str) -> None:
    (fault,) = faults_of(source)
    assert fault.message.startswith("This is not TOML: ")
    assert remedy in fault.message


def test_an_empty_book_is_told_all_that_it_lacks() -> None:
    assert [fault.path for fault in faults_of("")] == ["slug", "name", "currency", "prices"]
    assert [fault.path for fault in faults_of(HEADER)] == ["prices"]


def test_an_example_that_the_prices_do_not_bear_out_is_a_fault() -> None:
    price = '[[prices]]\nname = "Work"\ncategory = "image"\ntokens = 12\n'
    faults = faults_of(
        HEADER + price + '[[examples]]\nname = "Two"\nlines = [{ model = "work", count = 2 }]\ntotal = 25\n'
    )
    assert [(fault.line, fault.path) for fault in faults] == [(11, "examples[0].total")]
    assert "24" in faults[0].message
    faults = faults_of(HEADER + price + '[[examples]]\nname = "No"\nlines = [{ model = "wrok" }]\ntotal = 25\n')
    assert "Did you mean work?" in faults[0].message
    faults = faults_of(
        HEADER + price + '[[examples]]\nname = "No"\nlines = [{ model = "work", tokens = 11 }]\ntotal = 12\n'
    )
    assert [fault.path for fault in faults] == ["examples[0].lines[0].tokens"]


def test_book_prices_packages_and_plans_have_names_in_several_languages() -> None:
    book = a_book(
        """
        names = { ru = "Книга", pt-BR = "Livro" }
        prices = [{ name = "Work", names = { ru = "Работа" }, category = "image", tokens = 1 }]
        packages = [{ id = "p", name = "Pack", names = { ru = "Пакет" }, tokens = 1, price_minor_units = 1 }]
        plans = [
          { id = "p", name = "Plan", names = { ru = "План" }, tokens = 1, price_minor_units = 1, interval = "month" },
          { id = "q", name = "Other", tokens = 1, price_minor_units = 1, interval = "month" },
        ]
        """
    )
    assert book.names == {"ru": "Книга", "pt-BR": "Livro"}
    named = (*book.prices, *book.packages, *book.plans)
    assert [dict(item.names) for item in named] == [{"ru": "Работа"}, {"ru": "Пакет"}, {"ru": "План"}, {}]
    assert len({hash(item) for item in named}) == 4


def test_a_price_that_does_not_fit_an_account_is_a_fault() -> None:
    source = HEADER + (
        '[[prices]]\nname = "Work"\ncategory = "image"\n'
        'dimensions = [{ name = "words", type = "integer", minimum = 1, maximum = 100000, default = 1 }]\n'
        'formula.rates = [{ of = ["words"], tokens = 9000000000 }]\n'
    )
    assert [(fault.line, fault.path) for fault in faults_of(source)] == [(4, "prices[0]")]


def test_a_price_too_wide_to_be_searched_is_a_fault() -> None:
    values = ", ".join(f'"{number}"' for number in range(30))
    dimensions = ", ".join(f'{{ name = "d{index}", type = "choice", values = [{values}] }}' for index in range(3))
    surcharges = ", ".join(
        f'{{ dimension = "d{index}", by = {{ {", ".join(f"{number} = 0" for number in range(30))} }} }}'
        for index in range(3)
    )
    source = HEADER + (
        f'[[prices]]\nname = "Work"\ncategory = "image"\ndimensions = [{dimensions}]\n'
        f"formula = {{ base = 1, surcharges = [{surcharges}] }}\n"
    )
    faults = faults_of(source)
    assert [fault.path for fault in faults] == ["prices[0].dimensions"]
    assert "27000 combinations" in faults[0].message


def test_the_faults_of_a_book_are_bounded_and_the_rest_counted() -> None:
    faults = faults_of(HEADER + "".join(f"key{number} = 1\n" for number in range(MAX_FAULTS + 5)))
    assert len(faults) == MAX_FAULTS + 1
    assert "more faults" in faults[-1].message


SHIPPED = [path.read_text(encoding="utf-8") for path in sorted(PRICE_BOOKS.glob("*.toml"))]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SHIPPED), st.data())
def test_a_book_with_a_line_lost_or_repeated_is_read_or_refused_with_a_line_but_never_fails(
    source: str, data: st.DataObject
) -> None:
    lines = source.split("\n")
    at = data.draw(st.integers(0, len(lines) - 1))
    twice = data.draw(st.booleans())
    changed = "\n".join([*lines[:at], *([lines[at]] * 2 if twice else []), *lines[at + 1 :]])
    answer = read_price_book(changed)
    assert isinstance(answer, PriceBook) or all(fault.line for fault in answer)


JUNK = st.sampled_from(
    ["-1", "0", "1e3", "nan", "inf", "true", '""', '"x"', "[]", "{}", "[[1]]", "1979-05-27", "2.5", "9" * 30]
)


@settings(max_examples=150, deadline=None)
@given(JUNK, st.data())
def test_a_book_with_any_value_changed_is_read_or_refused_but_never_fails(junk: str, data: st.DataObject) -> None:
    lines = [
        *MANY_FAULTS.split("\n"),
        "[[examples]]",
        'name = "x"',
        "total = 3",
        "lines = [",
        "params = {}",
        "]",
        "provider_cost_per_token = 1",
    ]
    lines = [line.split("  # ")[0] for line in lines]
    places = [number for number, line in enumerate(lines) if " = " in line]
    at = data.draw(st.sampled_from(places))
    head, _, _ = lines[at].rpartition(" = ")
    lines[at] = f"{head} = {junk}" + ("}" * (head.count("{") - head.count("}")))
    read_price_book("\n".join(lines))
