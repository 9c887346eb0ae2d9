"""Connections: lists by the page, with keyset cursors that stay right while rows come and go."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Generic, TypeVar

import strawberry
from graphql import GraphQLError

from rules.ledger.records import Page, Slice
from schema.described import output

FIRST_MAX = 100
FIRST_DEFAULT = 50
_LONGEST_CURSOR = 4096
"""Characters; an external id of 255 characters makes at most a third of that."""


class Listing(Enum):
    """The API's lists. A cursor carries the name of its own, so that no other list takes it for a place in itself."""

    ACCOUNTS = "accounts"
    ALERT_EVENTS = "alertEvents"
    API_KEYS = "apiKeys"
    CHANGES = "changes"
    ENTRIES = "entries"
    EVERYONE = "everyone"
    GRANTS = "grants"
    HOLDS = "holds"
    MEMBERS = "members"
    PRICE_BOOKS = "priceBooks"
    PRICES = "prices"
    PROJECTS = "projects"
    PROMO_CODES = "promoCodes"
    TENANTS = "tenants"
    WORKFLOWS = "workflows"


Shown = TypeVar("Shown")
Row = TypeVar("Row")


@output
class PageInfo:
    """Where a page stands in its list."""

    has_next_page: bool
    """Whether more follows: ask again with `after: endCursor`."""
    has_previous_page: bool
    """Whether something comes before this page."""
    start_cursor: str | None
    """The first row's cursor; null on an empty page."""
    end_cursor: str | None
    """The last row's cursor; null on an empty page."""


@output
class Edge(Generic[Shown]):
    """A row with its place in the list."""

    cursor: str
    """Its place, opaque: for `after`."""
    node: Shown
    """The row."""


@output
class Connection(Generic[Shown]):
    """One page of a list."""

    edges: list[Edge[Shown]]
    """The rows with their cursors."""
    nodes: list[Shown]
    """The rows alone."""
    page_info: PageInfo
    """Where the page stands in the list."""
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field
    async def total_count(self) -> int:
        """How many rows the whole list has. Counted only when it is selected, at a cost of its own."""
        return await self.count()


def connection(
    listing: Listing,
    page: Page[Row],
    show: Callable[[Row], Shown],
    key: Callable[[Row], int | str],
    count: Callable[[], Awaitable[int]],
    *,
    follows: bool,
) -> Connection[Shown]:
    """The page as it is shown. `follows`: it was asked for after a cursor."""
    edges = [Edge(cursor=cursor_of(listing, key(row)), node=show(row)) for row in page.rows]
    return Connection(
        edges=edges,
        nodes=[edge.node for edge in edges],
        page_info=PageInfo(
            has_next_page=page.has_more,
            has_previous_page=follows,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
        count=count,
    )


def slice_of_numbers(listing: Listing, first: int | None, after: str | None) -> Slice[int]:
    """The part of a list that is keyed by numbers. Raises a coded GraphQLError for a bad `first` or cursor."""
    if after is None:
        return Slice(_first(first))
    text = _key(listing, after)
    # A key is a version: at most 19 digits, as int() writes them.
    if not (text.isascii() and text.isdecimal() and len(text) <= 19 and str(int(text)) == text and int(text) < 2**63):
        raise bad_cursor()
    return Slice(_first(first), int(text))


def slice_of_names(
    listing: Listing, first: int | None, after: str | None, *, default: int = FIRST_DEFAULT
) -> Slice[str]:
    """The part of a list that is keyed by names. Raises a coded GraphQLError for a bad `first` or cursor."""
    return Slice(_first(first, default), None if after is None else _key(listing, after))


def _first(first: int | None, default: int = FIRST_DEFAULT) -> int:
    if first is None:
        return default
    if not 1 <= first <= FIRST_MAX:
        message = f"`first` must lie between 1 and {FIRST_MAX}, not {first}."
        raise GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})
    return first


def cursor_of(listing: Listing, key: int | str) -> str:
    """Where a row stands in its list, opaque."""
    return base64.urlsafe_b64encode(f"{listing.value}:{key}".encode()).rstrip(b"=").decode()


def _key(listing: Listing, cursor: str) -> str:
    if len(cursor) > _LONGEST_CURSOR or not cursor.isascii():
        raise bad_cursor()
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        raise bad_cursor() from None
    name, _, key = text.partition(":")
    if name != listing.value or "\x00" in key or cursor_of(listing, key) != cursor:
        raise bad_cursor()
    return key


def bad_cursor() -> GraphQLError:
    """Why a cursor is refused that no page of this list gave."""
    return GraphQLError("`after` takes a cursor that a page of this list gave.", extensions={"code": "BAD_USER_INPUT"})
