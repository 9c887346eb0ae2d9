from __future__ import annotations

import pytest
from graphql import GraphQLError

from rules.ledger.records import Page, Slice
from schema.connections import connection, slice_of_names, slice_of_numbers


async def many() -> int:
    return 1000


def a_page(*rows: int | str, has_more: bool = False) -> Page[int | str]:
    return Page(rows, has_more)


def test_a_cursor_leads_to_the_rows_behind_its_own() -> None:
    shown = connection(a_page(9, 8, 7, has_more=True), str, lambda row: row, many, follows=False)

    assert shown.nodes == ["9", "8", "7"]
    assert shown.page_info.has_next_page
    assert not shown.page_info.has_previous_page
    assert slice_of_numbers(3, shown.page_info.end_cursor) == Slice(3, 7)
    assert slice_of_numbers(3, shown.page_info.start_cursor) == Slice(3, 9)


def test_names_of_any_script_make_cursors() -> None:
    name = "Ünïcøde 名前 \U0001f600" * 10
    shown = connection(a_page(name), str, lambda row: row, many, follows=True)

    assert slice_of_names(10, shown.edges[0].cursor) == Slice(10, name)


def test_an_empty_page_has_no_cursors() -> None:
    shown = connection(a_page(), str, lambda row: row, many, follows=True)

    assert (shown.page_info.start_cursor, shown.page_info.end_cursor) == (None, None)


async def test_the_rows_are_counted_when_somebody_asks() -> None:
    shown = connection(a_page(), str, lambda row: row, many, follows=False)

    assert await shown.total_count() == 1000


@pytest.mark.parametrize("first", [0, -1, 101, 1_000_000_000])
def test_a_page_has_between_one_and_a_hundred_rows(first: int) -> None:
    with pytest.raises(GraphQLError, match="between 1 and 100") as caught:
        slice_of_numbers(first, None)

    assert caught.value.extensions == {"code": "BAD_USER_INPUT"}


@pytest.mark.parametrize(
    "cursor", ["", "!", "é", "MA=", "YWJj", "LTE", "MDE", "MS4w", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "A" * 5000]
)
def test_what_no_page_gave_is_no_cursor(cursor: str) -> None:
    with pytest.raises(GraphQLError, match="cursor") as caught:
        slice_of_numbers(10, cursor)

    assert caught.value.extensions == {"code": "BAD_USER_INPUT"}


@pytest.mark.parametrize("cursor", ["/w", "_w", "AA", "7aCA"])
def test_bytes_that_are_no_storable_text_are_no_cursor(cursor: str) -> None:
    with pytest.raises(GraphQLError, match="cursor"):
        slice_of_names(10, cursor)
