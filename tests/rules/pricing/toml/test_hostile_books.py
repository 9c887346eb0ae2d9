"""Texts that are small and would cost a server much: refused before they do."""

from __future__ import annotations

import pytest

from rules.pricing.toml import read_price_book, sections
from tests.rules.pricing.books import HEADER

LONG_KEY = ".".join(["a"] * 16_000)


def the_fault(source: str) -> tuple[int | None, str]:
    faults = read_price_book(source)
    assert isinstance(faults, tuple), "the book was taken"
    (fault,) = faults
    return fault.line, fault.message


@pytest.mark.parametrize(
    "line",
    [
        f"{LONG_KEY} = 1",
        f"[{LONG_KEY}]",
        f"x = {{ {LONG_KEY} = 1 }}",
        '"a"' + ' . "b"' * 16_000 + " = 1",
    ],
)
def test_a_key_of_thousands_of_parts_is_refused_by_its_line(line: str) -> None:
    at, message = the_fault(f'slug = "b"\n{line}\n')

    assert (at, message) == (2, "A key has more than 16 parts joined by dots; none of a book has.")


def test_a_long_word_without_dots_costs_nothing() -> None:
    faults = read_price_book("a" * 900_000 + " = 1")
    assert isinstance(faults, tuple)
    assert [fault.path for fault in faults[:4]] == ["slug", "name", "currency", "prices"]
    assert faults[4].message.startswith("is not known here")


def test_what_unknown_keys_were_meant_to_be_is_found_out_only_for_those_that_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A megabyte of them took twenty seconds."""
    compared = 0

    def count(*arguments: object, **more: object) -> list[str]:
        nonlocal compared
        compared += 1
        return []

    monkeypatch.setattr(sections, "get_close_matches", count)
    faults = read_price_book("".join(f"markp{number} = 1\n" for number in range(5_000)))

    assert isinstance(faults, tuple)
    assert faults[-1].message.startswith(f"There are {5_000 + 4 - sections.MAX_FAULTS} more faults")
    assert compared < sections.MAX_FAULTS + 20 * sections.MAX_COMPARED


def falling(ranges: int) -> str:
    table = (
        ", ".join(f"{{ up_to = {end}, times = {1 - end / 1000} }}" for end in range(1, ranges)) + ", { times = 0.5 }"
    )
    dimensions = ", ".join(
        f'{{ name = "{name}", type = "integer", minimum = 0, maximum = 999, default = 1 }}' for name in "abc"
    )
    multipliers = ", ".join(f'{{ dimension = "{name}", ranges = [{table}] }}' for name in "abc")
    return (
        HEADER
        + f'[[prices]]\nname = "X"\ncategory = "image"\ndimensions = [{dimensions}]\n'
        + f"formula = {{ base = 1, multipliers = [{multipliers}] }}\n"
    )


def test_a_price_that_falls_in_too_many_places_is_refused_and_one_in_fewer_is_not() -> None:
    faults = read_price_book(falling(20))
    assert isinstance(faults, tuple)
    assert [(fault.path, fault.message) for fault in faults] == [
        ("prices[0].dimensions", "may fall at 8000 combinations of ranges; join ranges, at most 100 fit")
    ]
    assert not isinstance(read_price_book(falling(4)), tuple)


def choices(prices: int) -> str:
    values = ", ".join(f'"v{number}"' for number in range(10))
    by = ", ".join(f"v{number} = {number + 1}" for number in range(10))
    dimensions = ", ".join(
        f'{{ name = "{name}", type = "choice", values = [{values}], default = "v0" }}' for name in "abc"
    )
    multipliers = ", ".join(f'{{ dimension = "{name}", by = {{ {by} }} }}' for name in "abc")
    return HEADER + "".join(
        f'[[prices]]\nname = "X {number}"\ncategory = "image"\ndimensions = [{dimensions}]\n'
        f"formula = {{ base = 1, multipliers = [{multipliers}] }}\n"
        for number in range(prices)
    )


def test_a_book_is_bounded_in_what_all_its_prices_take_to_search() -> None:
    assert not isinstance(read_price_book(choices(20)), tuple)

    faults = read_price_book(choices(120))
    assert isinstance(faults, tuple)
    assert [fault.path for fault in faults] == ["prices[100].dimensions"]
    assert "brings the book to 101000 combinations" in faults[0].message


@pytest.mark.parametrize("mark", ["\\u2028", "\\u0085", "\\u202e"])
def test_a_name_is_one_line_that_reads_as_it_is_written(mark: str) -> None:
    faults = read_price_book(f'{HEADER}[[prices]]\nname = "X{mark}Y"\ncategory = "image"\ntokens = 3\n')

    assert isinstance(faults, tuple)
    assert [fault.path for fault in faults] == ["prices[0].name"]


@pytest.mark.parametrize("unit", ["inf", "nan", "1e999999999", "1e-999999", "true", "0", "-1", '"x"'])
def test_a_rounding_unit_that_is_none_is_a_fault_like_any_other(unit: str) -> None:
    source = f'rounding_unit = {unit}\n{HEADER}[[prices]]\nname = "X"\ncategory = "image"\ntokens = 3\n'
    faults = read_price_book(source)

    assert isinstance(faults, tuple)
    assert [fault.path for fault in faults] == ["rounding_unit"]
