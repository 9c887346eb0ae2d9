"""Live: the balance as it changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from uuid import UUID

import strawberry

from resolvers.context import Info
from resolvers.errors import ErrorCode, coded
from resolvers.scope import ScopedAccount, account_in_scope
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
        """The balance now, then at every change: a snapshot each time, (version, asOf) only rising.

        Bursts are conflated to at most 10 a second; the last one always comes. `entries(afterVersion:)` has what lies
        between.

        account_id: whose balance; absent: that of the credential's own account
        since_version: the last version that the client saw; a snapshot comes at once unless it is still the same
        """
        account = account_in_scope(info, Scope.READ, account_id)
        # Checked before anything is streamed, so that a refusal is the protocol's own error and not a null event.
        if (
            not isinstance(account, ScopedAccount)
            or await info.context.reads.balance(account.tenant_id, account.account_id) is None
        ):
            raise coded(ErrorCode.BAD_USER_INPUT, "`accountId` must be the id of an account in the credential's scope.")
        return _snapshots(info, account.tenant_id, account.account_id, since_version)


async def _snapshots(
    info: Info, tenant_id: UUID, account_id: UUID, since_version: int | None
) -> AsyncGenerator[Balance | None, None]:
    async with info.context.services.live.watch(tenant_id, account_id, since_version) as events:
        async for event in events:
            yield shown_balance(event.balance)
