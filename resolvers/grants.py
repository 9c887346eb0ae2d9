"""Grants: tokens given to an account, and taken back."""

from __future__ import annotations

import strawberry

from resolvers.context import Info
from resolvers.scope import ScopedAccount, account_in_scope, member_in_account, principal_of, row_in_scope
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
        account = account_in_scope(info, Scope.MANAGE, input.account_id, input.account_external_id)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        request = GrantRequest(
            account.tenant_id,
            account.account_id,
            key=input.idempotency_key,
            amount=input.amount,
            source=input.source or GrantSource.BONUS,
            priority=PRIORITY_DEFAULT if input.priority is None else input.priority,
            expires_at=None if input.expires_at is None else input.expires_at.value,
            never_expires=input.expires_at is not None and input.expires_at.value is None,
            note=input.note,
        )
        return _result(await info.context.services.grants.grant_tokens(request, by=principal_of(info)))

    @strawberry.mutation
    async def assign_tokens(self, info: Info, input: AssignTokensInput) -> GrantResult | None:
        """Moves tokens between the pool and a member or project; a negative amount takes them back.

        The grant that is shown is the first part that was split off, or taken from.

        input: how many, and for whom
        """
        account = account_in_scope(info, Scope.ADMINISTER, input.account_id)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        tenant_id, account_id = account.tenant_id, account.account_id
        member_id = None if input.member_id is None else member_in_account(account_id, input.member_id)
        if input.member_id is not None and member_id is None:
            if await info.context.services.accounts.get(tenant_id, account_id) is None:
                return problem_of(NotFound("account"))
            return problem_of(NotFound("member"))
        request = AssignRequest(
            tenant_id,
            account_id,
            key=input.idempotency_key,
            amount=input.amount,
            member_id=member_id,
            project=input.project,
        )
        return _result(await info.context.services.grants.assign_tokens(request, by=principal_of(info)))

    @strawberry.mutation
    async def revoke_grant(self, info: Info, input: RevokeGrantInput) -> GrantResult | None:
        """Takes back what is unspent of a grant: the unheld part at once, held parts as they come back.

        input: which grant
        """
        row = row_in_scope(info, Scope.MANAGE, input.grant_id, IdKind.GRANT)
        if isinstance(row, NotFound):
            return problem_of(row)
        request = RevokeGrantRequest(
            row.tenant_id, row.account_id, key=input.idempotency_key, grant_id=row.local, note=input.note
        )
        return _result(await info.context.services.grants.revoke_grant(request, by=principal_of(info)))

    @strawberry.mutation
    async def transfer_tokens(self, info: Info, input: TransferTokensInput) -> GrantResult | None:
        """Moves tokens to another account of the tenant, with their expiry, priority and what was paid for them.

        They come from unassigned grants in burn order, and arrive as one grant for each; there they first pay what was
        clawed back. The answer shows the account that sends: its balance, and the grant that was taken from first.
        If the other account is closed while they are on their way, they come back.

        input: from where, to where, and how many
        """
        source = _party(info, "from", input.from_account_id, input.from_external_id)
        target = _party(info, "to", input.to_account_id, input.to_external_id)
        if not isinstance(source, ScopedAccount):
            return problem_of(source)
        if not isinstance(target, ScopedAccount):
            return problem_of(target)
        request = TransferRequest(
            source.tenant_id,
            source.account_id,
            key=input.idempotency_key,
            target_id=target.account_id,
            amount=input.amount,
            note=input.note,
        )
        return _result(await info.context.services.transfers.transfer_tokens(request, by=principal_of(info)))


def _party(
    info: Info, side: str, account_id: str | None, external_id: str | None
) -> ScopedAccount | NotFound | InvalidInput:
    """One of the two accounts; what is wrong is told by its own field."""
    named = account_in_scope(info, Scope.MANAGE, account_id, external_id)
    return InvalidInput(f"{side}AccountId", named.message) if isinstance(named, InvalidInput) else named


def _result(outcome: GrantOutcome) -> GrantResult:
    if isinstance(outcome, GrantEffect):
        return GrantSuccess(
            grant=shown_grant(outcome.balance.account_id, outcome.grant),
            balance=shown_balance(outcome.balance),
            replayed=outcome.replayed,
        )
    return problem_of(outcome)
