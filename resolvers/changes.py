"""The change log: who administered what."""

from __future__ import annotations

from functools import partial
from operator import attrgetter

import strawberry

from resolvers.context import Info
from resolvers.errors import ErrorCode, coded
from resolvers.scope import named_account, tenant_shown_to
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from schema.changes import Change, shown_change
from schema.connections import FIRST_DEFAULT, Connection, Listing, connection, slice_of_numbers
from schema.described import output
from services.principal import Scope


@output
class ChangeQueries:
    """Reads of the change log."""

    @strawberry.field
    async def changes(
        self,
        info: Info,
        first: int | None = FIRST_DEFAULT,
        after: str | None = None,
        account_id: strawberry.ID | None = None,
    ) -> Connection[Change] | None:
        """Administrative acts, newest first. Needs a secret key; a client token of the role ADMIN sees its account's.

        first: how many, 1 to 100
        after: the cursor that the page follows
        account_id: only those that concern this account
        """
        tenant_id = tenant_shown_to(info, Scope.ADMINISTER)
        account = named_account(info, account_id, None)
        if isinstance(account, NotFound | InvalidInput):
            raise coded(ErrorCode.BAD_USER_INPUT, "`accountId` must be the id of an account in the credential's scope.")
        log = info.context.services.change_log
        page = await log.list(tenant_id, account, slice_of_numbers(Listing.CHANGES, first, after))
        return connection(
            Listing.CHANGES,
            page,
            partial(shown_change, tenant_id),
            attrgetter("change_id"),
            partial(log.count, tenant_id, account),
            follows=after is not None,
        )
