"""Charges explained: every captured line rated anew at its price book version, and compared with what was charged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from rules.ledger.burn_down import Spender
from rules.ledger.charges import ChargeCheck, ChargeFacts, LineCheck, LinePrice, check_charge
from rules.ledger.limit_status import LimitStatus
from rules.ledger.records import LineView
from rules.ledger.state import CapturedLine
from rules.pricing.rating import PricedLine
from services.ledger.line_views import bound_of_captured, explained_view, rate_captured
from services.ledger.reads import LedgerReads
from services.price_books import PriceBooks


@dataclass(frozen=True, slots=True)
class ExplainedCharge:
    """A hold with all that made its charge what it is. `views` are of the lines that have a model, in order."""

    facts: ChargeFacts
    check: ChargeCheck
    views: tuple[LineView, ...]
    limits: tuple[LimitStatus, ...]
    """Those of the account and of the hold's member and project, as they stand now."""


class Charges:
    """Explains what a hold was charged. Raises `DatabaseUnavailable`."""

    def __init__(self, reads: LedgerReads, price_books: PriceBooks) -> None:
        self._reads = reads
        self._price_books = price_books

    async def explain(self, tenant_id: UUID, account_id: UUID, hold_id: int) -> ExplainedCharge | None:
        """One hold's charge, in whatever state it is; None when the tenant has no such hold."""
        facts = await self._reads.charge(tenant_id, account_id, hold_id)
        if facts is None:
            return None
        rated = {
            line.version: await rate_captured(self._price_books, tenant_id, line)
            for line in facts.lines
            if line.model is not None
        }
        prices = {
            line.version: await self._price_of(tenant_id, line, rated[line.version])
            for line in facts.lines
            if line.version in rated
        }
        check = check_charge(facts, prices)
        limits = await self._reads.limits(tenant_id, account_id, Spender(facts.hold.member_id, facts.hold.project))
        return ExplainedCharge(facts, check, _views(check.lines, rated), limits)

    async def _price_of(self, tenant_id: UUID, line: CapturedLine, rated: PricedLine) -> LinePrice:
        # The bound is asked only where the line was captured at something else than its price.
        bound = None if line.cost == rated.cost else await bound_of_captured(self._price_books, tenant_id, line)
        return LinePrice(rated.cost, bound, rated.rounds_at_end)


def _views(checks: tuple[LineCheck, ...], rated: Mapping[int, PricedLine]) -> tuple[LineView, ...]:
    return tuple(
        explained_view(check.line, check.basis, rated[check.line.version])
        for check in checks
        if check.line.version in rated
    )
