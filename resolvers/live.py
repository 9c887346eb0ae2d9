"""Live: accounts as they change.

Every field is a coroutine that checks access and then returns the stream, so that a refusal is the protocol's own error
and never a null event. All subscribers of a view are given the same object for one event (`Event.shown_as`): whoever
writes them out does that once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

import strawberry

from resolvers.context import Info
from resolvers.errors import ErrorCode, coded
from resolvers.scope import ScopedAccount, account_in_scope, members_seen
from rules.ledger.balance import BalanceSnapshot
from schema.balances import Balance, shown_balance
from schema.described import output
from schema.scalars import Version
from schema.scopes import spender_seen
from services.ledger.live_views import BalanceView, StateEvent
from services.live.pace import Pace
from services.live.view import Event, View
from services.principal import Scope

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
    ) -> AsyncGenerator[Balance | None, None]:
        """The balance now, then at every change and day's end: a snapshot each time, (version, asOf) only rising.

        Bursts are conflated to at most 10 a second; the last one always comes. `entries(afterVersion:)` has what lies
        between.

        account_id: whose balance; absent: that of the credential's own account
        since_version: the last version seen; a snapshot comes at once unless it is the same and the day has not ended
        member_id: as this member of the account sees it
        """
        account = await account_watched(info, account_id)
        spender = await spender_seen(
            info.context.reads, members_seen(info), account.tenant_id, account.account_id, member_id, None
        )
        return shown_events(info, account, BalanceView(spender), since_version, _balance)


async def account_watched(info: Info, account_id: str | None) -> ScopedAccount:
    """The account that a subscription is about. Raises a coded error where there is none in the credential's scope."""
    account = account_in_scope(info, Scope.READ, account_id)
    if (
        not isinstance(account, ScopedAccount)
        or await info.context.reads.balance(account.tenant_id, account.account_id) is None
    ):
        raise coded(ErrorCode.BAD_USER_INPUT, "`accountId` must be the id of an account in the credential's scope.")
    return account


async def shown_events(
    info: Info,
    account: ScopedAccount,
    view: View[EventShown],
    since_version: int | None,
    show: Callable[[EventShown], Shown],
    pace: Pace | None = None,
) -> AsyncGenerator[Shown | None, None]:
    """What a view shows, at the pace given, else at most ten times a second; `show` must be a function of a module."""
    live = info.context.services.live
    async with live.watch(account.tenant_id, account.account_id, view, since_version, pace=pace) as events:
        async for event in events:
            yield event.shown_as(show)


def _balance(event: StateEvent[BalanceSnapshot]) -> Balance:
    return shown_balance(event.state)
