"""Referrals: whoever referred an account earns a share of its first purchase, once, unless that is taken back.

The ledger's batch notes in the purchase's own transaction that a reward is due, and in the revocation's that it goes
back (`services.ledger.referral_rows`). Here it is done: by a grant keyed by the referral, which carries a message; on
the way back that message is closed first, so that a reward that is still on its way is not given any more.
"""

from __future__ import annotations

import logging
from typing import Final
from uuid import UUID

import asyncpg

from models.database import Database
from models.statements import statement
from models.unavailable import DatabaseUnavailable
from rules.ledger.commands import ClawBack, GrantTokens, Once, RevokeGrant, Settle
from rules.ledger.kinds import GrantSource, Mutation
from rules.ledger.outcomes import GrantEffect
from rules.promotions.promo_codes import TYPED_LENGTH_MAX, canonical_code
from rules.promotions.referrals import reward_of
from services.ledger.lane import LedgerUnavailable
from services.ledger.submission import AlreadyApplied, InboxMessage, Riders
from services.ledger.writer import Writer
from services.price_books import PriceBooks
from services.texts import fault_of_text, new_salt

ORIGIN: Final = "referral"
"""Of the messages that ride with rewards."""

POSTPONED_SECONDS: Final = 3_600
"""Until a reward that the referrer's account did not take is tried again."""

FINISHED_MAX: Final = 200
"""Referrals attended to in one sweep."""

_FINGERPRINT: Final = bytes(32)
"""A referral's keys are its own; nobody asks for another thing under them."""

logger = logging.getLogger(__name__)


class Referrals:
    """Finds referrers and gives, or takes back, what they earn. Raises `DatabaseUnavailable`, `LedgerUnavailable`."""

    def __init__(self, database: Database, writer: Writer, price_books: PriceBooks) -> None:
        self._database = database
        self._writer = writer
        self._price_books = price_books

    async def find(self, tenant_id: UUID, typed: str) -> UUID | None:
        """The account with this referral code, as somebody typed it; None where the tenant has none."""
        if fault_of_text("referredBy", typed, TYPED_LENGTH_MAX) is not None:
            return None
        async with self._database.reader(tenant_id) as connection:
            found: UUID | None = await connection.fetchval(statement("find_referrer"), tenant_id, canonical_code(typed))
        return found

    async def attend(self, tenant_id: UUID, account_id: UUID) -> None:
        """Does what is to be done about the referral of this account, if anything: once, however often it is called."""
        async with self._database.reader(tenant_id) as connection:
            row = await connection.fetchrow(
                statement("read_referral"), account_id, tenant_id, f"referral:{account_id.hex}"
            )
        if row is None:
            return
        if row["state"] == "DUE":
            next_state = await self._give(tenant_id, account_id, row)
        elif row["state"] == "TAKING_BACK":
            next_state = await self._take_back(tenant_id, account_id, row)
        else:
            return
        async with self._database.tenant(tenant_id) as connection:
            if next_state is None:
                await connection.execute(statement("postpone_referral"), account_id, POSTPONED_SECONDS)
            else:
                await connection.execute(
                    statement("move_referral"), account_id, row["state"], row["claws_back"], next_state
                )

    async def attend_soon(self, tenant_id: UUID, account_id: UUID) -> None:
        """As `attend`; where nobody can judge now it is left to a sweep."""
        try:
            await self.attend(tenant_id, account_id)
        except (DatabaseUnavailable, LedgerUnavailable) as error:
            logger.warning("the referral of account %s waits: %s", account_id, error)

    async def finish(self) -> int:
        """Attends to what is due, some of it at a time; gives how many referrals that were."""
        async with self._database.spanning_reader() as connection:
            rows = await connection.fetch(statement("list_open_referrals"), FINISHED_MAX)
        for row in rows:
            await self.attend_soon(row["tenant_id"], row["account_id"])
        return len(rows)

    async def _give(self, tenant_id: UUID, account_id: UUID, row: asyncpg.Record) -> str | None:
        amount = reward_of(row["purchased"], row["percent"])
        if amount == 0 or row["same_card"]:
            return "WITHHELD"
        policies = (await self._price_books.current(tenant_id)).book.policies
        outcome = await self._writer.submit(
            GrantTokens(
                tenant_id=tenant_id,
                account_id=row["referrer_id"],
                once=Once(Mutation.REFERRAL, account_id.hex, _FINGERPRINT),
                amount=amount,
                source=GrantSource.REFERRAL,
                source_ref=f"referral:{account_id.hex}",
                expires_after_months=policies.months_until_expiry(GrantSource.REFERRAL),
                text_salt=new_salt(),
            ),
            Riders(messages=(_message(account_id),)),
        )
        # Where the message is closed, the purchase was taken back meanwhile, and the state has moved on.
        return "GIVEN" if isinstance(outcome, GrantEffect | AlreadyApplied) else None

    async def _take_back(self, tenant_id: UUID, account_id: UUID, row: asyncpg.Record) -> str | None:
        closed = await self._writer.submit(
            Settle(tenant_id, row["referrer_id"]), Riders(messages=(_message(account_id),))
        )
        if not isinstance(closed, AlreadyApplied):
            return "TAKEN_BACK"
        async with self._database.reader(tenant_id) as connection:
            row = (
                await connection.fetchrow(
                    statement("read_referral"), account_id, tenant_id, f"referral:{account_id.hex}"
                )
                or row
            )
        if row["reward_grant_id"] is None:
            return "TAKEN_BACK"
        kind, key = (ClawBack, "clawed") if row["claws_back"] else (RevokeGrant, "revoked")
        outcome = await self._writer.submit(
            kind(
                tenant_id=tenant_id,
                account_id=row["referrer_id"],
                once=Once(Mutation.TAKE_BACK_REFERRAL, f"{account_id.hex}:{key}", _FINGERPRINT),
                grant_id=row["reward_grant_id"],
                text_salt=new_salt(),
            )
        )
        # Somebody may have taken it back by hand.
        return "TAKEN_BACK" if isinstance(outcome, GrantEffect) or row["reward_ended"] is not None else None


def _message(account_id: UUID) -> InboxMessage:
    return InboxMessage(ORIGIN, account_id.hex)
