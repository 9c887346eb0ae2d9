"""Tenants: AI products on this server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from tortoise.exceptions import IntegrityError

from models.api_key import ApiKeyKind
from models.database import Database
from models.statements import statement
from models.tenant import SLUG_LENGTH_MAX, Tenant, TenantMode
from rules.identity import IdKind, public_id
from rules.ledger.records import Page, Slice
from rules.pricing.price_book import PriceBook
from rules.pricing.refusals import InvalidInput
from rules.pricing.toml import read_price_book
from services.change_log import change_of, record_change
from services.credentials import insert_api_key
from services.names import fault_of_name
from services.price_books import PriceBookUnreadable
from services.principal import OPERATOR
from services.publishing import insert_price_book
from services.shipped_price_books import ShippedPriceBooks

FIRST_KEY_NAME: Final = "First key"

_SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """A tenant as it is listed."""

    tenant_id: UUID
    slug: str
    name: str
    mode: TenantMode
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CreatedTenant:
    """A new tenant with its first key, which is shown this once."""

    tenant_id: UUID
    slug: str
    name: str
    mode: TenantMode
    key_id: UUID
    price_book_version: int
    secret_key: str = field(repr=False)


async def find_tenant(database: Database, slug: str) -> UUID | None:
    """The id of the tenant of this slug, for the operator; None where there is none."""
    if _fault_of_slug(slug) is not None:
        return None
    async with database.administration():
        tenant = await Tenant.get_or_none(slug=slug)
    return None if tenant is None else tenant.id


class Tenants:
    """Creates and lists tenants. For the root key alone; the caller has checked that."""

    def __init__(self, database: Database, shipped: ShippedPriceBooks) -> None:
        self._database = database
        self._shipped = shipped

    async def create_tenant(
        self, *, slug: str, name: str, mode: TenantMode, price_book: str
    ) -> CreatedTenant | InvalidInput:
        """Makes a tenant, its first key and version 1 of the shipped price book of that name, all or nothing."""
        fault = _fault_of_slug(slug) or fault_of_name("name", name)
        if fault is not None:
            return fault
        source = self._shipped.source(price_book)
        if source is None:
            return InvalidInput("priceBook", f"must be one of: {', '.join(self._shipped.slugs())}")
        book = read_price_book(source)
        if not isinstance(book, PriceBook):
            raise PriceBookUnreadable(f"the shipped price book {price_book}, line {book[0].line}: {book[0].message}")
        try:
            return await self._insert(slug, name, mode, source, book)
        except IntegrityError:
            # The slug is the only thing here that another tenant can have.
            return InvalidInput("slug", "is another tenant's already")

    async def list(self, part: Slice[str]) -> Page[TenantRecord]:
        """By slug, which is also the key."""
        async with self._database.spanning_reader() as connection:
            rows = await connection.fetch(statement("list_tenants"), part.after, part.first + 1)
        records = [TenantRecord(**{**row, "mode": TenantMode(row["mode"])}) for row in rows[: part.first]]
        return Page(tuple(records), len(rows) > part.first)

    async def count(self) -> int:
        """How many `list` lists in all."""
        async with self._database.spanning_reader() as connection:
            return int(await connection.fetchval(statement("count_tenants")))

    async def _insert(self, slug: str, name: str, mode: TenantMode, source: str, book: PriceBook) -> CreatedTenant:
        async with self._database.administration() as connection:
            now: datetime = await connection.fetchval(statement("read_clock"))
            tenant = await Tenant.create(id=uuid4(), slug=slug, name=name, mode=mode, created_at=now)
            published = await insert_price_book(connection, tenant.id, source, book)
            created = await insert_api_key(tenant, kind=ApiKeyKind.SECRET, name=FIRST_KEY_NAME, now=now)
            detail = {"slug": slug, "name": name, "mode": mode.value, "priceBook": book.slug}
            change = change_of(OPERATOR, "createTenant", public_id(IdKind.TENANT, tenant.id), detail)
            await record_change(connection, tenant.id, change)
        return CreatedTenant(
            tenant_id=tenant.id,
            slug=slug,
            name=name,
            mode=mode,
            key_id=created.key_id,
            price_book_version=published.version,
            secret_key=created.key,
        )


def _fault_of_slug(slug: str) -> InvalidInput | None:
    if len(slug) > SLUG_LENGTH_MAX:
        return InvalidInput("slug", f"must have at most {SLUG_LENGTH_MAX} characters")
    if _SLUG.fullmatch(slug) is None:
        return InvalidInput("slug", "must be lower-case letters and digits, in words joined by single hyphens")
    return None
