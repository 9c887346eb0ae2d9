"""A tenant's captured work of some days: read page by page from one snapshot, without any lock."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from models.statements import statement
from rules.pricing.captured_work import CapturedWork
from rules.pricing.price_book import PriceBook
from rules.pricing.toml import read_price_book
from services.price_books import PriceBookMissing, PriceBookUnreadable

PAGE_LINES: Final = 2_000
"""Lines in memory at once: a megabyte or two, and a pause of milliseconds between two pages."""

QUERY_TIMEOUT_SECONDS: Final = 1_800.0
"""For one page: where the tenant has little among many others' lines, it is looked for in all of them."""

_BEFORE_ALL: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when, by the tenant's clock."""

    since: datetime
    until: datetime


class CapturedWorkReader:
    """Reads on the connection of a snapshot, so that figures of one report belong together."""

    def __init__(self, connection: asyncpg.Connection, tenant_id: UUID, period: Period) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self.period = period

    @classmethod
    async def open(cls, connection: asyncpg.Connection, tenant_id: UUID, days: int) -> CapturedWorkReader:
        """The last days of a tenant. Raises PriceBookMissing for an unknown one."""
        row = await connection.fetchrow(statement("read_period"), tenant_id, days)
        if row is None:
            raise PriceBookMissing(f"there is no tenant {tenant_id}")
        return cls(connection, tenant_id, Period(row["since"], row["until"]))

    async def count(self) -> int:
        """How many lines there are."""
        counted: int = await self._connection.fetchval(
            statement("count_captured_work"), self._tenant_id, self.period.since, timeout=QUERY_TIMEOUT_SECONDS
        )
        return counted

    async def pages(self) -> AsyncIterator[list[CapturedWork]]:
        """All lines, PAGE_LINES at a time."""
        account_id, version = _BEFORE_ALL, 0
        while True:
            rows = await self._connection.fetch(
                statement("list_captured_work"),
                self._tenant_id,
                self.period.since,
                account_id,
                version,
                PAGE_LINES,
                timeout=QUERY_TIMEOUT_SECONDS,
            )
            if rows:
                yield [_work(row) for row in rows]
                account_id, version = rows[-1]["account_id"], rows[-1]["version"]
            if len(rows) < PAGE_LINES:
                return

    async def version_in_force(self) -> int:
        """The version of the tenant's price book. Raises PriceBookMissing."""
        version: int | None = await self._connection.fetchval(statement("find_price_book_in_force"), self._tenant_id)
        if version is None:
            raise PriceBookMissing(f"tenant {self._tenant_id} has no price book in force")
        return version

    async def book(self, version: int) -> PriceBook:
        """One version of the price book. Raises PriceBookMissing or PriceBookUnreadable."""
        row = await self._connection.fetchrow(statement("read_price_book"), self._tenant_id, version)
        if row is None:
            raise PriceBookMissing(f"tenant {self._tenant_id} has no version {version} of its price book")
        book = read_price_book(row["source"])
        if not isinstance(book, PriceBook):
            raise PriceBookUnreadable(f"version {version} of tenant {self._tenant_id}: {book[0].message}")
        return book


def _work(row: asyncpg.Record) -> CapturedWork:
    return CapturedWork(
        model=row["model"],
        params=tuple(json.loads(row["params"]).items()),
        count=row["count"],
        cost=row["cost"],
        amount=row["amount"],
        refunded=row["refunded"],
        price_book_version=row["price_book_version"],
        rounding=row["rounding"],
    )
