"""Accounts: find, list, create and change them."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import TypeVar
from uuid import UUID

import strawberry
from strawberry import Some

from models.account import AccountKind
from resolvers.context import Info
from resolvers.errors import ErrorCode, coded
from resolvers.scope import (
    ScopedAccount,
    account_in_scope,
    named_account,
    principal_of,
    principal_with,
    tenant_shown_to,
    tenant_with,
)
from rules.ledger.refusals import IdempotencyConflict, NotFound
from rules.ledger.requests import SettleOwedRequest
from rules.ledger.state import UNLIMITED
from rules.pricing.refusals import InvalidInput
from schema.accounts import UNLIMITED_SHOWN, Account, shown_account
from schema.connections import FIRST_DEFAULT, Connection, Listing, connection, slice_of_names
from schema.described import output
from schema.inputs import CloseAccountInput, CreateAccountInput, SettleOwedInput, UpdateAccountInput
from schema.refusals import problem_of
from schema.results import AccountResult, AccountSuccess
from services.accounts import UNCHANGED, AccountRecord
from services.principal import Scope

T = TypeVar("T")

SEARCH_LENGTH_MAX = 255


@output
class AccountQueries:
    """Reads of accounts."""

    @strawberry.field
    async def account(
        self, info: Info, id: strawberry.ID | None = None, external_id: str | None = None
    ) -> Account | None:
        """One account: the one named, or the credential's own when none is; null when there is none in its scope.

        id: the account's id
        external_id: the tenant's own name for it
        """
        tenant_id = tenant_shown_to(info, Scope.READ)
        account_id = named_account(info, id, external_id)
        match account_id:
            case UUID():
                record = await info.context.services.accounts.get(tenant_id, account_id)
                return None if record is None else shown_account(tenant_id, record)
            case NotFound():
                return None
            case _:
                raise coded(ErrorCode.BAD_USER_INPUT, "Give the account's `id` or its `externalId`, one of them.")

    @strawberry.field
    async def accounts(
        self, info: Info, first: int | None = FIRST_DEFAULT, after: str | None = None, search: str | None = None
    ) -> Connection[Account] | None:
        """The accounts in the credential's scope, by external id.

        first: how many, 1 to 100
        after: the cursor that the page follows
        search: only those whose external id or name begins with this, in any case; at most 255 characters
        """
        tenant_id = tenant_shown_to(info, Scope.READ)
        only = principal_of(info).account_id
        if search is not None and len(search) > SEARCH_LENGTH_MAX:
            raise coded(ErrorCode.BAD_USER_INPUT, f"`search` takes at most {SEARCH_LENGTH_MAX} characters.")
        accounts = info.context.services.accounts
        page = await accounts.list(tenant_id, slice_of_names(Listing.ACCOUNTS, first, after), search=search, only=only)
        return connection(
            Listing.ACCOUNTS,
            page,
            partial(shown_account, tenant_id),
            attrgetter("external_id"),
            partial(accounts.count, tenant_id, search=search, only=only),
            follows=after is not None,
        )


@output
class AccountMutations:
    """The verbs that make and change accounts."""

    @strawberry.mutation
    async def create_account(self, info: Info, input: CreateAccountInput) -> AccountResult | None:
        """Creates an account, or returns the one that already has this external id: its name and kind are left alone.

        Trial tokens come with a new one where the price book's policy grants them.

        input: the account
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        outcome = await info.context.services.accounts.create(
            tenant_id,
            external_id=input.external_id,
            name=input.name,
            kind=input.kind or AccountKind.PERSONAL,
            time_zone=input.time_zone or "UTC",
            by=principal_of(info),
            plan_id=input.plan_id,
            referred_by=input.referred_by,
        )
        return _result(tenant_id, outcome)

    @strawberry.mutation
    async def update_account(self, info: Info, input: UpdateAccountInput) -> AccountResult | None:
        """Changes an account's name or settings; what is absent stays as it is.

        A client token of the role ADMIN changes the name and time zone of its own account.

        input: which account, and what to change
        """
        account = account_in_scope(info, Scope.ADMINISTER, input.account_id)
        if input.frozen is not None or input.credit_limit is not None or input.plan_id is not None:
            principal_with(info, Scope.MANAGE)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        tenant_id, account_id = account.tenant_id, account.account_id
        given = {
            "name": input.name,
            "timeZone": input.time_zone,
            "frozen": input.frozen,
            "creditLimit": input.credit_limit,
        }
        for field, value in given.items():
            if value is not None and value.value is None:
                # An account that is not there is told of first, whatever else is wrong.
                if await info.context.services.accounts.get(tenant_id, account_id) is None:
                    return problem_of(NotFound("account"))
                return problem_of(InvalidInput(field, "must not be null; leave it out to keep what it is"))
        outcome = await info.context.services.accounts.update(
            tenant_id,
            account_id,
            name=_given(input.name),
            time_zone=_given(input.time_zone),
            frozen=_given(input.frozen),
            credit_limit=_credit_limit(_given(input.credit_limit)),
            by=principal_of(info),
            plan_id=UNCHANGED if input.plan_id is None else input.plan_id.value,
        )
        return _result(tenant_id, outcome)

    @strawberry.mutation
    async def close_account(self, info: Info, input: CloseAccountInput) -> AccountResult | None:
        """Closes an account for good: its unheld tokens are revoked at once, and what comes back later as it comes.

        What is on hold may still be committed or released, and what is owed may be settled. Again, it does nothing.

        input: which account
        """
        account = account_in_scope(info, Scope.MANAGE, input.account_id)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        tenant_id, account_id = account.tenant_id, account.account_id
        return _result(
            tenant_id,
            await info.context.services.accounts.close(tenant_id, account_id, note=input.note, by=principal_of(info)),
        )

    @strawberry.mutation
    async def settle_owed(self, info: Info, input: SettleOwedInput) -> AccountResult | None:
        """Records that what is owed was paid elsewhere: no token moves, and as much more can be spent.

        input: how much, and whose
        """
        account = account_in_scope(info, Scope.MANAGE, input.account_id)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        tenant_id, account_id = account.tenant_id, account.account_id
        request = SettleOwedRequest(
            tenant_id, account_id, key=input.idempotency_key, amount=input.amount, note=input.note
        )
        return _result(tenant_id, await info.context.services.accounts.settle_owed(request, by=principal_of(info)))


def _given(field: Some[T | None] | None) -> T | None:
    return None if field is None else field.value


def _credit_limit(given: int | None) -> int | None:
    """The limit in the ledger's terms, where a micro-token below zero is the word for no limit; it is judged there."""
    if given == UNLIMITED_SHOWN:
        return UNLIMITED
    # The smallest negative amount must not be taken for that word.
    return UNLIMITED - 1 if given == UNLIMITED else given


def _result(tenant_id: UUID, outcome: AccountRecord | IdempotencyConflict | NotFound | InvalidInput) -> AccountResult:
    if isinstance(outcome, IdempotencyConflict | NotFound | InvalidInput):
        return problem_of(outcome)
    return AccountSuccess(account=shown_account(tenant_id, outcome))
