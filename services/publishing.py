"""Publishing: a text becomes a tenant's next price book version, or shows what it would change."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import asyncpg

from models.database import Database
from models.statements import statement
from rules.ledger.records import Page, Slice
from rules.pricing.changes import BookChanges
from rules.pricing.price_book import PriceBook
from rules.pricing.publication import InvalidPriceBook
from rules.pricing.refusals import InvalidInput
from rules.pricing.toml import read_price_book
from rules.pricing.toml.changes import book_changes
from services.change_log import Detail, change_of, record_change
from services.loyalty import watch_loyalty
from services.price_books import PriceBookMissing, PriceBooks, PriceBookUnreadable, PublishedBook
from services.principal import OPERATOR, Principal

PUBLISHING_LOCK: Final = 7_201
"""Any number that no other advisory lock of two numbers has."""

LATE_SECONDS_MAX: Final = 60
"""An `effectiveAt` that passed so long ago at most is taken for now: clocks differ, and requests are on their way."""

_VERSION_MAX: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Terms:
    """What a version published now would be, by the tenant's clock; `follows` is the version in force before it."""

    now: datetime
    version: int
    effective_at: datetime
    follows: int | None


@dataclass(frozen=True, slots=True)
class Publication:
    """A version as it was published, or would be, with what it changes of the one that it follows."""

    published: PublishedBook
    follows: int | None
    changes: BookChanges


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """A version without what is in it. `in_force`: it is what prices are taken from now."""

    version: int
    slug: str
    name: str
    published_at: datetime
    effective_at: datetime
    in_force: bool


@dataclass(frozen=True, slots=True)
class PublishedText:
    """A version with the text that it was made from."""

    record: VersionRecord
    published: PublishedBook
    source: str


class Publishing:
    """Publishes and lists the versions of a tenant's price book. An unknown tenant raises `PriceBookMissing`."""

    def __init__(self, database: Database, price_books: PriceBooks) -> None:
        self._database = database
        self._price_books = price_books

    async def publish(
        self,
        tenant_id: UUID,
        source: str,
        *,
        effective_at: datetime | None = None,
        dry_run: bool = False,
        by: Principal = OPERATOR,
    ) -> Publication | InvalidInput | InvalidPriceBook:
        """Makes a text the tenant's next version, in force at once or from a later instant.

        An older text published anew is a rollback; a version that is not in force yet is replaced by one for the same
        instant. The book may have another slug, currency or tiers than the one before. With `dry_run` nothing is
        written. Every publication makes a version, also of a text that changes nothing.
        """
        if effective_at is not None:
            late = await self._fault_of_instant(tenant_id, effective_at)
            if late is not None:
                return late
        book = await asyncio.to_thread(read_price_book, source)
        if not isinstance(book, PriceBook):
            return InvalidPriceBook(book)
        async with self._database.tenant(tenant_id) as connection:
            terms = await lock_and_read_terms(connection, tenant_id, effective_at)
            before = None if terms.follows is None else await _read_source(connection, tenant_id, terms.follows)
            if not dry_run:
                await _insert(connection, tenant_id, source, book, terms)
                detail: Detail = {
                    "slug": book.slug,
                    "version": terms.version,
                    "effectiveAt": terms.effective_at.isoformat(),
                }
                await record_change(connection, tenant_id, change_of(by, "publishPriceBook", None, detail))
        published = PublishedBook(terms.version, terms.now, terms.effective_at, book, len(source))
        if not dry_run:
            self._price_books.published(tenant_id, published)
        return Publication(published, terms.follows, await asyncio.to_thread(_changes, before, source, book))

    async def compare(self, tenant_id: UUID, source: str) -> Publication | InvalidPriceBook:
        """What a text would change of the version in force, were it published now. Writes nothing."""
        answer = await self.publish(tenant_id, source, dry_run=True)
        assert not isinstance(answer, InvalidInput), "only an instant can be refused so, and none was given"
        return answer

    async def versions(self, tenant_id: UUID, part: Slice[int]) -> Page[VersionRecord]:
        """Newest first, keyed by version."""
        below = _VERSION_MAX if part.after is None else min(part.after, _VERSION_MAX)
        async with self._database.reader(tenant_id) as connection:
            in_force = await connection.fetchval(statement("find_price_book_in_force"), tenant_id)
            rows = await connection.fetch(statement("list_price_books"), tenant_id, below, part.first + 1)
        records = [VersionRecord(**row, in_force=row["version"] == in_force) for row in rows[: part.first]]
        return Page(tuple(records), len(rows) > part.first)

    async def count_versions(self, tenant_id: UUID) -> int:
        """How many `versions` lists in all."""
        async with self._database.reader(tenant_id) as connection:
            return int(await connection.fetchval(statement("count_price_books"), tenant_id))

    async def version(self, tenant_id: UUID, version: int | None) -> PublishedText | None:
        """One version with its text, or the one in force; None where the tenant has none of that number."""
        if version is None:
            version = (await self._price_books.current(tenant_id)).version
        found = await self.versions(tenant_id, Slice(1, version + 1)) if 0 < version < _VERSION_MAX else None
        published = await self._price_books.at_version(tenant_id, version) if found is not None else None
        if found is None or published is None:
            return None
        async with self._database.reader(tenant_id) as connection:
            source = await _read_source(connection, tenant_id, version)
        return PublishedText(found.rows[0], published, source)

    async def _fault_of_instant(self, tenant_id: UUID, effective_at: datetime) -> InvalidInput | None:
        async with self._database.reader(tenant_id) as connection:
            now = (await _read_terms(connection, tenant_id, None)).now
        if effective_at >= now - timedelta(seconds=LATE_SECONDS_MAX):
            return None
        return InvalidInput(
            "effectiveAt",
            f"lies in the past: the tenant's clock says {now:%Y-%m-%dT%H:%M:%SZ}; leave it out to publish at once",
        )


async def insert_price_book(
    connection: asyncpg.Connection, tenant_id: UUID, source: str, book: PriceBook
) -> PublishedBook:
    """Writes the next version, in force at once, in the caller's transaction."""
    terms = await lock_and_read_terms(connection, tenant_id, None)
    await _insert(connection, tenant_id, source, book, terms)
    return PublishedBook(terms.version, terms.now, terms.effective_at, book, len(source))


async def lock_and_read_terms(connection: asyncpg.Connection, tenant_id: UUID, effective_at: datetime | None) -> Terms:
    """The terms, which hold until the transaction ends. Raises `PriceBookMissing`."""
    await connection.execute(statement("lock_publishing"), PUBLISHING_LOCK, str(tenant_id))
    return await _read_terms(connection, tenant_id, effective_at)


async def _read_terms(connection: asyncpg.Connection, tenant_id: UUID, effective_at: datetime | None) -> Terms:
    row = await connection.fetchrow(statement("read_publishing_terms"), tenant_id, effective_at)
    if row is None:
        raise PriceBookMissing(f"there is no tenant {tenant_id} to publish for")
    return Terms(row["now"], row["version"], row["effective_at"], row["follows"])


async def _insert(connection: asyncpg.Connection, tenant_id: UUID, source: str, book: PriceBook, terms: Terms) -> None:
    await connection.execute(
        statement("insert_price_book"),
        uuid4(),
        tenant_id,
        terms.version,
        book.slug,
        book.name,
        source,
        terms.now,
        terms.effective_at,
    )
    await watch_loyalty(connection, tenant_id, book.policies, terms.now)


async def _read_source(connection: asyncpg.Connection, tenant_id: UUID, version: int) -> str:
    row = await connection.fetchrow(statement("read_price_book"), tenant_id, version)
    if row is None:
        raise PriceBookMissing(f"tenant {tenant_id} has no version {version} of its price book")
    return str(row["source"])


def _changes(before: str | None, source: str, book: PriceBook) -> BookChanges:
    if before is None:
        return book_changes(None, (source, book))
    old = read_price_book(before)
    if not isinstance(old, PriceBook):
        raise PriceBookUnreadable(f"the version before: {old[0].message}")
    return book_changes((before, old), (source, book))
