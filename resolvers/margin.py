"""The margin report, for the product itself."""

from __future__ import annotations

from typing import Final, assert_never

import strawberry

from resolvers.context import Info
from resolvers.scope import tenant_with
from rules.pricing.earnings import NoRate
from rules.pricing.refusals import InvalidInput
from schema.described import output
from schema.inputs import MarginInput
from schema.margin import shown_margin
from schema.refusals import problem_of
from schema.results import MarginResult, MarginSuccess
from services.margin import REQUEST_LINES_MAX, MarginReport, TooMuchWork
from services.principal import Scope

DAYS_DEFAULT: Final = 30
DAYS_MAX: Final = 3_660
"""Ten years; more is a slip of the keyboard."""


@output
class MarginQueries:
    """Reads of what work earns."""

    @strawberry.field
    async def margin(self, info: Info, input: MarginInput) -> MarginResult | None:
        """Tokens, revenue, provider cost and margin of the last days, by model. Needs a secret key.

        input: of which work, and at which rate
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        days = DAYS_DEFAULT if input.days is None else input.days
        if not 1 <= days <= DAYS_MAX:
            return problem_of(InvalidInput("days", f"must be between 1 and {DAYS_MAX}, not {days}"))
        report = await info.context.services.margins.report(tenant_id, days, input.package_id)
        match report:
            case MarginReport(period, version, rate, earnings):
                return MarginSuccess(margin=shown_margin(earnings, rate, period.since, period.until, version))
            case NoRate():
                return problem_of(InvalidInput("packageId", _no_rate(report)))
            case TooMuchWork(lines):
                message = (
                    f"{lines} captured lines lie in these days, and a request looks at {REQUEST_LINES_MAX} at most: "
                    "ask for fewer days, or use `python -m server price-book margin`"
                )
                return problem_of(InvalidInput("days", message))
            case _:
                assert_never(report)


def _no_rate(no_rate: NoRate) -> str:
    if no_rate.package_id is not None:
        return f"the price book in force has no such package; it has {', '.join(no_rate.packages) or 'none'}"
    return "the price book in force says nothing of what a token is worth: give it packages, or a token_value"
