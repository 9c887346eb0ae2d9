from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from server.price_list.spreadsheet import COLUMNS, csv_lines
from tests.server.price_list.books import a_book


def the_rows() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(csv_lines(a_book())), newline="")))


def test_each_price_is_a_line_with_its_costs_as_plain_decimals() -> None:
    matrix, painter, chat, upscale = the_rows()

    assert (matrix["token_cost"], matrix["min_token_cost"], matrix["max_token_cost"]) == ("5", "5", "1300")
    assert (matrix["model"], matrix["name"], matrix["premium"]) == ("dall-e-3", "DALL·E 3", "yes")
    assert (painter["tier"], painter["provider"], painter["premium"]) == ("pro", "", "no")
    assert chat["max_token_cost"] == ""
    assert chat["pricing_type"] == "composite"
    assert upscale["params"] == ""


def test_lines_end_as_rfc_4180_has_it() -> None:
    lines = list(csv_lines(a_book()))

    assert lines[0] == ",".join(COLUMNS) + "\r\n"
    assert all(line.endswith("\r\n") for line in lines)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u2028=1"])
def test_no_text_is_a_formula(text: str) -> None:
    book = a_book()
    prices = (replace(book.prices[0], name=text, notes=text, provider=text),)

    (row,) = csv.DictReader(io.StringIO("".join(csv_lines(replace(book, prices=prices))), newline=""))

    assert row["name"] == row["notes"] == row["provider"] == f"'{text}"


def test_commas_quotes_and_lines_stay_in_their_cell() -> None:
    book = a_book()
    odd = 'a, "b"\nc'

    text = "".join(csv_lines(replace(book, prices=(replace(book.prices[0], notes=odd),))))

    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["notes"] == odd
