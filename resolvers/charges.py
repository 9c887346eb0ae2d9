"""Charges explained: one hold's charge, recomputed."""

from __future__ import annotations

import strawberry

from resolvers.context import Info
from resolvers.scope import members_seen, row_in_scope
from rules.identity import IdKind
from rules.ledger.refusals import NotFound
from schema.charges import ChargeExplanation, shown_charge
from schema.described import output
from services.principal import Scope


@output
class ChargeQueries:
    """Reads that explain."""

    @strawberry.field
    async def explain_charge(self, info: Info, hold_id: strawberry.ID) -> ChargeExplanation | None:
        """Everything that made one charge what it is: price version, steps, grants burned, refunds, entries.

        Null when the credential's tenant has no hold of this id.

        hold_id: the hold's id; also of what `charge` did in one step
        """
        row = row_in_scope(info, Scope.READ, hold_id, IdKind.HOLD)
        if isinstance(row, NotFound):
            return None
        tenant_id, account_id = row.tenant_id, row.account_id
        explained = await info.context.services.charges.explain(tenant_id, account_id, row.local)
        if explained is None or not members_seen(info).include(explained.facts.hold.member_id):
            return None
        version = explained.facts.hold.price_book_version
        published = await info.context.price_books.at_version(tenant_id, version)
        if published is None:
            raise LookupError(f"price book version {version} is gone")
        return shown_charge(
            tenant_id, account_id, explained.facts, explained.check, explained.views, published, explained.limits
        )
