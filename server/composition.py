"""The composition root: every service of one process, made once, started and stopped in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Final, TypeVar

from models.database import Database
from models.migrations import is_current
from models.statements import statement
from models.unavailable import DatabaseUnavailable
from server.parent_watch import parent_is_gone
from services.accounts import Accounts
from services.alerts import Alerts
from services.change_log import ChangeLog
from services.charges import Charges
from services.client_tokens import ClientTokens
from services.credentials import Credentials
from services.fares import Fares
from services.gifts import Gifts
from services.grants import Grants
from services.ledger.live_reads import LiveReads
from services.ledger.reads import LedgerReads
from services.ledger.sweeper import Sweeper
from services.ledger.usage import Usage
from services.ledger.writer import Writer
from services.limits import Limits
from services.live.bus import SupervisedBackend
from services.live.hub import LiveHub
from services.live.postgres_bus import PostgresBus
from services.loyalty import LoyaltyReviews
from services.margin import Margins
from services.members import Members
from services.price_books import PriceBooks
from services.projects import Projects
from services.promo_codes import PromoCodes
from services.publishing import Publishing
from services.quotes import Quotes
from services.redemptions import Redemptions
from services.referrals import Referrals
from services.shipped_price_books import ShippedPriceBooks
from services.tenant_clock import TenantClock
from services.tenants import Tenants
from services.transfers import Transfers
from services.workflows import Workflows

READY: Final = "ok"

DATABASE_WAIT_SECONDS: Final = 60.0
"""For a database that recovers from a crash; past it the process gives up."""

DATABASE_PAUSE_SECONDS: Final = 0.5

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """What the API calls; see resolvers/context.py."""

    database: Database
    credentials: Credentials
    fares: Fares
    workflows: Workflows
    projects: Projects
    charges: Charges
    grants: Grants
    limits: Limits
    transfers: Transfers
    gifts: Gifts
    promo_codes: PromoCodes
    redemptions: Redemptions
    accounts: Accounts
    alerts: Alerts
    members: Members
    reads: LedgerReads
    price_books: PriceBooks
    publishing: Publishing
    margins: Margins
    usage: Usage
    tenants: Tenants
    clocks: TenantClock
    change_log: ChangeLog
    live: LiveHub

    @property
    def client_tokens(self) -> ClientTokens:
        """Tokens are made and revoked where they are known."""
        return self.credentials.client_tokens

    @property
    def api_keys(self) -> Credentials:
        """Keys are made and revoked where they are known."""
        return self.credentials

    async def readiness(self) -> dict[str, str]:
        """Named checks, each `ok` or what is wrong."""
        checks = {"database": READY, "migrations": READY, "bus": READY}
        try:
            async with self.database.spanning_reader() as connection:
                await connection.fetchval(statement("read_clock"))
            if not await is_current(self.database):
                checks["migrations"] = "the database is behind this release; run `python -m server migrate`"
        except DatabaseUnavailable:
            checks["database"] = "the database does not answer"
            checks["migrations"] = "unknown while the database does not answer"
        if not self.live.bus_connected:
            checks["bus"] = "reconnecting; balances of other processes arrive by comparison, within seconds"
        return checks


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    deadline = monotonic() + DATABASE_WAIT_SECONDS
    while True:
        try:
            return await ask()
        except DatabaseUnavailable as error:
            # Left behind before it ever served, a process would keep the port for as long as it waits.
            if monotonic() >= deadline or parent_is_gone():
                raise
            logger.warning("waiting for the database: %s", error)
            await asyncio.sleep(DATABASE_PAUSE_SECONDS)


async def _carrier(database: Database, bus_url: str | None) -> SupervisedBackend:
    if bus_url is None:
        return PostgresBus(database.dsn)
    from services.live.redis_bus import RedisBus  # noqa: PLC0415 - a quarter of a second for who has no Redis

    return RedisBus(bus_url, installation=await _patiently(database.identity))


@asynccontextmanager
async def open_services(dsn: str, *, root_key: str, bus_url: str | None = None) -> AsyncIterator[Services]:
    """Opens everything on a migrated database; on leaving, what is queued is finished before connections close.

    A database that is away or still recovering is waited for: a process that starts then must not end the server. A
    bus that is away is not.
    """
    async with await _patiently(partial(Database.open, dsn)) as database:
        price_books = PriceBooks(database)
        credentials = Credentials(database, root_key=root_key)
        # The writer tells the hub what it committed, and the hub reads through the writer what is due.
        writer = Writer(database, announce=lambda committed: live.changed(*live_reads.announcement(committed)))
        reads = LedgerReads(database, writer, price_books)
        live_reads = LiveReads(database, reads)
        live = LiveHub(live_reads, await _carrier(database, bus_url))
        referrals = Referrals(database, writer, price_books)
        loyalty = LoyaltyReviews(database, writer, price_books)
        redemptions = Redemptions(database, writer, price_books)
        workflows = Workflows(database, price_books)
        accounts = Accounts(database, writer, price_books, referrals)
        services = Services(
            database=database,
            credentials=credentials,
            fares=Fares(writer, price_books, reads, Quotes(database, price_books), workflows),
            workflows=workflows,
            projects=Projects(database),
            charges=Charges(reads, price_books),
            grants=Grants(writer, price_books, referrals),
            gifts=Gifts(database, writer, price_books),
            promo_codes=PromoCodes(database),
            redemptions=redemptions,
            limits=Limits(writer, price_books),
            accounts=accounts,
            alerts=Alerts(writer, accounts, price_books),
            members=Members(writer),
            transfers=Transfers(database, writer, price_books, reads),
            reads=reads,
            price_books=price_books,
            publishing=Publishing(database, price_books),
            margins=Margins(database),
            usage=Usage(database, reads),
            tenants=Tenants(database, ShippedPriceBooks()),
            clocks=TenantClock(database, writer, price_books, loyalty),
            change_log=ChangeLog(database),
            live=live,
        )
        credentials.start()
        try:
            async with live, writer, Sweeper(database, writer, (redemptions.finish, referrals.finish, loyalty.sweep)):
                try:
                    yield services
                finally:
                    await live.end_subscriptions()
        finally:
            await credentials.stop()
