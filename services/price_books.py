"""Price books as published: which one is in force for a tenant, read from memory on the hot path."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from models.database import Database
from models.statements import statement
from rules.pricing.price_book import PriceBook
from rules.pricing.toml import read_price_book
from services.read_through_cache import ReadThroughCache

IN_FORCE_SECONDS: Final = 1.0
"""How late a process may notice that another version is in force."""

IN_FORCE_MAX: Final = 10_000
"""Tenants whose version in force is remembered; a number each."""

BOOKS_MAX: Final = 256
"""Read books remembered, as far as their texts are not too long together."""

BOOKS_CHARACTERS_MAX: Final = 8 * 1024 * 1024
"""Of the texts of all remembered books: a read one takes about 11 bytes a character, so 90 megabytes at most."""


@dataclass(frozen=True, slots=True)
class PublishedBook:
    """One immutable version of a tenant's price book; in force from `effective_at`, by the tenant's clock."""

    version: int
    published_at: datetime
    effective_at: datetime
    book: PriceBook
    characters: int = 0
    """How long its text is."""

    @property
    def daily_limit(self) -> DailyLimit:
        """What it allows an account a day, and from when on."""
        return DailyLimit(self.book.policies.daily_limit_micros, self.effective_at)


class DailyLimit(NamedTuple):
    """What a version of a price book allows an account a day that has set no limit of its own, in micro-tokens."""

    limit: int | None
    """None: any amount."""
    since: datetime | None
    """When the version came into force; None where none is in force."""


class PriceBookMissing(Exception):
    """The tenant has no price book in force: every tenant is created with one, so this is a fault of the server."""


class PriceBookUnreadable(Exception):
    """A book that was published, and so was valid, no longer reads: a fault of this release."""


class PriceBooks:
    """The books of all tenants. Reading raises `DatabaseUnavailable` when the answer is not in memory."""

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._versions_in_force: ReadThroughCache[UUID, int] = ReadThroughCache(
            self._find_in_force, size=IN_FORCE_MAX, ttl_seconds=IN_FORCE_SECONDS, monotonic=monotonic
        )
        self._books: ReadThroughCache[tuple[UUID, int], PublishedBook] = ReadThroughCache(
            self._read,
            size=BOOKS_MAX,
            ttl_seconds=None,
            weigh=lambda published: published.characters,
            weight_max=BOOKS_CHARACTERS_MAX,
            monotonic=monotonic,
        )

    async def current(self, tenant_id: UUID) -> PublishedBook:
        """The version in force; up to a second late after a change elsewhere. Raises `PriceBookMissing`."""
        version = await self._versions_in_force.get(tenant_id)
        published = None if version is None else await self._books.get((tenant_id, version))
        if published is None:
            raise PriceBookMissing(f"tenant {tenant_id} has no price book in force")
        return published

    async def daily_limit(self, tenant_id: UUID) -> DailyLimit:
        """What the version in force allows an account a day that has set no limit of its own.

        Any amount where no version is in force, because what an account has can be read all the same.
        """
        published = await self.in_force(tenant_id)
        return DailyLimit(None, None) if published is None else published.daily_limit

    async def in_force(self, tenant_id: UUID) -> PublishedBook | None:
        """As `current`; None where no version is in force."""
        try:
            return await self.current(tenant_id)
        except PriceBookMissing:
            return None

    def at_hand(self, tenant_id: UUID) -> PublishedBook | None:
        """The version in force where it is in memory and as fresh as `current` gives it; asks nobody."""
        version = self._versions_in_force.at_hand(tenant_id)
        return None if version is None else self._books.at_hand((tenant_id, version))

    async def currency(self, tenant_id: UUID) -> str | None:
        """The currency of the version in force; None where none is."""
        published = await self.in_force(tenant_id)
        return None if published is None else published.book.currency

    async def at_version(self, tenant_id: UUID, version: int) -> PublishedBook | None:
        """One version, in force or not; None when the tenant has none of that number."""
        return await self._books.get((tenant_id, version))

    async def version(self, tenant_id: UUID, version: int) -> PublishedBook:
        """One version that something was priced at, so that it exists. Raises `PriceBookMissing`."""
        published = await self.at_version(tenant_id, version)
        if published is None:
            raise PriceBookMissing(f"tenant {tenant_id} has no version {version} of its price book")
        return published

    def published(self, tenant_id: UUID, published: PublishedBook) -> None:
        """A version was made here, and may be in force from now on."""
        self._books.keep((tenant_id, published.version), published)
        self.clock_moved(tenant_id)

    def clock_moved(self, tenant_id: UUID) -> None:
        """Another version may be in force from now on: looks at the next request."""
        self._versions_in_force.forget(tenant_id)

    async def _find_in_force(self, tenant_id: UUID) -> int | None:
        async with self._database.reader(tenant_id) as connection:
            version: int | None = await connection.fetchval(statement("find_price_book_in_force"), tenant_id)
        return version

    async def _read(self, key: tuple[UUID, int]) -> PublishedBook | None:
        tenant_id, version = key
        async with self._database.reader(tenant_id) as connection:
            row = await connection.fetchrow(statement("read_price_book"), tenant_id, version)
        if row is None:
            return None
        # In a thread, because a large book takes a second, in which all other requests would wait.
        book = await asyncio.to_thread(read_price_book, row["source"])
        if not isinstance(book, PriceBook):
            raise PriceBookUnreadable(f"version {version} of tenant {tenant_id}: {book[0].message}")
        return PublishedBook(row["version"], row["published_at"], row["effective_at"], book, len(row["source"]))
