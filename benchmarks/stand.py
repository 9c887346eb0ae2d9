"""A case's database with every contender on it, each ready to be asked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from benchmarks.databases import fresh_database
from benchmarks.ledger_service import LedgerService, PricedLedgerService
from benchmarks.one_call_rival import OneCallRival, open_one_call_rival
from benchmarks.tortoise_rival import TortoiseRival, open_tortoise_rival
from models.database import Database
from models.tenant import TenantMode
from services.fares import Fares
from services.ledger.reads import LedgerReads
from services.ledger.writer import Writer
from services.price_books import PriceBooks
from services.publishing import Publication, Publishing
from services.quotes import Quotes
from services.shipped_price_books import ShippedPriceBooks
from services.tenants import CreatedTenant, Tenants
from services.workflows import Workflows

PRICE_BOOK: Final = "node-studio"


class Arrangement(StrEnum):
    """Whose tokens the callers want: each of an account of its own, or all of the same one."""

    DISTINCT = "distinct"
    HOT = "hot"


PoolSizes = Mapping[tuple[str, Arrangement], int]
"""How many connections a rival has, by its name and the arrangement."""


@dataclass(frozen=True, slots=True)
class Stand:
    """The contenders on one database. A rival has one pool for each arrangement, as large as suits it."""

    dsn: str
    ledger: LedgerService
    priced: PricedLedgerService
    tortoise: Mapping[Arrangement, TortoiseRival]
    one_call: Mapping[Arrangement, OneCallRival]


@asynccontextmanager
async def open_stand(
    server_dsn: str, pools: PoolSizes, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Stand]:
    """Everything for one case, on a fresh database with these settings."""
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(fresh_database(server_dsn, settings))
        database = await stack.enter_async_context(await Database.open(dsn))
        writer = await stack.enter_async_context(Writer(database))
        tenant_id = (await make_tenant(database)).tenant_id
        price_books = PriceBooks(database)
        reads = LedgerReads(database, writer, price_books)
        fares = Fares(writer, price_books, reads, Quotes(database, price_books), Workflows(database, price_books))
        tortoise: dict[Arrangement, TortoiseRival] = {}
        one_call: dict[Arrangement, OneCallRival] = {}
        for arrangement in Arrangement:
            size = pools[TortoiseRival.name, arrangement]
            tortoise[arrangement] = await stack.enter_async_context(open_tortoise_rival(dsn, tenant_id, size))
            size = pools[OneCallRival.name, arrangement]
            one_call[arrangement] = await stack.enter_async_context(open_one_call_rival(dsn, tenant_id, size))
        yield Stand(
            dsn,
            LedgerService(database, writer, tenant_id),
            PricedLedgerService(database, writer, tenant_id, fares),
            tortoise,
            one_call,
        )


async def make_tenant(database: Database, slug: str = "benchmark") -> CreatedTenant:
    """A tenant of the benchmark's, with its key; the price book is the shipped one without its runs per minute."""
    created = await Tenants(database, ShippedPriceBooks()).create_tenant(
        slug=slug, name="Benchmark", mode=TenantMode.TEST, price_book=PRICE_BOOK
    )
    assert isinstance(created, CreatedTenant), created
    source, rates = re.subn(r"(?m)^runs_per_minute = .*$", "", ShippedPriceBooks().source(PRICE_BOOK) or "")
    assert rates == 1, f"{PRICE_BOOK} has no rate to leave out"
    published = await Publishing(database, PriceBooks(database)).publish(created.tenant_id, source)
    assert isinstance(published, Publication), published
    return created
