"""The hot path: reserve, commit, release, extend, charge, refund; and a hold by its id."""

from __future__ import annotations

from uuid import UUID

import strawberry

from resolvers.context import Info
from resolvers.scope import ScopedAccount, ScopedRow, account_in_scope, members_seen, named_member, row_in_scope
from resolvers.work import payable_work_of, work_of
from rules.identity import IdKind
from rules.ledger.commands import HOLD_TTL_SECONDS_DEFAULT
from rules.ledger.kinds import OverrunPolicy, WorkOutcome
from rules.ledger.outcomes import CommitOutcome, HoldEffect, ReserveOutcome
from rules.ledger.refusals import NotFound
from rules.ledger.requests import CommitRequest, ExtendRequest, RefundRequest, ReleaseRequest, ReserveRequest
from rules.pricing.refusals import InvalidInput
from schema.balances import shown_balance
from schema.described import output
from schema.holds import Hold, shown_hold
from schema.inputs import CommitInput, ExtendInput, RefundInput, ReleaseInput, ReserveInput
from schema.refusals import problem_of
from schema.results import (
    CommitResult,
    CommitSuccess,
    ReleaseResult,
    ReleaseSuccess,
    ReserveResult,
    ReserveSuccess,
)
from schema.scalars import Tokens
from services.principal import Scope


@output
class HoldQueries:
    """Reads of holds."""

    @strawberry.field
    async def hold(self, info: Info, id: strawberry.ID) -> Hold | None:
        """One hold; null when the credential's tenant has none of this id.

        id: the hold's id
        """
        row = row_in_scope(info, Scope.READ, id, IdKind.HOLD)
        return None if isinstance(row, NotFound) else await find_hold(info, row)


@output
class HoldMutations:
    """The verbs that set tokens aside and spend them."""

    @strawberry.mutation
    async def reserve(self, info: Info, input: ReserveInput) -> ReserveResult | None:
        """Sets aside an upper bound before the work runs.

        input: what to set aside, and for whom
        """
        request = _reserve_request(info, input)
        if isinstance(request, NotFound | InvalidInput):
            return problem_of(request)
        return _reserved(request.tenant_id, await info.context.services.fares.reserve(request))

    @strawberry.mutation
    async def charge(self, info: Info, input: ReserveInput) -> CommitResult | None:
        """Reserves and commits in one step, for work whose cost is known.

        input: what to charge, and whom
        """
        request = _reserve_request(info, input)
        if isinstance(request, NotFound | InvalidInput):
            return problem_of(request)
        return _captured(request.tenant_id, await info.context.services.fares.charge(request))

    @strawberry.mutation
    async def commit(self, info: Info, input: CommitInput) -> CommitResult | None:
        """Pays for what was really used, at the reserved price; the rest goes back where it came from.

        input: which hold, and what was used of it
        """
        row = row_in_scope(info, Scope.SPEND, input.hold_id, IdKind.HOLD)
        if isinstance(row, NotFound):
            return problem_of(row)
        request = CommitRequest(
            row.tenant_id,
            row.account_id,
            key=input.idempotency_key,
            hold_id=row.local,
            actual=None if input.actual is None else work_of(input.actual),
            final=input.final is not False,
            overrun=input.overrun or OverrunPolicy.REFUSE,
        )
        return _captured(request.tenant_id, await info.context.services.fares.commit(request))

    @strawberry.mutation
    async def release(self, info: Info, input: ReleaseInput) -> ReleaseResult | None:
        """Gives everything back that was not captured: the work failed or was cancelled.

        input: which hold, and why
        """
        row = row_in_scope(info, Scope.SPEND, input.hold_id, IdKind.HOLD)
        if isinstance(row, NotFound):
            return problem_of(row)
        request = ReleaseRequest(
            row.tenant_id,
            row.account_id,
            key=input.idempotency_key,
            hold_id=row.local,
            outcome=input.outcome or WorkOutcome.CANCELLED,
            note=input.note,
        )
        outcome = await info.context.services.fares.release(request)
        if isinstance(outcome, HoldEffect):
            return ReleaseSuccess(
                hold=shown_hold(row.tenant_id, outcome.balance.account_id, outcome.hold),
                balance=shown_balance(outcome.balance),
                replayed=outcome.replayed,
            )
        return problem_of(outcome)

    @strawberry.mutation
    async def extend(self, info: Info, input: ExtendInput) -> ReserveResult | None:
        """Lengthens a hold's life (to at least now + ttlSeconds, at most 7 days in all), adds to its amount, or both.

        input: which hold, and what to add
        """
        row = row_in_scope(info, Scope.SPEND, input.hold_id, IdKind.HOLD)
        if isinstance(row, NotFound):
            return problem_of(row)
        request = ExtendRequest(
            row.tenant_id,
            row.account_id,
            key=input.idempotency_key,
            hold_id=row.local,
            ttl_seconds=input.ttl_seconds,
            work=None if input.work is None else payable_work_of(input.work),
        )
        return _reserved(request.tenant_id, await info.context.services.fares.extend(request))

    @strawberry.mutation
    async def refund(self, info: Info, input: RefundInput) -> CommitResult | None:
        """Gives captured tokens back to the grants they came from.

        input: which hold, and how much
        """
        row = row_in_scope(info, Scope.SPEND, input.hold_id, IdKind.HOLD)
        if isinstance(row, NotFound):
            return problem_of(row)
        request = RefundRequest(
            row.tenant_id,
            row.account_id,
            key=input.idempotency_key,
            hold_id=row.local,
            amount=input.amount,
            reason=input.reason,
        )
        return _captured(request.tenant_id, await info.context.services.fares.refund(request))


async def find_hold(info: Info, row: ScopedRow) -> Hold | None:
    """The hold in this row, if there is one."""
    hold = await info.context.reads.hold(row.tenant_id, row.account_id, row.local)
    if hold is None or not members_seen(info).include(hold.member_id):
        return None
    return shown_hold(row.tenant_id, row.account_id, hold)


def _reserve_request(info: Info, given: ReserveInput) -> ReserveRequest | NotFound | InvalidInput:
    account = account_in_scope(info, Scope.SPEND, given.account_id, given.account_external_id)
    if not isinstance(account, ScopedAccount):
        return account
    member_id = named_member(info, account.account_id, given.member_id, given.member_external_id)
    if isinstance(member_id, NotFound | InvalidInput):
        return member_id
    return ReserveRequest(
        account.tenant_id,
        account.account_id,
        key=given.idempotency_key,
        work=payable_work_of(given.work),
        ttl_seconds=HOLD_TTL_SECONDS_DEFAULT if given.ttl_seconds is None else given.ttl_seconds,
        project=given.project,
        not_after=given.not_after,
        description=given.description,
        member_id=member_id,
    )


def _reserved(tenant_id: UUID, outcome: ReserveOutcome) -> ReserveResult:
    if isinstance(outcome, HoldEffect):
        return ReserveSuccess(
            hold=shown_hold(tenant_id, outcome.balance.account_id, outcome.hold),
            balance=shown_balance(outcome.balance),
            replayed=outcome.replayed,
        )
    return problem_of(outcome)


def _captured(tenant_id: UUID, outcome: CommitOutcome) -> CommitResult:
    if isinstance(outcome, HoldEffect):
        return CommitSuccess(
            hold=shown_hold(tenant_id, outcome.balance.account_id, outcome.hold),
            balance=shown_balance(outcome.balance),
            amount=Tokens(outcome.amount),
            uncovered=Tokens(outcome.uncovered),
            replayed=outcome.replayed,
        )
    return problem_of(outcome)
