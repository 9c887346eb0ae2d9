"""Live: the balance as it changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from uuid import UUID

import strawberry

from resolvers.context import Info
from resolvers.errors import ErrorCode, coded
from resolvers.scope import parsed, tenant_with
from rules.identity import IdKind
from schema.balances import Balance, shown_balance
from schema.described import output
from schema.scalars import Version
from services.principal import Scope


@output
class LiveSubscriptions:
    """What is told as it happens."""

    @strawberry.subscription
    async def balance(
        self, info: Info, account_id: strawberry.ID | None = None, since_version: Version | None = None
    ) -> AsyncGenerator[Balance | None, None]:
        """The balance now, then at every change and day's end: a snapshot each time, (version, asOf) only rising.

        Bursts are conflated to at most 10 a second; the last one always comes. `entries(afterVersion:)` has what lies
        between.

        account_id: whose balance
        since_version: the last version seen; a snapshot comes at once unless it is the same and the day has not ended
        """
        tenant_id = tenant_with(info, Scope.READ)
        named = None if account_id is None else parsed(account_id, IdKind.ACCOUNT)
        # Checked before anything is streamed, so that a refusal is the protocol's own error and not a null event.
        if named is None or await info.context.reads.balance(tenant_id, named.owner) is None:
            raise coded(ErrorCode.BAD_USER_INPUT, "`accountId` must be the id of an account of this tenant.")
        return _snapshots(info, tenant_id, named.owner, since_version)


async def _snapshots(
    info: Info, tenant_id: UUID, account_id: UUID, since_version: int | None
) -> AsyncGenerator[Balance | None, None]:
    async with info.context.services.live.watch(tenant_id, account_id, since_version) as events:
        async for event in events:
            yield shown_balance(event.balance)
