"""Usage reports."""

from __future__ import annotations

from typing import Final, assert_never

import strawberry

from resolvers.context import Info
from resolvers.errors import ErrorCode, coded
from resolvers.scope import ScopedAccount, account_in_scope, members_seen
from rules.ledger.refusals import NotFound
from rules.ledger.usage_reports import UsageReport as UsageReportRecord
from rules.ledger.usage_reports import UsageRequest
from rules.pricing.refusals import InvalidInput
from schema.described import output
from schema.inputs import UsageInput
from schema.scopes import member_of
from schema.usage import UsageReport, shown_report
from schema.words import UsageGroup
from services.principal import Scope

INT_MAX: Final = 2**31 - 1
"""The greatest number of uses or operations that the API's Int takes."""


@output
class UsageQueries:
    """Reads of what tokens were spent for."""

    @strawberry.field
    async def usage(self, info: Info, input: UsageInput) -> UsageReport | None:
        """What an account's tokens were spent for; null when the credential's tenant has no such account.

        input: whose usage, of which days, and grouped by what
        """
        account = account_in_scope(info, Scope.READ, input.account_id, input.account_external_id)
        match account:
            case ScopedAccount(tenant_id, account_id):
                pass
            case NotFound():
                return None
            case InvalidInput():
                raise _coded(account)
            case _:
                assert_never(account)
        seen = members_seen(info)
        member_id = None if input.member_id is None else member_of(seen, account_id, input.member_id)
        if member_id is None and not seen.everyone:
            # Of the members of an account everyone sees themselves; the pool's sum is not told by member.
            member_id = seen.member_id
            if member_id is None and UsageGroup.MEMBER in input.group_by:
                raise coded(ErrorCode.FORBIDDEN, "Usage by member needs a key, or a client token of the role ADMIN.")
        request = UsageRequest(
            tenant_id,
            account_id,
            input.since,
            input.until,
            frozenset(input.group_by),
            member_id,
            input.project,
            input.model,
        )
        report = await info.context.services.usage.report(request)
        match report:
            case UsageReportRecord():
                if max(report.operations, *(row.uses for row in report.rows), 0) > INT_MAX:
                    raise coded(ErrorCode.BAD_USER_INPUT, f"More than {INT_MAX} uses: ask for fewer days.")
                return shown_report(account_id, report)
            case NotFound():
                return None
            case InvalidInput():
                raise _coded(report)
            case _:
                assert_never(report)


def _coded(fault: InvalidInput) -> Exception:
    return coded(ErrorCode.BAD_USER_INPUT, f"`{fault.field}`: {fault.message}.")
