"""Grants: tokens given to an account, and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import strawberry

from resolvers.context import Info
from resolvers.scope import (
    NO_ACCOUNT_NAMED,
    ScopedAccount,
    account_in_scope,
    member_in_account,
    named_account,
    principal_of,
    row_in_scope,
    tenant_with,
)
from rules.identity import IdKind
from rules.ledger.kinds import GrantSource
from rules.ledger.outcomes import GrantEffect, GrantOutcome
from rules.ledger.records import Slice
from rules.ledger.refusals import NotFound, RateLimited
from rules.ledger.requests import AssignRequest, GiftRequest, GrantRequest, RevokeGrantRequest, TransferRequest
from rules.pricing.refusals import InvalidInput
from rules.promotions.promo_codes import PromoNotActive
from schema.balances import shown_balance, shown_grant
from schema.connections import Listing, cursor_of, slice_of_names
from schema.described import output
from schema.inputs import (
    PRIORITY_DEFAULT,
    AssignTokensInput,
    GrantTokensInput,
    RevokeGrantInput,
    TransferTokensInput,
)
from schema.promotion_inputs import GrantTokensToManyInput
from schema.refusals import problem_of
from schema.results import GiftFailure, GrantResult, GrantSuccess, GrantTokensToManyResult, GrantTokensToManySuccess
from services.gifts import ACCOUNTS_MAX, GiftOutcome, Unanswered
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
        outcome = await info.context.services.grants.grant_tokens(request, by=principal_of(info))
        return grant_result(account.tenant_id, outcome)

    @strawberry.mutation
    async def grant_tokens_to_many(self, info: Info, input: GrantTokensToManyInput) -> GrantTokensToManyResult | None:
        """Adds a lot of tokens to each of many accounts, for an event: once for each under the key.

        input: what to add, and to whom
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        named = sum((input.account_ids is not None, input.account_external_ids is not None, input.everyone is True))
        if named != 1:
            return problem_of(InvalidInput("accountIds", "or accountExternalIds, or everyone: give one of them"))
        if input.after is not None and input.everyone is not True:
            return problem_of(InvalidInput("after", "is for everyone alone"))
        gifts, end_cursor = info.context.services.gifts, None
        accounts: list[UUID | NotFound | InvalidInput]
        if input.everyone is True:
            page = await gifts.everyone(
                tenant_id, Slice(ACCOUNTS_MAX, slice_of_names(Listing.EVERYONE, None, input.after).after)
            )
            accounts = [account_id for _, account_id in page.rows]
            end_cursor = cursor_of(Listing.EVERYONE, page.rows[-1][0]) if page.has_more else None
            if not accounts:
                return GrantTokensToManySuccess(granted=0, replayed=0, failures=[], end_cursor=None)
        else:
            ids, names = input.account_ids or (), input.account_external_ids or ()
            accounts = [named_account(info, account_id, None) or NO_ACCOUNT_NAMED for account_id in ids]
            accounts += [named_account(info, None, external_id) or NO_ACCOUNT_NAMED for external_id in names]
        request = GiftRequest(
            tenant_id,
            key=input.idempotency_key,
            amount=input.amount,
            source=input.source or GrantSource.BONUS,
            priority=PRIORITY_DEFAULT if input.priority is None else input.priority,
            expires_at=None if input.expires_at is None else input.expires_at.value,
            note=input.note,
            never_expires=input.expires_at is not None and input.expires_at.value is None,
        )
        outcomes = await gifts.give(request, accounts, by=principal_of(info))
        return problem_of(outcomes) if isinstance(outcomes, InvalidInput) else _of_many(outcomes, end_cursor)

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
        outcome = await info.context.services.grants.assign_tokens(request, by=principal_of(info))
        return grant_result(tenant_id, outcome)

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
        outcome = await info.context.services.grants.revoke_grant(request, by=principal_of(info))
        return grant_result(row.tenant_id, outcome)

    @strawberry.mutation
    async def transfer_tokens(self, info: Info, input: TransferTokensInput) -> GrantResult | None:
        """Moves tokens to another account of the tenant, with their expiry, priority and what was paid for them.

        They come from unassigned grants in burn order, and arrive as one grant for each; there they first pay what was
        clawed back. The answer shows the account that sends: its balance, and the grant that was taken from first.
        If the other account is closed while they are on their way, they come back. Should a payment be disputed later,
        what was sent of its tokens is owed by the account that bought them.

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
        outcome = await info.context.services.transfers.transfer_tokens(request, by=principal_of(info))
        return grant_result(source.tenant_id, outcome)


def _party(
    info: Info, side: str, account_id: str | None, external_id: str | None
) -> ScopedAccount | NotFound | InvalidInput:
    """One of the two accounts; what is wrong is told by its own field."""
    named = account_in_scope(info, Scope.MANAGE, account_id, external_id)
    return InvalidInput(f"{side}AccountId", named.message) if isinstance(named, InvalidInput) else named


def _of_many(outcomes: Sequence[GiftOutcome], end_cursor: str | None) -> GrantTokensToManySuccess:
    replayed = [outcome.replayed for outcome in outcomes if isinstance(outcome, GrantEffect)]
    failures = []
    for index, outcome in enumerate(outcomes):
        if not isinstance(outcome, GrantEffect):
            problem = None if isinstance(outcome, Unanswered) else problem_of(outcome)
            failures.append(GiftFailure(index=index, problem=problem))
    return GrantTokensToManySuccess(
        granted=replayed.count(False), replayed=replayed.count(True), failures=failures, end_cursor=end_cursor
    )


def grant_result(tenant_id: UUID, outcome: GrantOutcome | PromoNotActive | RateLimited) -> GrantResult:
    """What came of a verb about a grant, as it is shown."""
    if isinstance(outcome, GrantEffect):
        return GrantSuccess(
            grant=shown_grant(tenant_id, outcome.balance.account_id, outcome.grant),
            balance=shown_balance(outcome.balance),
            replayed=outcome.replayed,
        )
    return problem_of(outcome)
