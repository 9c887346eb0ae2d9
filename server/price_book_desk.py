"""The desk at which a tenant's price book is worked on from the command line: its services, opened for one command."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from models.database import Database
from server.database_choice import NoTenant, existing_database, name_of_database
from server.existing_farebox import existing_farebox
from server.settings import Settings
from services.price_books import PriceBooks
from services.publishing import Publishing
from services.tenants import find_tenant

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    """One tenant's price book, and the database that it is in."""

    tenant_id: UUID
    database: Database
    price_books: PriceBooks
    publishing: Publishing


def at_desk(settings: Settings, tenant: str, work: Callable[[Desk], Awaitable[T]]) -> T:
    """Does the work for the tenant of this slug, beside a running server or alone.

    Raises NoTenant, and what `existing_database` and `existing_farebox` raise.
    """
    with existing_database(settings) as dsn:
        return asyncio.run(_at_desk(dsn, name_of_database(settings), tenant, work))


async def _at_desk(dsn: str, name: str, tenant: str, work: Callable[[Desk], Awaitable[T]]) -> T:
    async with existing_farebox(dsn, name) as database:
        tenant_id = await find_tenant(database, tenant)
        if tenant_id is None:
            raise NoTenant(f"{name} has no tenant {tenant!r}; give the slug that it was created with")
        price_books = PriceBooks(database)
        return await work(Desk(tenant_id, database, price_books, Publishing(database, price_books)))
