"""Alerts: what an account is warned of."""

from __future__ import annotations

from typing import TypeVar

import strawberry
from strawberry import Some

from resolvers.context import Info
from resolvers.errors import ErrorCode, coded
from resolvers.scope import ScopedAccount, account_in_scope, principal_of
from rules.ledger.records import AlertFilter
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from schema.accounts import shown_account
from schema.alerts import AlertEvent, shown_alert_events
from schema.connections import FIRST_DEFAULT, Connection, Listing, slice_of_numbers
from schema.described import output
from schema.inputs import SetAlertsInput
from schema.refusals import problem_of
from schema.results import AccountResult, AccountSuccess
from schema.words import AlertKind
from services.principal import Scope

T = TypeVar("T")


@output
class AlertQueries:
    """Reads of alerts."""

    @strawberry.field
    async def alert_events(
        self,
        info: Info,
        account_id: strawberry.ID | None = None,
        account_external_id: str | None = None,
        first: int | None = FIRST_DEFAULT,
        after: str | None = None,
        kinds: list[AlertKind] | None = None,
        active_only: bool | None = False,
    ) -> Connection[AlertEvent] | None:
        """What an account was warned of, newest first; null when the credential's tenant has no such account.

        account_id: the account's id; or its external id; neither: the credential's own
        account_external_id: the tenant's own name for it
        first: how many, 1 to 100
        after: the cursor that the page follows
        kinds: only events of these kinds
        active_only: only what is still so: a threshold still crossed, free tokens still to be lost, a day not over
        """
        account = account_in_scope(info, Scope.READ, account_id, account_external_id)
        if isinstance(account, InvalidInput):
            raise coded(ErrorCode.BAD_USER_INPUT, "Give `accountId` or `accountExternalId`, one of them.")
        if isinstance(account, NotFound):
            return None
        tenant_id, named = account.tenant_id, account.account_id
        if await info.context.services.accounts.get(tenant_id, named) is None:
            return None
        wanted = AlertFilter(
            None if kinds is None else frozenset(kinds), active_only is True, info.context.members_seen
        )
        return await shown_alert_events(
            info.context.reads, tenant_id, named, slice_of_numbers(Listing.ALERT_EVENTS, first, after), wanted
        )


@output
class AlertMutations:
    """The verb that changes what accounts are warned of."""

    @strawberry.mutation
    async def set_alerts(self, info: Info, input: SetAlertsInput) -> AccountResult | None:
        """Changes what an account is warned of; what is absent stays as it is.

        input: which account, and its thresholds
        """
        account = account_in_scope(info, Scope.ADMINISTER, input.account_id, input.account_external_id)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        tenant_id, account_id = account.tenant_id, account.account_id
        services = info.context.services
        given = {
            "lowBalancePercents": input.low_balance_percents,
            "lowBalanceTokens": input.low_balance_tokens,
            "dailyLimitPercents": input.daily_limit_percents,
        }
        for field, value in given.items():
            if value is not None and value.value is None:
                # An account that is not there is told of first, whatever else is wrong.
                if await services.accounts.get(tenant_id, account_id) is None:
                    return problem_of(NotFound("account"))
                return problem_of(InvalidInput(field, "must not be null; leave it out to keep what it is"))
        outcome = await services.alerts.set_alerts(
            tenant_id,
            account_id,
            balance_percents=_given(input.low_balance_percents),
            balance_tokens=_given(input.low_balance_tokens),
            day_limit_percents=_given(input.daily_limit_percents),
            by=principal_of(info),
        )
        if isinstance(outcome, NotFound | InvalidInput):
            return problem_of(outcome)
        return AccountSuccess(account=shown_account(tenant_id, outcome))


def _given(field: Some[T | None] | None) -> T | None:
    return None if field is None else field.value
