"""Quotes: prices locked for a while. Whoever reserves with one pays its price, whatever is published meanwhile."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from models.database import Database
from models.statements import statement
from rules.identity import IdKind, parse_public_id
from rules.ledger.line_codec import decode_lines
from rules.ledger.records import Estimated, Quote
from rules.ledger.refusals import NotFound
from rules.ledger.requests import Quoted, Work
from rules.pricing.price_book import PriceBook
from rules.pricing.rating import LineRequest, Purpose
from services.ledger.line_views import kept_params
from services.price_books import PriceBooks, PublishedBook
from services.work_pricing import PricedWork, price_work

KEPT_SECONDS: Final = 7 * 86_400
"""How long an expired quote is kept, so that a late caller is told that it expired and not that it never was."""

DELETED_MAX: Final = 2_000
"""Old quotes deleted in one round: a short transaction, and more than a process makes between two rounds."""

NUMBER_MAX: Final = 2**63 - 1
"""Quotes are named by random numbers up to this: no order is told, and two of one owner never meet."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Work as it is priced, and by which version; `quote_expires_at` where a quote promised that price."""

    price_book_version: int
    work: PricedWork
    quote_expires_at: datetime | None = None


class Quotes:
    """Makes quotes and prices work by them. Raises `DatabaseUnavailable`."""

    def __init__(self, database: Database, price_books: PriceBooks) -> None:
        self._database = database
        self._price_books = price_books

    async def lock(
        self, tenant_id: UUID, account_id: UUID | None, published: PublishedBook, work: Work, estimated: Estimated
    ) -> Quote:
        """Promises the price of work that was estimated by this version; to any account where none is given."""
        owner_id, number = account_id or tenant_id, secrets.randbelow(NUMBER_MAX) + 1
        priced = price_work(published, work, Purpose.ESTIMATE, field="lines")
        if priced.refusal is not None:
            raise AssertionError(f"work that was estimated cannot be priced: {priced.refusal}")
        async with self._database.tenant(tenant_id) as connection:
            expires_at: datetime | None = await connection.fetchval(
                statement("insert_quote"),
                owner_id,
                number,
                tenant_id,
                published.version,
                priced.lines_json,
                published.book.policies.quote_ttl_seconds,
                KEPT_SECONDS,
                priced.amount,
            )
        if expires_at is None:
            raise LookupError(f"there is no tenant {tenant_id} to make a quote for")
        return Quote(owner_id, number, expires_at, estimated)

    async def offer(self, tenant_id: UUID, account_id: UUID, quoted: Quoted, purpose: Purpose) -> Offer:
        """The quote's work, priced at the quote's version; with NotFound as its refusal unless the account may use it.

        Whether it has expired is the ledger's to judge, after a replay and at the account's own time.
        """
        named = parse_public_id(quoted.quote_id)
        row = None
        if named is not None and named.kind is IdKind.QUOTE and named.owner in (account_id, tenant_id):
            async with self._database.reader(tenant_id) as connection:
                row = await connection.fetchrow(statement("read_quote"), named.owner, named.local, tenant_id)
        if row is None:
            return Offer(0, PricedWork(refusal=NotFound("quote")))
        published = await self._price_books.version(tenant_id, row["price_book_version"])
        in_force = await self._price_books.current(tenant_id)
        work = _work_of(published.book, row["lines"], row["total"])
        priced = price_work(published, work, purpose, field="work", in_force=in_force)
        return Offer(published.version, priced, row["expires_at"])


async def delete_old_quotes(database: Database) -> int:
    """Deletes quotes that expired `KEPT_SECONDS` ago, `DELETED_MAX` at most; gives how many. Holds do not need them."""
    async with database.administration() as connection:
        status: str = await connection.execute(statement("delete_old_quotes"), DELETED_MAX)
    return int(status.rpartition(" ")[2])


def _work_of(book: PriceBook, lines_json: str, total: int) -> Work:
    """What was quoted: the lines as they were asked for, with their defaults filled in; a plain amount has none."""
    return (
        tuple(
            LineRequest(line.model, kept_params(book, line.model, line.params_json), line.count, line.ref)
            for line in decode_lines(lines_json)
            if line.model is not None
        )
        or total
    )
