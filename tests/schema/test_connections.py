from __future__ import annotations

import base64

import pytest
from graphql import GraphQLError

from rules.ledger.records import Page, Slice
from schema.connections import Listing, connection, cursor_of, slice_of_names, slice_of_numbers


async def many() -> int:
    return 1000


def a_page(*rows: int | str, has_more: bool = False) -> Page[int | str]:
    return Page(rows, has_more)


def encoded(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_cursor_leads_to_the_rows_behind_its_own() -> None:
    shown = connection(Listing.GRANTS, a_page(9, 8, 7, has_more=True), str, lambda row: row, many, follows=False)

    assert shown.nodes == ["9", "8", "7"]
    assert shown.page_info.has_next_page
    assert not shown.page_info.has_previous_page
    assert slice_of_numbers(Listing.GRANTS, 3, shown.page_info.end_cursor) == Slice(3, 7)
    assert slice_of_numbers(Listing.GRANTS, 3, shown.page_info.start_cursor) == Slice(3, 9)


@pytest.mark.parametrize("name", ["Ünïcøde 名前 \U0001f600" * 10, "members:anna", ":", "", "x" * 255])
def test_any_name_makes_a_cursor(name: str) -> None:
    shown = connection(Listing.ACCOUNTS, a_page(name), str, lambda row: row, many, follows=True)

    assert slice_of_names(Listing.ACCOUNTS, 10, shown.edges[0].cursor) == Slice(10, name)


def test_an_empty_page_has_no_cursors() -> None:
    shown = connection(Listing.ACCOUNTS, a_page(), str, lambda row: row, many, follows=True)

    assert (shown.page_info.start_cursor, shown.page_info.end_cursor) == (None, None)


async def test_the_rows_are_counted_when_somebody_asks() -> None:
    shown = connection(Listing.ACCOUNTS, a_page(), str, lambda row: row, many, follows=False)

    assert await shown.total_count() == 1000


@pytest.mark.parametrize("first", [0, -1, 101, 1_000_000_000])
def test_a_page_has_between_one_and_a_hundred_rows(first: int) -> None:
    with pytest.raises(GraphQLError, match="between 1 and 100") as caught:
        slice_of_numbers(Listing.GRANTS, first, None)

    assert caught.value.extensions == {"code": "BAD_USER_INPUT"}


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "é",
        "A" * 5000,
        encoded("0"),
        encoded("grants"),
        encoded("grants:") + "=",
        *(encoded(f"grants:{key}") for key in ("", "abc", "-1", "01", "1.0", "٣", "9" * 21, 2**63)),
    ],
)
def test_what_no_page_gave_is_no_cursor(cursor: str) -> None:
    with pytest.raises(GraphQLError, match="cursor") as caught:
        slice_of_numbers(Listing.GRANTS, 10, cursor)

    assert caught.value.extensions == {"code": "BAD_USER_INPUT"}


@pytest.mark.parametrize("key", [b"\xff", b"\x00", b"\xed\xa0\x80"])
def test_bytes_that_are_no_storable_text_are_no_cursor(key: bytes) -> None:
    with pytest.raises(GraphQLError, match="cursor"):
        slice_of_names(Listing.ACCOUNTS, 10, encoded(b"accounts:" + key))


def test_a_list_takes_no_other_lists_cursors() -> None:
    for given in Listing:
        for asked in Listing:
            cursor = cursor_of(given, 7)
            if asked is given:
                assert slice_of_numbers(asked, 10, cursor) == Slice(10, 7)
                assert slice_of_names(asked, 10, cursor) == Slice(10, "7")
                continue
            for of in (slice_of_numbers, slice_of_names):
                with pytest.raises(GraphQLError, match="a page of this list"):
                    of(asked, 10, cursor)
