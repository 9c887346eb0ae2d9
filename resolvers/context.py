"""What a request brings along, and what the API's verbs need of the services: nothing here knows how they do it.

Services take ids and plain requests of `rules`, and answer with values: effects, or refusals in the order that
`rules.ledger.refusals` documents. They raise only for what nobody can act on, which the edge turns into UNAVAILABLE or
INTERNAL.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias
from uuid import UUID

import strawberry

from models.account import AccountKind
from models.api_key import ApiKeyKind
from models.tenant import TenantMode
from rules.ledger.balance import BalanceSnapshot
from rules.ledger.outcomes import CommitOutcome, GrantOutcome, ReleaseOutcome, ReserveOutcome
from rules.ledger.records import Estimated, Page, Slice
from rules.ledger.refusals import (
    NotFound,
)
from rules.ledger.requests import (
    CommitRequest,
    EstimateRequest,
    ExtendRequest,
    GrantRequest,
    RefundRequest,
    ReleaseRequest,
    ReserveRequest,
    RevokeGrantRequest,
)
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from schema.reads import AccountRecord, LedgerReads, PriceBooks, PublishedBook
from services.credentials import CreatedApiKey, RevokedApiKey
from services.principal import Principal
from services.tenants import CreatedTenant

__all__ = ["AccountRecord", "Context", "Info", "LedgerReads", "PriceBooks", "PublishedBook", "Services"]

EstimateOutcome = Estimated | UnknownModel | InvalidParams | NotFound | InvalidInput


class LiveBalance(Protocol):
    """One event of a balance subscription."""

    @property
    def balance(self) -> BalanceSnapshot:
        """The snapshot to show."""


class Fares(Protocol):
    """The hot path: prices the work, fingerprints the request, and asks the ledger."""

    async def estimate(self, request: EstimateRequest) -> EstimateOutcome:
        """Prices work without a lock."""

    async def reserve(self, request: ReserveRequest) -> ReserveOutcome:
        """Sets an upper bound aside."""

    async def charge(self, request: ReserveRequest) -> CommitOutcome:
        """Reserves and commits in one step, at the lines' cost."""

    async def commit(self, request: CommitRequest) -> CommitOutcome:
        """Captures what was used."""

    async def extend(self, request: ExtendRequest) -> ReserveOutcome:
        """Adds time or work to a hold."""

    async def release(self, request: ReleaseRequest) -> ReleaseOutcome:
        """Gives back what was not captured."""

    async def refund(self, request: RefundRequest) -> CommitOutcome:
        """Gives captured tokens back."""


class Grants(Protocol):
    """Tokens given and taken back by the tenant."""

    async def grant_tokens(self, request: GrantRequest) -> GrantOutcome:
        """Adds a lot of tokens."""

    async def revoke_grant(self, request: RevokeGrantRequest) -> GrantOutcome:
        """Takes back what is unspent of one."""


class Accounts(Protocol):
    """A tenant's accounts."""

    async def create(
        self, tenant_id: UUID, *, external_id: str, name: str, kind: AccountKind, time_zone: str
    ) -> AccountRecord | InvalidInput:
        """Creates the account, trial tokens included, or returns the one that has this external id, unchanged."""

    async def update(
        self,
        tenant_id: UUID,
        account_id: UUID,
        *,
        name: str | None = None,
        time_zone: str | None = None,
        frozen: bool | None = None,
        credit_limit: int | None = None,
    ) -> AccountRecord | NotFound | InvalidInput:
        """Changes what is given; None leaves a setting as it is. `credit_limit` in micro-tokens, or -1: unlimited."""

    async def get(self, tenant_id: UUID, account_id: UUID) -> AccountRecord | None:
        """One account; None when this tenant has none of that id."""

    async def list(self, tenant_id: UUID, part: Slice[str], *, search: str | None) -> Page[AccountRecord]:
        """By external id, which is also the key. `search` begins the external id or name, in any case."""

    async def count(self, tenant_id: UUID, *, search: str | None) -> int:
        """How many `list` lists in all."""


class Tenants(Protocol):
    """The AI products on this server."""

    async def create_tenant(
        self, *, slug: str, name: str, mode: TenantMode, price_book: str
    ) -> CreatedTenant | InvalidInput:
        """Creates a tenant with the shipped price book of that slug as its version 1, and its first secret key."""


class TestClocks(Protocol):
    """The clocks of TEST tenants."""

    async def advance(self, tenant_id: UUID, seconds: int) -> datetime | InvalidInput:
        """Moves the tenant's clock; everything due on the way has happened when this returns the tenant's now.

        LIVE tenants are refused, as is going back.
        """


class ApiKeys(Protocol):
    """A tenant's keys."""

    async def create_api_key(
        self,
        principal: Principal,
        *,
        name: str,
        kind: ApiKeyKind = ApiKeyKind.SECRET,
        tenant_id: UUID | None = None,
        expires_at: datetime | None = None,
    ) -> CreatedApiKey | NotFound | InvalidInput:
        """A key for the caller's own tenant, or for `tenant_id`, which the root key alone may name, and must."""

    async def revoke_api_key(self, principal: Principal, key_id: UUID) -> RevokedApiKey | NotFound:
        """Ends a key for good; again: the same answer."""


class Live(Protocol):
    """Live balances."""

    def watch(
        self, tenant_id: UUID, account_id: UUID, since_version: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[LiveBalance]]:
        """Snapshots: the account now, unless at version `since_version`, then each change; strictly rising."""


class Services(Protocol):
    """Everything that the API calls, put together by the composition."""

    @property
    def fares(self) -> Fares:
        """The hot path."""

    @property
    def grants(self) -> Grants:
        """Tokens given."""

    @property
    def accounts(self) -> Accounts:
        """Accounts."""

    @property
    def reads(self) -> LedgerReads:
        """Reads of accounts."""

    @property
    def price_books(self) -> PriceBooks:
        """Price lists."""

    @property
    def tenants(self) -> Tenants:
        """Tenants."""

    @property
    def clocks(self) -> TestClocks:
        """Test clocks."""

    @property
    def api_keys(self) -> ApiKeys:
        """Keys."""

    @property
    def live(self) -> Live:
        """Live balances."""


@dataclass(frozen=True, slots=True)
class Context:
    """One request's, or one socket's: who asks (None: no credential) and whom to call."""

    principal: Principal | None
    services: Services

    @property
    def reads(self) -> LedgerReads:
        """What accounts and holds read when they are looked into."""
        return self.services.reads

    @property
    def price_books(self) -> PriceBooks:
        """What holds and prices are shown with."""
        return self.services.price_books


Info: TypeAlias = strawberry.Info[Context, None]
"""What Strawberry hands to the root fields."""
