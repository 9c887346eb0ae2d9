"""A stage for the API: services that answer what a test laid out, and remember what they were asked."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID

from models.account import AccountKind
from models.tenant import TenantMode
from rules.credentials import CredentialKind
from rules.identity import IdKind, account_id_of, member_id_of, public_id
from rules.ledger.alerting import Alerting
from rules.ledger.balance import POOL, BalanceSnapshot
from rules.ledger.hold_events import HoldsEvent, HoldsPosition, HoldsView, OpenHolds
from rules.ledger.kinds import LimitPeriod, LimitScope, MemberRole
from rules.ledger.limit_status import LimitStatus
from rules.ledger.local_days import local_day_of
from rules.ledger.records import Page
from rules.ledger.state import Hold
from rules.ledger.team import Member
from rules.ledger.usage import UsageKey
from rules.ledger.usage_events import Breakdown, Sums, UsageEvent, UsagePosition, UsageView
from rules.pricing.formulas import Flat
from rules.pricing.policies import Policies
from rules.pricing.price_book import Dimension, DimensionType, Price, PriceBook, PriceBounds
from rules.pricing.tokens import MICROS
from services.ledger.live_views import StateEvent
from services.live.pace import Pace
from services.live.view import View
from services.principal import CLIENT_SCOPES, SCOPES, Principal, Scope

TENANT = UUID(int=1)
OTHER_TENANT = UUID(int=2)
ACCOUNT = account_id_of(TENANT, "alice")
ACCOUNT_ID = public_id(IdKind.ACCOUNT, ACCOUNT)
HOLD_ID = public_id(IdKind.HOLD, ACCOUNT, 7)
GRANT_ID = public_id(IdKind.GRANT, ACCOUNT, 1)
MEMBER = member_id_of(ACCOUNT, "anna")
MEMBER_ID = public_id(IdKind.MEMBER, ACCOUNT, part=MEMBER)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

SECRET_KEY = "the tenant's key"
ROOT_KEY = "the root key"

SECRET = Principal(CredentialKind.SECRET, SCOPES[CredentialKind.SECRET], TENANT, "studio", "Studio", TenantMode.TEST)
ROOT = Principal(CredentialKind.ROOT, SCOPES[CredentialKind.ROOT])


def a_client_token(*more: Scope, role: MemberRole = MemberRole.MEMBER) -> Principal:
    """A caller with a token of the account, which may also do `more`."""
    scopes = (*CLIENT_SCOPES[role], *more)
    return Principal(
        CredentialKind.CLIENT, scopes, TENANT, "studio", "Studio", TenantMode.TEST, account_id=ACCOUNT, role=role
    )


@dataclass(frozen=True)
class AnAccount:
    account_id: UUID = ACCOUNT
    external_id: str = "alice"
    name: str = "Alice"
    kind: AccountKind = AccountKind.PERSONAL
    time_zone: str = "UTC"
    credit_limit: int = 0
    frozen: bool = False
    plan_id: str | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True)
class ABook:
    book: PriceBook
    version: int = 3
    published_at: datetime = NOON
    effective_at: datetime = NOON


def a_limit(**changes: Any) -> LimitStatus:
    facts: dict[str, Any] = {
        "account_id": ACCOUNT,
        "scope": LimitScope.ACCOUNT,
        "period": LimitPeriod.DAY,
        "member_id": None,
        "project": None,
        "limit": 50 * MICROS,
        "consumed": 35 * MICROS,
        "resets_at": NOON + timedelta(hours=12),
        "near_percent": 80,
        "version": 9,
        "as_of": NOON,
    }
    return LimitStatus(**facts | changes)


def a_balance(**changes: Any) -> BalanceSnapshot:
    facts: dict[str, Any] = {
        "account_id": ACCOUNT,
        "version": 9,
        "total": 100 * MICROS,
        "held": 35 * MICROS,
        "available": 65 * MICROS,
        "owed": 0,
        "unlimited": False,
        "mark": 100 * MICROS,
        "as_of": NOON,
        "today": a_limit(),
    }
    return BalanceSnapshot(**facts | changes)


def a_hold(**changes: Any) -> Hold:
    facts: dict[str, Any] = {
        "hold_id": 7,
        "amount": 35 * MICROS,
        "remaining": 35 * MICROS,
        "created_at": NOON,
        "expires_at": NOON + timedelta(minutes=15),
        "price_book_version": 3,
    }
    return Hold(**facts | changes)


def a_usage_event(**changes: Any) -> UsageEvent:
    day = local_day_of("UTC", NOON)
    key = UsageKey(day.day, MEMBER, "film", "flux", "image")
    facts: dict[str, Any] = {
        "view": UsageView(),
        "position": UsagePosition(ACCOUNT, 9, NOON, day),
        "snapshot": False,
        "today": Sums(20 * MICROS, 5 * MICROS, 2**40, 3),
        "added": Breakdown({key: Sums(2 * MICROS, 3 * MICROS, 4, 1)}),
    }
    return UsageEvent(**facts | changes)


def a_holds_event(*numbers: int, **changes: Any) -> HoldsEvent:
    holds = tuple(a_hold(hold_id=number, captures=number % 2) for number in numbers)
    facts: dict[str, Any] = {
        "view": HoldsView(),
        "position": HoldsPosition(TENANT, ACCOUNT, 9, NOON),
        "snapshot": True,
        "open": OpenHolds(123, 456 * MICROS, holds),
        "holds": holds,
    }
    return HoldsEvent(**facts | changes)


def a_member(**changes: Any) -> Member:
    facts: dict[str, Any] = {
        "member_id": MEMBER,
        "external_id": "anna",
        "name": "Anna",
        "role": MemberRole.MEMBER,
        "created_at": NOON,
    }
    return Member(**facts | changes)


def a_price(model: str, tokens: int, category: str = "image") -> Price:
    width = Dimension("width", DimensionType.INTEGER, unit="px", default=512, minimum=64, maximum=2048)
    bounds = PriceBounds(tokens * MICROS, tokens * MICROS, tokens * MICROS)
    return Price(model, model.title(), category, Flat(tokens * MICROS), bounds, dimensions=(width,))


def a_book() -> PriceBook:
    prices = (a_price("flux", 5), a_price("imagen", 10), a_price("kling", 20, "video"), a_price("suno", 8, "music"))
    return PriceBook("studio", "Studio", "usd", ("free", "pro"), Policies(), prices)


@dataclass
class Asked:
    """One noun's services: `answers` by method, `calls` as (method, arguments, keywords)."""

    answers: dict[str, Any]
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        async def method(*arguments: Any, **keywords: Any) -> Any:
            self.calls.append((name, arguments, keywords))
            answer = self.answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer(*arguments, **keywords) if callable(answer) else answer

        return method

    @property
    def request(self) -> Any:
        """The only request that was made."""
        ((_, (request,), _),) = self.calls
        return request


class Listener:
    """The events of one who listens, none left out; handed over as a Subscriber's are."""

    def __init__(self) -> None:
        self._untaken: asyncio.Queue[Any] = asyncio.Queue()
        self._take: Callable[[Any], bool] | None = None
        self._waits = False

    def hand_to(self, take: Callable[[Any], bool]) -> None:
        self._take = take

    def push(self, event: Any) -> None:
        is_event = event is not None and not isinstance(event, Exception)
        if is_event and self._waits and self._untaken.empty() and self._take is not None and self._take(event):
            return
        self._untaken.put_nowait(event)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        self._waits = True
        try:
            event = await self._untaken.get()
        finally:
            self._waits = False
        if event is None:
            raise StopAsyncIteration
        if isinstance(event, Exception):
            raise event
        return event


class Feed:
    """A live source: `push` shows a balance, a limit, or any other event to everyone who listens."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.since: list[int | None] = []
        self.views: list[View[Any]] = []
        self.listened = asyncio.Event()

    @asynccontextmanager
    async def watch(
        self,
        tenant_id: UUID,
        account_id: UUID,
        view: View[Any],
        since_version: int | None = None,
        *,
        pace: Pace | None = None,
    ) -> AsyncIterator[Listener]:
        listener = Listener()
        self.listeners.append(listener)
        self.since.append(since_version)
        self.views.append(view)
        self.listened.set()

        try:
            yield listener
        finally:
            self.listeners.remove(listener)

    def push(self, event: Any) -> None:
        if isinstance(event, BalanceSnapshot | LimitStatus):
            event = StateEvent(event, was_reset=False)
        for listener in self.listeners:
            listener.push(event)


class Keys:
    """Who has which key; `revoke` ends one."""

    def __init__(self) -> None:
        self.known: dict[str, Principal] = {SECRET_KEY: SECRET, ROOT_KEY: ROOT}
        self.failure: Exception | None = None

    async def authenticate(self, key: str) -> Principal | None:
        if self.failure is not None:
            raise self.failure
        return self.known.get(key)

    async def authenticate_many(self, keys: Sequence[str]) -> list[Principal | None]:
        return [await self.authenticate(key) for key in keys]

    def is_past(self, instant: datetime) -> bool:
        return datetime.now(UTC) >= instant


class Stage:
    """Everything that the API calls."""

    def __init__(self) -> None:
        book = ABook(a_book())
        self.fares = Asked({})
        self.charges = Asked({})
        self.grants = Asked({})
        self.limits = Asked({})
        self.members = Asked({})
        self.transfers = Asked({})
        self.workflows = Asked({"list": Page((), False), "count": 0, "find": None})
        self.projects = Asked({"list": Page((), False), "count": 0, "find": None})
        self.gifts = Asked({})
        self.promo_codes = Asked({"list": Page((), False), "count": 0})
        self.redemptions = Asked({})
        self.accounts = Asked({"get": lambda tenant, account: AnAccount() if account == ACCOUNT else None})
        self.alerts = Asked({})
        self.reads: Asked = Asked(
            defaultdict(
                lambda: Page((), False),
                balance=lambda tenant, account, spender=POOL: (
                    a_balance(spender=spender) if account == ACCOUNT else None
                ),
                hold=None,
                grant=None,
                entry=None,
                alert_settings=Alerting(),
                alert_event=None,
                count_alert_events=0,
                count_entries=0,
                count_grants=0,
                count_holds=0,
                count_members=0,
                member=None,
                has_account=self._has_account,
                has_member=lambda tenant, account, member: self.reads.answers["member"] is not None,
                hold_lines=(),
                hold_captures=(),
                paid=(),
                limits=(),
            )
        )
        self.price_books = Asked({"current": book, "at_version": book, "currency": book.book.currency})
        self.publishing = Asked({})
        self.margins = Asked({})
        self.usage = Asked({})
        self.tenants = Asked({})
        self.clocks = Asked({})
        self.api_keys = Asked({})
        self.client_tokens = Asked({})
        self.change_log = Asked({})
        self.live = Feed()
        self.credentials = Keys()
        self.checks = {"database": "ok", "migrations": "ok", "bus": "ok"}

    def _has_account(self, tenant: UUID, account: UUID) -> bool:
        """As the account's balance has it."""
        balance = self.reads.answers["balance"]
        if isinstance(balance, Exception):
            raise balance
        return (balance(tenant, account) if callable(balance) else balance) is not None

    async def readiness(self) -> dict[str, str]:
        return self.checks
