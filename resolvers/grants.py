"""Grants: tokens given to an account, and taken back."""

from __future__ import annotations

from uuid import UUID

import strawberry

from resolvers.context import Info
from resolvers.scope import required_account, row_of, tenant_with
from rules.identity import IdKind
from rules.ledger.kinds import GrantSource
from rules.ledger.outcomes import GrantEffect, GrantOutcome
from rules.ledger.refusals import NotFound, RateLimited
from rules.ledger.requests import GrantRequest, RevokeGrantRequest
from rules.promotions.promo_codes import PromoNotActive
from schema.balances import shown_balance, shown_grant
from schema.described import output
from schema.inputs import PRIORITY_DEFAULT, GrantTokensInput, RevokeGrantInput
from schema.refusals import problem_of
from schema.results import GrantResult, GrantSuccess
from services.principal import Scope


@output
class GrantMutations:
    """The verbs that give tokens and take them back."""

    @strawberry.mutation
    async def grant_tokens(self, info: Info, input: GrantTokensInput) -> GrantResult | None:
        """Adds a lot of tokens to an account.

        input: what to add, and to whom
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        account_id = required_account(tenant_id, input.account_id, input.account_external_id)
        if not isinstance(account_id, UUID):
            return problem_of(account_id)
        request = GrantRequest(
            tenant_id,
            account_id,
            key=input.idempotency_key,
            amount=input.amount,
            source=input.source or GrantSource.BONUS,
            priority=PRIORITY_DEFAULT if input.priority is None else input.priority,
            expires_at=None if input.expires_at is None else input.expires_at.value,
            never_expires=input.expires_at is not None and input.expires_at.value is None,
            note=input.note,
        )
        return grant_result(await info.context.services.grants.grant_tokens(request))

    @strawberry.mutation
    async def revoke_grant(self, info: Info, input: RevokeGrantInput) -> GrantResult | None:
        """Takes back what is unspent of a grant: the unheld part at once, held parts as they come back.

        input: which grant
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        row = row_of(input.grant_id, IdKind.GRANT)
        if isinstance(row, NotFound):
            return problem_of(row)
        request = RevokeGrantRequest(tenant_id, row[0], key=input.idempotency_key, grant_id=row[1], note=input.note)
        return grant_result(await info.context.services.grants.revoke_grant(request))


def grant_result(outcome: GrantOutcome | PromoNotActive | RateLimited) -> GrantResult:
    """What came of a verb about a grant, as it is shown."""
    if isinstance(outcome, GrantEffect):
        return GrantSuccess(
            grant=shown_grant(outcome.balance.account_id, outcome.grant),
            balance=shown_balance(outcome.balance),
            replayed=outcome.replayed,
        )
    return problem_of(outcome)
