"""Test clocks: TEST tenants move their time forward, and everything due on the way happens."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from models.database import Database
from models.statements import statement
from rules.pricing.refusals import InvalidInput
from services.change_log import change_of, record_change
from services.ledger.due_accounts import settle_due_accounts
from services.ledger.sweeper import ensure_journal_months
from services.ledger.writer import Writer
from services.loyalty import LoyaltyReviews
from services.price_books import PriceBooks
from services.principal import OPERATOR, Principal

ADVANCE_SECONDS_MAX: Final = 366 * 86_400
"""One call moves the clock by a year at most: the journal needs a partition for every month on the way."""

AHEAD_SECONDS_MAX: Final = 5 * ADVANCE_SECONDS_MAX
"""How far a test clock may be ahead of real time: each month on the way is a partition that all tenants share."""


class TenantClock:
    """Moves tenants' clocks. In a TEST tenant alone; LIVE tenants' time is real."""

    def __init__(self, database: Database, writer: Writer, price_books: PriceBooks, loyalty: LoyaltyReviews) -> None:
        self._database = database
        self._writer = writer
        self._price_books = price_books
        self._loyalty = loyalty

    async def advance(self, tenant_id: UUID, seconds: int, *, by: Principal = OPERATOR) -> datetime | InvalidInput:
        """Moves the clock; all that is due on the way has been settled, in order, when this gives the tenant's now."""
        if not 1 <= seconds <= ADVANCE_SECONDS_MAX:
            return InvalidInput("seconds", f"must be between 1 and {ADVANCE_SECONDS_MAX}, not {seconds}")
        moves = (tenant_id, seconds * 1_000_000, AHEAD_SECONDS_MAX * 1_000_000)
        refused = InvalidInput(
            "seconds", f"only TEST tenants have a clock to move, up to {AHEAD_SECONDS_MAX} seconds ahead"
        )
        async with self._database.administration() as connection:
            if not await connection.fetchval(statement("may_advance_clock"), *moves):
                return refused
        # Before anybody can see the new time: the entries of what falls due on the way are dated at their own instants.
        await ensure_journal_months(self._database, ahead_seconds=seconds)
        # What was earned until now comes before what falls due on the way.
        await self._loyalty.review_tenant(tenant_id)
        async with self._database.administration() as connection:
            now: datetime | None = await connection.fetchval(statement("advance_tenant_clock"), *moves)
            if now is None:
                return refused
            await record_change(connection, tenant_id, change_of(by, "advanceClock", None, {"seconds": seconds}))
        self._price_books.clock_moved(tenant_id)
        await settle_due_accounts(self._database, self._writer, tenant_id)
        await self._loyalty.review_tenant(tenant_id)
        return now
