"""Live: accounts as they change.

Every field is a coroutine that checks access and then returns the stream, so that a refusal is the protocol's own error
and never a null event. All subscribers of a view are given the same object for one event (`Event.shown_as`): whoever
writes them out does that once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from itertools import chain, repeat
from typing import Final, Generic, Self, TypeVar

import strawberry
from graphql import GraphQLError

from models.unavailable import DatabaseUnavailable, DatabaseUnreachable
from resolvers.context import Info
from resolvers.errors import ErrorCode, coded
from resolvers.scope import ScopedAccount, account_in_scope, members_seen
from rules.ledger.alerting import AlertEvent
from rules.ledger.balance import BalanceSnapshot
from rules.ledger.burn_down import Spender
from rules.ledger.limit_status import LimitStatus as LimitStatusRecord
from schema.alerts import LowBalanceWarning, shown_warning
from schema.balances import Balance, shown_balance
from schema.described import output
from schema.limits import LimitStatus, shown_limit
from schema.scalars import Version
from schema.scopes import spender_seen
from services.ledger.live_views import BalanceView, CrossingsEvent, CrossingsView, DayLimitView, StateEvent
from services.live.pace import Pace
from services.live.subscriber import Subscriber
from services.live.view import Event, View
from services.live.watched_account import FREE_VIEWS_MAX, VIEWS_MAX, TooManyViews
from services.principal import Scope

PAUSES_SECONDS: Final = (0.1, 0.2, 0.5)
"""Between tries to read from a database that is away; the last one again and again."""

READ_SECONDS_MAX: Final = 30.0
"""To read what no event carries: so long a database may take to restart."""

JOIN_SECONDS_MAX: Final = 6.0
"""To find the account of a subscription that begins, and again to find the member: most restarts take less."""

CROSSINGS_READ: Final = 100
"""Crossings read at a time for a subscriber that resumes, or that did not take them for long."""

Answer = TypeVar("Answer")
EventShown = TypeVar("EventShown", bound=Event)
Shown = TypeVar("Shown")


@output
class LiveSubscriptions:
    """What is told as it happens."""

    @strawberry.subscription
    async def balance(
        self,
        info: Info,
        account_id: strawberry.ID | None = None,
        since_version: Version | None = None,
        member_id: strawberry.ID | None = None,
    ) -> AsyncIterator[Balance | None]:
        """The balance now, then at every change and day's end: a snapshot each time, (version, asOf) only rising.

        Bursts are conflated to at most 10 a second; the last one always comes. `entries(afterVersion:)` has what lies
        between.

        account_id: whose balance; absent: that of the credential's own account
        since_version: the last version seen; a snapshot comes at once unless it, day and price book are the same
        member_id: as this member of the account sees it
        """
        account = await account_watched(info, account_id)
        spender = await spender_watched(info, account, member_id)
        return shown_events(info, account, BalanceView(spender), since_version, _balance)

    @strawberry.subscription
    async def daily_limit(
        self,
        info: Info,
        account_id: strawberry.ID | None = None,
        since_version: Version | None = None,
        member_id: strawberry.ID | None = None,
    ) -> AsyncIterator[LimitStatus | None]:
        """The day's consumption against the limit: now, at every change of the account, and when the day ends.

        A snapshot each time, (version, asOf) only rising; conflated as `balance` is. Without a limit it says so.

        account_id: whose day; absent: that of the credential's own account
        since_version: the last version seen; a snapshot comes at once unless it, day and price book are the same
        member_id: the day of this member of the account, against its own limit or the default for members
        """
        account = await account_watched(info, account_id)
        spender = await spender_watched(info, account, member_id)
        return shown_events(info, account, DayLimitView(spender.member_id), since_version, _day)

    @strawberry.subscription
    async def low_balance(
        self, info: Info, account_id: strawberry.ID | None = None, since_version: Version | None = None
    ) -> AsyncGenerator[LowBalanceWarning | None, None]:
        """One event for each threshold crossed downwards, once per crossing; three crossed at once: three events.

        First come those that are still crossed when the subscription starts, marked `snapshot`. A threshold is armed
        again when incoming tokens lift what is available to it, else at 5 % more; crossed again, it has another id.
        Who resumes gets the last ones received once more, since several may have one version: tell them by their ids.

        account_id: whose balance; absent: that of the credential's own account
        since_version: to resume, the last warning's version: all crossed with it or later, not those still crossed
        """
        account = await account_watched(info, account_id)
        return _warnings(info, account, since_version)


def too_many_views() -> GraphQLError:
    """What somebody is told who asks for one view more than there is room for."""
    return coded(
        ErrorCode.TOO_MANY_REQUESTS,
        f"Too many different members and projects of this account are watched: at most {VIEWS_MAX} subscriptions that "
        f"differ in them, {FREE_VIEWS_MAX} of those by project. Watch the whole account, or come again later.",
    )


async def account_watched(info: Info, account_id: str | None) -> ScopedAccount:
    """The account that a subscription is about. Raises a coded error where there is none in the credential's scope."""
    account = account_in_scope(info, Scope.READ, account_id)
    if not (isinstance(account, ScopedAccount) and await _is_there(info, account)):
        raise coded(ErrorCode.BAD_USER_INPUT, "`accountId` must be the id of an account in the credential's scope.")
    return account


async def _is_there(info: Info, account: ScopedAccount) -> bool:
    """Who comes again while the database restarts, or with thousands, waits: a refusal ends what clients resume."""
    return await _patiently(
        lambda: info.context.reads.has_account(account.tenant_id, account.account_id), JOIN_SECONDS_MAX
    )


async def spender_watched(
    info: Info, account: ScopedAccount, member_id: str | None, project: str | None = None
) -> Spender:
    """As `spender_seen`, for a subscription that begins: it waits as for the account."""
    seen = members_seen(info)
    return await _patiently(
        lambda: spender_seen(info.context.reads, seen, account.tenant_id, account.account_id, member_id, project),
        JOIN_SECONDS_MAX,
    )


async def _patiently(ask: Callable[[], Awaitable[Answer]], seconds_max: float) -> Answer:
    """What is asked of a database that may be away for a moment. Raises DatabaseUnavailable after so long."""
    pauses = chain(PAUSES_SECONDS, repeat(PAUSES_SECONDS[-1]))
    try:
        # Also a try that waits for an answer ends then.
        async with asyncio.timeout(seconds_max):
            while True:
                try:
                    return await ask()
                except DatabaseUnavailable:
                    await asyncio.sleep(next(pauses))
    except TimeoutError as error:
        raise DatabaseUnreachable(f"the database did not answer within {seconds_max:g} s") from error


class ShownEvents(Generic[EventShown, Shown]):
    """What a view shows of an account, at its pace: an async iterator that must be closed.

    `watch` is entered by the first step. `show` must be a function of a module.
    """

    __slots__ = ("_events", "_show", "_take", "_watch")

    def __init__(
        self, watch: AbstractAsyncContextManager[Subscriber[EventShown]], show: Callable[[EventShown], Shown]
    ) -> None:
        self._watch = watch
        self._show = show
        self._events: Subscriber[EventShown] | None = None
        self._take: Callable[[Shown], bool] | None = None

    def hand_to(self, take: Callable[[Shown], bool]) -> None:
        """As Subscriber.hand_to; before the first step."""
        self._take = take

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Shown:
        if self._events is None:
            try:
                self._events = await self._watch.__aenter__()
            except TooManyViews:
                raise too_many_views() from None
            if self._take is not None:
                self._events.hand_to(self._hand_over)
        event = await anext(self._events)
        return event.shown_as(self._show)

    async def aclose(self) -> None:
        """Watches no longer."""
        if self._events is not None:
            await self._watch.__aexit__(None, None, None)
            self._events = None

    def _hand_over(self, event: EventShown) -> bool:
        return self._take is not None and self._take(event.shown_as(self._show))


def shown_events(
    info: Info,
    account: ScopedAccount,
    view: View[EventShown],
    since_version: int | None,
    show: Callable[[EventShown], Shown],
    pace: Pace | None = None,
) -> ShownEvents[EventShown, Shown]:
    """What a view shows, at the pace given, else at most ten times a second; `show` must be a function of a module."""
    live = info.context.services.live
    watch = live.watch(account.tenant_id, account.account_id, view, since_version, pace=pace)
    return ShownEvents(watch, show)


def _balance(event: StateEvent[BalanceSnapshot]) -> Balance:
    return shown_balance(event.state)


def _day(event: StateEvent[LimitStatusRecord]) -> LimitStatus:
    return shown_limit(event.state)


async def _warnings(
    info: Info, account: ScopedAccount, since_version: int | None
) -> AsyncGenerator[LowBalanceWarning | None, None]:
    live = info.context.services.live
    told: int | None = None
    """The number of the account's event up to which this subscription was told: all that it holds between events."""
    from_version = since_version or 0
    async with AsyncExitStack() as watching:
        try:
            events = await watching.enter_async_context(
                live.watch(account.tenant_id, account.account_id, CrossingsView())
            )
        except TooManyViews:
            raise too_many_views() from None
        async for event in events:
            snapshot, crossings = event.shown_as(_shown_crossings)
            if told is None and since_version is None:
                for warning in snapshot:
                    yield warning
                told = event.after
            # What no event carries is read: where one resumes, and where more was crossed than an event keeps.
            async with aclosing(_between(info, account, told or 0, event.after, from_version)) as missed:
                async for warning in missed:
                    yield warning
            for warning in crossings:
                yield warning
            async with aclosing(_between(info, account, event.read_through, event.through)) as more:
                async for warning in more:
                    yield warning
            told, from_version = event.through, 0


def _shown_crossings(event: CrossingsEvent) -> tuple[list[LowBalanceWarning], list[LowBalanceWarning]]:
    """Those of the snapshot, and those crossed since."""
    return (
        [shown_warning(event.account_id, crossing, snapshot=True) for crossing in event.snapshot],
        [shown_warning(event.account_id, crossing, snapshot=False) for crossing in event.crossings],
    )


async def _between(
    info: Info, account: ScopedAccount, after: int, through: int, from_version: int = 0
) -> AsyncGenerator[LowBalanceWarning, None]:
    """The crossings numbered beyond `after`, through `through`, page by page."""
    while after < through:
        page = await _page(info, account, after, through, from_version)
        for crossing in page:
            yield shown_warning(account.account_id, crossing, snapshot=False)
        after = page[-1].event_id if len(page) == CROSSINGS_READ else through


async def _page(
    info: Info, account: ScopedAccount, after: int, through: int, from_version: int
) -> tuple[AlertEvent, ...]:
    """A database that restarts just now must not end what others only see late."""
    try:
        return await _patiently(
            lambda: info.context.reads.crossings(
                account.tenant_id, account.account_id, after, through, first=CROSSINGS_READ, from_version=from_version
            ),
            READ_SECONDS_MAX,
        )
    except DatabaseUnavailable:
        raise coded(ErrorCode.UNAVAILABLE, "The warnings cannot be read now; subscribe again.") from None
