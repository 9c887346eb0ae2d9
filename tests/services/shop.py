"""A tenant's services on a database of the test's own, with a small price book."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.account import AccountKind
from models.database import Database
from rules.ledger.outcomes import GrantEffect
from rules.ledger.requests import (
    CommitRequest,
    ExtendRequest,
    GrantRequest,
    RefundRequest,
    ReleaseRequest,
    ReserveRequest,
    TransferRequest,
)
from rules.pricing.price_book import PriceBook
from rules.pricing.rating import LineRequest
from rules.pricing.tokens import MICROS
from services.accounts import AccountRecord, Accounts
from services.alerts import Alerts
from services.charges import Charges
from services.fares import Fares
from services.gifts import Gifts
from services.grants import Grants
from services.ledger.live_reads import LiveReads
from services.ledger.reads import LedgerReads
from services.ledger.writer import Writer
from services.limits import Limits
from services.loyalty import LoyaltyReviews
from services.price_books import PriceBooks, PublishedBook
from services.projects import Projects
from services.promo_codes import PromoCodes
from services.publishing import Publication, Publishing
from services.quotes import Quotes
from services.redemptions import Redemptions
from services.referrals import Referrals
from services.tenant_clock import TenantClock
from services.transfers import Transfers
from services.workflows import Workflows


def a_source(*, picture: int = 10, trial: int = 50, more: str = "", policies: str = "") -> str:
    """A book with a formula ("picture": a base and 2 tokens per 25 steps more) and a flat price ("upscale": 8)."""
    return f"""
slug = "small"
name = "Small"
currency = "usd"
[policies]
trial_tokens = {trial}
{policies}
[policies.expiry_months]
default = 12
bonus = 1
[[prices]]
name = "Picture"
category = "image"
dimensions = [
  {{ name = "steps", type = "integer", minimum = 1, maximum = 100, default = 25 }},
  {{ name = "quality", type = "choice", values = ["fast", "fine"], default = "fast" }},
]
[prices.formula]
base = {picture}
rates = [{{ of = ["steps"], tokens = 2, per = 25, included = 25 }}]
multipliers = [{{ dimension = "quality", by = {{ fast = 1, fine = 2 }} }}]
[[prices]]
name = "Upscale"
category = "upscale"
tokens = 8
{more}
"""


def a_line(model: str = "upscale", count: int = 1, *, ref: str | None = None, **params: object) -> LineRequest:
    return LineRequest(model, params, count, ref)


@dataclass(frozen=True, slots=True)
class Shop:
    """Everything that a tenant's caller can ask, with the tenant filled in. `tokens` are whole ones."""

    tenant_id: UUID
    database: Database
    writer: Writer
    price_books: PriceBooks
    publishing: Publishing
    reads: LedgerReads
    accounts: Accounts
    alerts: Alerts
    fares: Fares
    charges: Charges
    grants: Grants
    limits: Limits
    transfers: Transfers
    gifts: Gifts
    promo_codes: PromoCodes
    redemptions: Redemptions
    referrals: Referrals
    loyalty: LoyaltyReviews
    workflows: Workflows
    projects: Projects
    clock: TenantClock

    @property
    def live_reads(self) -> LiveReads:
        """What the live watcher reads with."""
        return LiveReads(self.database, self.reads)

    async def publish(self, source: str) -> PublishedBook:
        publication = await self.publishing.publish(self.tenant_id, source)
        assert isinstance(publication, Publication), publication
        return publication.published

    async def open(self, name: str = "passenger", *, tokens: int = 0) -> UUID:
        """An account with the trial's 50 tokens, and a grant of more when asked for."""
        account = await self.create(name)
        if tokens:
            request = self.grant_request(account.account_id, f"first of {name}", tokens)
            assert isinstance(await self.grants.grant_tokens(request), GrantEffect)
        return account.account_id

    async def create(self, name: str = "passenger", *, referred_by: str | None = None) -> AccountRecord:
        created = await self.accounts.create(
            self.tenant_id,
            external_id=name,
            name=name.title(),
            kind=AccountKind.PERSONAL,
            time_zone="UTC",
            referred_by=referred_by,
        )
        assert isinstance(created, AccountRecord), created
        return created

    async def lift(self, account_id: UUID, book: PriceBook) -> None:
        """Puts the account on a plan that opens every price of the book, if the book has tiers."""
        top = next((plan.id for plan in book.plans if plan.tier is not None and plan.tier == book.tiers[-1]), None)
        if top is not None:
            lifted = await self.accounts.update(self.tenant_id, account_id, plan_id=top)
            assert isinstance(lifted, AccountRecord), lifted

    def grant_request(self, account_id: UUID, key: str, tokens: int = 1, **more: Any) -> GrantRequest:
        return GrantRequest(self.tenant_id, account_id, key, tokens * MICROS, **more)

    def reserve_request(self, account_id: UUID, key: str, *lines: LineRequest, **more: Any) -> ReserveRequest:
        return ReserveRequest(self.tenant_id, account_id, **{"key": key, "work": lines or (a_line(),), **more})

    def commit_request(
        self, account_id: UUID, key: str, hold_id: int, *lines: LineRequest, **more: Any
    ) -> CommitRequest:
        fields = {"actual": lines or None, **more}
        return CommitRequest(self.tenant_id, account_id, key, hold_id, **fields)

    def release_request(self, account_id: UUID, key: str, hold_id: int, **more: Any) -> ReleaseRequest:
        return ReleaseRequest(self.tenant_id, account_id, key, hold_id, **more)

    def extend_request(self, account_id: UUID, key: str, hold_id: int, **more: Any) -> ExtendRequest:
        return ExtendRequest(self.tenant_id, account_id, key, hold_id, **more)

    def refund_request(self, account_id: UUID, key: str, hold_id: int, **more: Any) -> RefundRequest:
        return RefundRequest(self.tenant_id, account_id, key, hold_id, **more)

    def transfer_request(
        self, source: UUID, key: str, target: UUID, tokens: int = 1, *, note: str | None = None
    ) -> TransferRequest:
        return TransferRequest(self.tenant_id, source, key, target, tokens * MICROS, note)


@asynccontextmanager
async def open_shop(database: Database, tenant_id: UUID) -> AsyncIterator[Shop]:
    """The services of one process, and the tenant's first price book."""
    price_books = PriceBooks(database)
    async with Writer(database) as writer:
        reads = LedgerReads(database, writer, price_books)
        referrals = Referrals(database, writer, price_books)
        loyalty = LoyaltyReviews(database, writer, price_books)
        workflows = Workflows(database, price_books)
        accounts = Accounts(database, writer, price_books, referrals)
        shop = Shop(
            tenant_id,
            database,
            writer,
            price_books,
            Publishing(database, price_books),
            reads,
            accounts,
            Alerts(writer, accounts, price_books),
            Fares(writer, price_books, reads, Quotes(database, price_books), workflows),
            Charges(reads, price_books),
            Grants(writer, price_books, referrals),
            Limits(writer, price_books),
            Transfers(database, writer, price_books, reads),
            Gifts(database, writer, price_books),
            PromoCodes(database),
            Redemptions(database, writer, price_books),
            referrals,
            loyalty,
            workflows,
            Projects(database),
            TenantClock(database, writer, price_books, loyalty),
        )
        if await price_books.at_version(tenant_id, 1) is None:
            await shop.publish(a_source())
        yield shop
