"""Grants: tokens given to an account, and taken back."""

from __future__ import annotations

from uuid import UUID

import strawberry

from resolvers.context import Info
from resolvers.scope import named_member, parsed, required_account, row_of, tenant_with
from rules.identity import IdKind
from rules.ledger.kinds import GrantSource
from rules.ledger.outcomes import GrantEffect, GrantOutcome
from rules.ledger.refusals import NotFound
from rules.ledger.requests import AssignRequest, GrantRequest, RevokeGrantRequest, TransferRequest
from rules.pricing.refusals import InvalidInput
from schema.balances import shown_balance, shown_grant
from schema.described import output
from schema.inputs import PRIORITY_DEFAULT, AssignTokensInput, GrantTokensInput, RevokeGrantInput, TransferTokensInput
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
        return _result(await info.context.services.grants.grant_tokens(request))

    @strawberry.mutation
    async def assign_tokens(self, info: Info, input: AssignTokensInput) -> GrantResult | None:
        """Moves tokens between the pool and a member or project; a negative amount takes them back.

        The grant that is shown is the first part that was split off, or taken from.

        input: how many, and for whom
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        account = parsed(input.account_id, IdKind.ACCOUNT)
        if account is None:
            return problem_of(NotFound("account"))
        member_id = named_member(account.owner, input.member_id, None)
        if isinstance(member_id, NotFound | InvalidInput):
            if await info.context.services.accounts.get(tenant_id, account.owner) is None:
                return problem_of(NotFound("account"))
            return problem_of(member_id)
        request = AssignRequest(
            tenant_id,
            account.owner,
            key=input.idempotency_key,
            amount=input.amount,
            member_id=member_id,
            project=input.project,
        )
        return _result(await info.context.services.grants.assign_tokens(request))

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
        return _result(await info.context.services.grants.revoke_grant(request))

    @strawberry.mutation
    async def transfer_tokens(self, info: Info, input: TransferTokensInput) -> GrantResult | None:
        """Moves tokens to another account of the tenant, with their expiry, priority and what was paid for them.

        They come from unassigned grants in burn order, and arrive as one grant for each; there they first pay what was
        clawed back. The answer shows the account that sends: its balance, and the grant that was taken from first.
        If the other account is closed while they are on their way, they come back.

        input: from where, to where, and how many
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        source = _party(tenant_id, "from", input.from_account_id, input.from_external_id)
        target = _party(tenant_id, "to", input.to_account_id, input.to_external_id)
        if not isinstance(source, UUID):
            return problem_of(source)
        if not isinstance(target, UUID):
            return problem_of(target)
        request = TransferRequest(
            tenant_id, source, key=input.idempotency_key, target_id=target, amount=input.amount, note=input.note
        )
        return _result(await info.context.services.transfers.transfer_tokens(request))


def _party(
    tenant_id: UUID, side: str, account_id: str | None, external_id: str | None
) -> UUID | NotFound | InvalidInput:
    """One of the two accounts; what is wrong is told by its own field."""
    named = required_account(tenant_id, account_id, external_id)
    return InvalidInput(f"{side}AccountId", named.message) if isinstance(named, InvalidInput) else named


def _result(outcome: GrantOutcome) -> GrantResult:
    if isinstance(outcome, GrantEffect):
        return GrantSuccess(
            grant=shown_grant(outcome.balance.account_id, outcome.grant),
            balance=shown_balance(outcome.balance),
            replayed=outcome.replayed,
        )
    return problem_of(outcome)
