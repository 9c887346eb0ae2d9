"""Live: the balance as it changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Final
from uuid import UUID

import strawberry

from models.unavailable import DatabaseUnavailable
from resolvers.context import Info
from resolvers.errors import ErrorCode, coded
from resolvers.scope import ScopedAccount, account_in_scope, members_seen
from rules.ledger.balance import BalanceSnapshot
from rules.ledger.burn_down import Spender
from schema.balances import Balance, shown_balance
from schema.described import output
from schema.scalars import Version
from schema.scopes import spender_seen
from services.ledger.lane import LedgerUnavailable
from services.principal import Scope

READ_PAUSES_SECONDS: Final = (0.1, *[0.5] * 59)
"""Between tries to read what a change brought: half a minute in all, as long as a database takes to restart."""


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
        account = account_in_scope(info, Scope.READ, account_id)
        # Checked before anything is streamed, so that a refusal is the protocol's own error and not a null event.
        if (
            not isinstance(account, ScopedAccount)
            or await info.context.reads.balance(account.tenant_id, account.account_id) is None
        ):
            raise coded(ErrorCode.BAD_USER_INPUT, "`accountId` must be the id of an account in the credential's scope.")
        tenant_id, owner = account.tenant_id, account.account_id
        if member_id is None:
            return _snapshots(info, tenant_id, owner, since_version)
        spender = await spender_seen(info.context.reads, members_seen(info), tenant_id, owner, member_id, None)
        return _snapshots_for(info, tenant_id, owner, spender, since_version)


async def _snapshots(
    info: Info, tenant_id: UUID, account_id: UUID, since_version: int | None
) -> AsyncGenerator[Balance | None, None]:
    async with info.context.services.live.watch(tenant_id, account_id, since_version) as events:
        async for event in events:
            yield shown_balance(event.balance)


async def _snapshots_for(
    info: Info, tenant_id: UUID, account_id: UUID, spender: Spender, since_version: int | None
) -> AsyncGenerator[Balance | None, None]:
    """As `_snapshots`, but what is watched is the account: at each of its changes the spender's own view is read."""
    shown: tuple[int, datetime] | None = None
    async with info.context.services.live.watch(tenant_id, account_id, since_version) as events:
        async for _ in events:
            balance = await _read_patiently(info, tenant_id, account_id, spender)
            # The read may be ahead of the event that caused it; then the next event has nothing new.
            if shown is None or (balance.version, balance.as_of) > shown:
                shown = balance.version, balance.as_of
                yield shown_balance(balance)


async def _read_patiently(info: Info, tenant_id: UUID, account_id: UUID, spender: Spender) -> BalanceSnapshot:
    """A database that restarts just now must not end what others only see late."""
    for pause_seconds in READ_PAUSES_SECONDS:
        try:
            balance = await info.context.reads.balance(tenant_id, account_id, spender)
        except (DatabaseUnavailable, LedgerUnavailable):
            await asyncio.sleep(pause_seconds)
            continue
        if balance is None:
            raise LookupError(f"account {account_id} has no row in the ledger")
        return balance
    raise coded(ErrorCode.UNAVAILABLE, "The balance cannot be read now; subscribe again.")
