"""Limits: set one, or many at once."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import strawberry

from resolvers.context import Info
from resolvers.scope import ScopedAccount, account_in_scope, member_in_account, principal_of
from rules.ledger.commands import LimitSetting
from rules.ledger.outcomes import LimitsEffect
from rules.ledger.spending import NO_LIMIT
from schema.accounts import UNLIMITED_SHOWN
from schema.described import output
from schema.inputs import LimitSettingInput, SetLimitInput, SetLimitsInput
from schema.limits import shown_limit
from schema.refusals import problem_of
from schema.results import LimitResult, LimitSuccess, SetLimitsResult, SetLimitsSuccess
from services.principal import Scope

_NOBODY: Final = UUID(int=0)
"""No member has this id: the ledger finds nobody, after it has found the account."""


@output
class LimitMutations:
    """The verbs that set limits."""

    @strawberry.mutation
    async def set_limit(self, info: Info, input: SetLimitInput) -> LimitResult | None:
        """Sets a limit, or takes it away. What was consumed in the running window stays counted.

        input: whose limit, for which period, and how much
        """
        account = account_in_scope(info, Scope.ADMINISTER, input.account_id)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        tenant_id, account_id = account.tenant_id, account.account_id
        outcome = await info.context.services.limits.set(
            tenant_id, account_id, _setting(account_id, input), by=principal_of(info)
        )
        if isinstance(outcome, LimitsEffect):
            return LimitSuccess(limit=shown_limit(outcome.limits[0]))
        return problem_of(outcome)

    @strawberry.mutation
    async def set_limits(self, info: Info, input: SetLimitsInput) -> SetLimitsResult | None:
        """Sets many limits of an account at once, all of them or none.

        input: which limits
        """
        account = account_in_scope(info, Scope.ADMINISTER, input.account_id)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        tenant_id, account_id = account.tenant_id, account.account_id
        settings = [_setting(account_id, given) for given in input.limits]
        outcome = await info.context.services.limits.set_all(tenant_id, account_id, settings, by=principal_of(info))
        if isinstance(outcome, LimitsEffect):
            return SetLimitsSuccess(limits=[shown_limit(status) for status in outcome.limits])
        return problem_of(outcome)


def _setting(account_id: UUID, given: SetLimitInput | LimitSettingInput) -> LimitSetting:
    member_id = None if given.member_id is None else member_in_account(account_id, given.member_id) or _NOBODY
    return LimitSetting(given.scope, given.period, member_id, given.project, _limit(given.limit))


def _limit(given: int | None) -> int | None:
    """The limit in the ledger's terms, where a micro-token below zero is the word for none; it is judged there."""
    if given == UNLIMITED_SHOWN:
        return NO_LIMIT
    # The smallest negative amount must not be taken for that word.
    return NO_LIMIT - 1 if given == NO_LIMIT else given
