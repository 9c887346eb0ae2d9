"""Loyalty: accounts that have spent enough get what the price book's rules give, once for each period."""

from __future__ import annotations

import logging
from datetime import date, datetime
from typing import Final
from uuid import UUID

import asyncpg

from models.database import Database
from models.statements import statement
from models.unavailable import DatabaseUnavailable
from rules.ledger.commands import GrantTokens, Once
from rules.ledger.kinds import GrantSource, Mutation
from rules.ledger.outcomes import GrantEffect
from rules.pricing.policies import Policies
from rules.promotions.loyalty import LoyaltyReward, first_day, rewards
from services.ledger.lane import LedgerUnavailable
from services.ledger.writer import Writer
from services.price_books import PriceBooks
from services.texts import new_salt

REVIEW_SECONDS: Final = 60
"""How late a reward may come, by the tenant's clock."""

OVERLAP_SECONDS: Final = 120
"""Looked through twice: an entry is seen when its batch has committed, some time after its instant."""

_FINGERPRINT: Final = bytes(32)
"""A reward's key is its own; nobody asks for another thing under it."""

_FAILURES: Final = (DatabaseUnavailable, LedgerUnavailable, asyncpg.PostgresError)
"""What may keep one account or tenant from its review, and no other."""

logger = logging.getLogger(__name__)


async def watch_loyalty(connection: asyncpg.Connection, tenant_id: UUID, policies: Policies, since: datetime) -> None:
    """From now on the tenant's spending is reviewed, if its book has rules; in the publishing transaction."""
    if policies.loyalty:
        await connection.execute(statement("watch_loyalty"), tenant_id, since)


class LoyaltyReviews:
    """Reviews spending. What fails for one account or tenant is left to a later review, which finds the same."""

    def __init__(self, database: Database, writer: Writer, price_books: PriceBooks) -> None:
        self._database = database
        self._writer = writer
        self._price_books = price_books

    async def sweep(self) -> int:
        """Reviews whoever has spent, of tenants that were not reviewed for a while; gives the number of rewards."""
        return await self._review_watched(REVIEW_SECONDS, None)

    async def review_tenant(self, tenant_id: UUID) -> int:
        """Reviews whoever has spent of one tenant, at once; gives how many rewards that made."""
        return await self._review_watched(0, tenant_id)

    async def review(self, tenant_id: UUID, account_id: UUID, since: date) -> int:
        """Gives what the account has earned in the periods from this day's on, and was not given before."""
        policies = (await self._price_books.current(tenant_id)).book.policies
        rules = policies.loyalty
        if not rules:
            return 0
        async with self._database.reader(tenant_id) as connection:
            account = await connection.fetchrow(statement("read_loyalty_account"), account_id, tenant_id)
            if account is None:
                return 0
            opened_on: date = account["opened_on"]
            days = await connection.fetch(
                statement("sum_spending_by_day"), account_id, first_day(rules, opened_on, since)
            )
        spent_by_day = {row["day"]: row["spent"] for row in days}
        given = 0
        for reward in rewards(rules, opened_on, since, spent_by_day):
            if _ref(reward) not in account["refs"]:
                given += await self._give(tenant_id, account_id, reward, policies)
        return given

    async def _review_watched(self, older_seconds: int, tenant_id: UUID | None) -> int:
        async with self._database.spanning_reader() as connection:
            watches = await connection.fetch(statement("list_loyalty_watches"), older_seconds, tenant_id)
        given = 0
        for watch in watches:
            try:
                given += await self._review_spenders(watch)
            except _FAILURES as error:
                # The watch stays where it is, and another tenant's rewards do not wait for it.
                logger.warning("the loyalty review of tenant %s waits: %s", watch["tenant_id"], error)
        return given

    async def _review_spenders(self, watch: asyncpg.Record) -> int:
        tenant_id: UUID = watch["tenant_id"]
        given, failed = 0, False
        if (await self._price_books.current(tenant_id)).book.policies.loyalty:
            async with self._database.reader(tenant_id) as connection:
                spenders = await connection.fetch(
                    statement("list_spenders"), tenant_id, watch["reviewed_until"], OVERLAP_SECONDS
                )
            for spender in spenders:
                try:
                    given += await self.review(tenant_id, spender["account_id"], spender["since"])
                except _FAILURES as error:
                    failed = True
                    logger.warning("the loyalty review of account %s waits: %s", spender["account_id"], error)
        if failed:
            # The watch stays where it is: the next review finds the same spenders, and gives nothing twice.
            return given
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(statement("move_loyalty_watch"), tenant_id, watch["now"])
        return given

    async def _give(self, tenant_id: UUID, account_id: UUID, reward: LoyaltyReward, policies: Policies) -> bool:
        months = reward.rule.expires_months
        outcome = await self._writer.submit(
            GrantTokens(
                tenant_id=tenant_id,
                account_id=account_id,
                once=Once(Mutation.LOYALTY, reward.key, _FINGERPRINT),
                amount=reward.rule.tokens_micros,
                source=GrantSource.LOYALTY,
                source_ref=_ref(reward),
                expires_after_months=months or policies.months_until_expiry(GrantSource.LOYALTY),
                text_salt=new_salt(),
            )
        )
        if not isinstance(outcome, GrantEffect):
            logger.warning("account %s could not be given its loyalty reward: %s", account_id, outcome)
            return False
        return not outcome.replayed


def _ref(reward: LoyaltyReward) -> str:
    return f"loyalty:{reward.key}"
