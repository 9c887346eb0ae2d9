"""Redemptions: a promo code becomes tokens, once for each claim, whatever is killed on the way.

A claim takes one of the code's redemptions in a transaction of its own; the grant goes through the ledger and carries
the claim's id as a message, so that it applies once; a refused grant gives the redemption back. Before that the message
is closed in the ledger: whoever is still on the way with the same grant then comes too late, so that nothing is granted
without a claim. What a crash leaves between the steps is finished by the next call under the key, or by `finish`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import asyncpg

from models.database import Database
from models.statements import statement
from models.unavailable import DatabaseBusy, DatabaseUnavailable
from rules.ledger.commands import GrantTokens, Once, Settle
from rules.ledger.kinds import GrantSource, Mutation
from rules.ledger.outcomes import GrantEffect, GrantOutcome
from rules.ledger.refusals import IdempotencyConflict, NotFound, RateLimited
from rules.ledger.requests import RedeemRequest
from rules.pricing.refusals import InvalidInput
from rules.promotions.guessing import ACCOUNT_GUESSES, TENANT_GUESSES, retry_after_seconds, with_failure
from rules.promotions.promo_codes import (
    TYPED_LENGTH_MAX,
    PromoCode,
    PromoNotActive,
    Redeemer,
    canonical_code,
    judge_promo_code,
)
from services.fingerprints import once
from services.grants import of_grant
from services.ledger.lane import LedgerUnavailable
from services.ledger.submission import AlreadyApplied, InboxMessage, Riders
from services.ledger.writer import Writer
from services.price_books import PriceBooks
from services.promo_codes import promo_code_of
from services.texts import fault_of_key, fault_of_text, new_salt

ORIGIN: Final = "promo"
"""Of the messages that ride with grants of promo codes."""

TRIES_MAX: Final = 5
"""A claim can be taken back by another call while this one finishes it; then it is made anew."""

ABANDONED_SECONDS: Final = 30
"""After so long nobody is still busy with a claim: no caller waits longer for the ledger."""

CLAIMS_AT_ONCE: Final = 2
"""Claims of one process: they wait for each other's locks, and must not take everybody's connections meanwhile."""

WAITING_MAX: Final = 500
"""Beyond that a redemption is told to come back later."""

FINISHED_MAX: Final = 200
"""Claims finished in one sweep."""

logger = logging.getLogger(__name__)

RedeemOutcome = GrantOutcome | PromoNotActive | RateLimited


@dataclass(frozen=True, slots=True)
class Claim:
    """One redemption that an account has taken; `granted` once its grant is known to be there."""

    tenant_id: UUID
    account_id: UUID
    claim_id: UUID
    promo_code_id: UUID
    once: Once
    claimed_at: datetime
    granted: bool


class Redemptions:
    """redeemPromoCode. Raises `DatabaseUnavailable` and `LedgerUnavailable` when nobody could judge."""

    def __init__(self, database: Database, writer: Writer, price_books: PriceBooks) -> None:
        self._database = database
        self._writer = writer
        self._price_books = price_books
        self._turns = asyncio.Semaphore(CLAIMS_AT_ONCE)
        self._waiting = 0

    async def redeem(self, tenant_id: UUID, account_id: UUID, key: str, typed: str) -> RedeemOutcome:
        """Redeems a code as somebody typed it.

        In order: replay of the key; NotFound of the account; InvalidInput; RateLimited after too many wrong codes of
        the account or the tenant; PromoNotActive. A refusal uses nothing up.
        """
        bad_key = fault_of_key(key)
        if bad_key is not None:
            return bad_key
        fault = fault_of_text("code", typed, TYPED_LENGTH_MAX)
        if fault is None and not typed.strip():
            fault = InvalidInput("code", "must not be empty")
        code = typed if fault is not None else canonical_code(typed)
        asked = once(Mutation.REDEEM_PROMO_CODE, key, RedeemRequest(tenant_id, account_id, key, code))
        for _ in range(TRIES_MAX):
            claim = await self._claim(tenant_id, account_id, asked, code, fault)
            if not isinstance(claim, Claim):
                return claim
            outcome = await self._finish(claim)
            if claim.once.fingerprint == asked.fingerprint:
                if outcome is not None:
                    return outcome
            elif isinstance(outcome, GrantEffect):
                return IdempotencyConflict(key)
        raise AssertionError(f"a promo code was claimed {TRIES_MAX} times under one key, and never finished")

    async def finish(self) -> int:
        """Finishes what crashes have left, some of it at a time; gives how many claims were looked at."""
        async with self._database.spanning_reader() as connection:
            rows = await connection.fetch(statement("list_open_promo_claims"), ABANDONED_SECONDS, FINISHED_MAX)
        for row in rows:
            try:
                await self._finish(_claim_of(row))
            except (DatabaseUnavailable, LedgerUnavailable) as error:
                # One account that cannot be reached must not keep the others waiting; the next sweep tries again.
                logger.warning("the claim %s waits: %s", row["claim_id"], error)
        return len(rows)

    async def _claim(
        self, tenant_id: UUID, account_id: UUID, asked: Once, code: str, fault: InvalidInput | None
    ) -> Claim | NotFound | InvalidInput | RateLimited | PromoNotActive:
        """The claim under this key, made now unless it is there; or why there is none."""
        owners = [account_id, tenant_id]
        async with self._turn(), self._database.tenant(tenant_id) as connection:
            locked = await connection.fetch(statement("lock_promo_guesses"), owners)
            if len(locked) < len(owners):
                await connection.execute(statement("make_promo_guesses"), tenant_id, owners, account_id)
                locked = await connection.fetch(statement("lock_promo_guesses"), owners)
            if len(locked) < len(owners):
                return NotFound("account")
            known = await connection.fetchrow(statement("lock_promo_claim"), account_id, asked.key)
            if known is not None:
                return _claim_of(known)
            if fault is not None:
                return fault
            redeemer = await connection.fetchrow(statement("read_redeemer"), account_id, tenant_id, code)
            if redeemer is None:
                raise AssertionError(f"account {account_id} was there and is not")
            now: datetime = redeemer["now"]
            limits = {account_id: ACCOUNT_GUESSES, tenant_id: TENANT_GUESSES}
            waits = [retry_after_seconds(row["failures"], limits[row["owner_id"]], now) for row in locked]
            wait = max((seconds for seconds in waits if seconds is not None), default=None)
            if wait is not None:
                return RateLimited(wait)
            found = await _locked_code(connection, tenant_id, code)
            refusal = judge_promo_code(
                found, Redeemer(redeemer["external_id"], redeemer["has_purchased"], redeemer["claims"]), now
            )
            if refusal is not None or found is None:
                if refusal is None or not refusal.already_redeemed:
                    for row in locked:
                        failures = with_failure(row["failures"], limits[row["owner_id"]], now)
                        await connection.execute(statement("update_promo_guesses"), row["owner_id"], failures)
                return refusal or PromoNotActive()
            claim = Claim(tenant_id, account_id, uuid4(), found.promo_code_id, asked, now, granted=False)
            await connection.execute(
                statement("insert_promo_claim"),
                account_id,
                asked.key,
                tenant_id,
                claim.claim_id,
                claim.promo_code_id,
                asked.fingerprint,
                now,
            )
            return claim

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._waiting >= WAITING_MAX:
            raise DatabaseBusy("too many redemptions wait for their turn")
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    async def _finish(self, claim: Claim) -> GrantOutcome | None:
        """Grants what was claimed, or takes the claim back; None where somebody else has taken it back."""
        message = InboxMessage(ORIGIN, claim.claim_id.hex)
        outcome = await self._writer.submit(await self._grant(claim), Riders(messages=(message,)))
        if isinstance(outcome, GrantEffect):
            if not claim.granted:
                async with self._database.tenant(claim.tenant_id) as connection:
                    await connection.execute(
                        statement("finish_promo_claim"), claim.account_id, claim.claim_id, outcome.grant.grant_id
                    )
            return outcome
        if not isinstance(outcome, AlreadyApplied):
            closed = await self._writer.submit(Settle(claim.tenant_id, claim.account_id), Riders(messages=(message,)))
            if isinstance(closed, AlreadyApplied):
                # Another call was granted it meanwhile, or has closed it: the next try tells.
                return None
        async with self._database.tenant(claim.tenant_id) as connection:
            await connection.execute(statement("release_promo_claim"), claim.account_id, claim.claim_id)
        return None if isinstance(outcome, AlreadyApplied) else of_grant(outcome)

    async def _grant(self, claim: Claim) -> GrantTokens:
        async with self._database.reader(claim.tenant_id) as connection:
            row = await connection.fetchrow(statement("read_promo_code"), claim.promo_code_id, claim.tenant_id)
        if row is None:
            raise AssertionError(f"promo code {claim.promo_code_id} was claimed and is not there")
        terms = promo_code_of(row).terms
        published = await self._price_books.current(claim.tenant_id)
        policies = published.book.policies
        return GrantTokens(
            tenant_id=claim.tenant_id,
            account_id=claim.account_id,
            once=claim.once,
            amount=terms.amount,
            source=GrantSource.PROMO,
            source_ref=f"promo:{claim.claim_id.hex}",
            priority=terms.priority,
            expires_at=terms.expires_at(claim.claimed_at),
            expires_after_months=policies.months_until_expiry(GrantSource.PROMO),
            note=terms.note,
            text_salt=new_salt(),
            daily_limit=policies.daily_limit_micros,
            daily_limit_since=published.effective_at,
        )


async def _locked_code(connection: asyncpg.Connection, tenant_id: UUID, code: str) -> PromoCode | None:
    row = await connection.fetchrow(statement("lock_promo_code_of"), tenant_id, code)
    return None if row is None else promo_code_of(row)


def _claim_of(row: asyncpg.Record) -> Claim:
    return Claim(
        tenant_id=row["tenant_id"],
        account_id=row["account_id"],
        claim_id=row["claim_id"],
        promo_code_id=row["promo_code_id"],
        once=Once(Mutation.REDEEM_PROMO_CODE, row["key"], row["fingerprint"]),
        claimed_at=row["claimed_at"],
        granted=row["grant_id"] is not None,
    )
