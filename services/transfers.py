"""Transfers: tokens that a tenant moves from one of its accounts to another."""

from __future__ import annotations

import logging
from typing import Final

from models.database import Database
from models.unavailable import DatabaseUnavailable
from rules.identity import IdKind, public_id
from rules.ledger.commands import SendTokens
from rules.ledger.kinds import Mutation
from rules.ledger.outcomes import GrantEffect, GrantOutcome
from rules.ledger.refusals import CLOSED, IdempotencyConflict, InputRefusal, InsufficientTokens, NotFound
from rules.ledger.requests import TransferRequest
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS, MAX_TOKENS, format_tokens
from services.change_log import change_of
from services.fingerprints import once
from services.ledger.lane import LedgerUnavailable
from services.ledger.reads import LedgerReads
from services.ledger.submission import Riders
from services.ledger.transfers import bring_transfer
from services.ledger.writer import Writer
from services.price_books import PriceBooks
from services.principal import OPERATOR, Principal
from services.texts import NOTE_LENGTH_MAX, fault_of_key, fault_of_text, new_salt

TO: Final = "toAccountId"

logger = logging.getLogger(__name__)


class Transfers:
    """transferTokens. Raises `LedgerUnavailable` or `DatabaseUnavailable` when nobody could judge."""

    def __init__(self, database: Database, writer: Writer, price_books: PriceBooks, reads: LedgerReads) -> None:
        self._database = database
        self._writer = writer
        self._price_books = price_books
        self._reads = reads

    async def transfer_tokens(self, request: TransferRequest, *, by: Principal = OPERATOR) -> GrantOutcome:
        """Takes tokens off the account and brings them to the other; the answer is of the account that sends.

        What could not be brought at once is brought by the sweeper: the tokens are off, and they arrive.
        """
        bad_key = fault_of_key(request.key)
        if bad_key is not None:
            return bad_key
        fault = await self._fault(request)
        daily = await self._price_books.daily_limit(request.tenant_id)
        outcome = await self._writer.submit(
            SendTokens(
                tenant_id=request.tenant_id,
                account_id=request.account_id,
                once=once(Mutation.TRANSFER_TOKENS, request.key, request),
                amount=request.amount,
                target_id=request.target_id,
                note=request.note if fault is None else None,
                text_salt=new_salt(),
                refusal=fault,
                daily_limit=daily.limit,
                daily_limit_since=daily.since,
            ),
            Riders(
                change=change_of(
                    by,
                    "transferTokens",
                    public_id(IdKind.ACCOUNT, request.account_id),
                    {"amount": format_tokens(request.amount)},
                )
            ),
        )
        match outcome:
            case GrantEffect():
                if not outcome.replayed:
                    await self._bring(request, outcome.balance.version)
                return outcome
            case IdempotencyConflict() | NotFound() | InvalidInput() | InsufficientTokens():
                return outcome
            case _:
                raise AssertionError(f"a transfer came to {type(outcome).__name__}")

    async def _fault(self, request: TransferRequest) -> InputRefusal | None:
        """What is wrong before the ledger is asked; it judges a replay first."""
        target = await self._reads.read(request.tenant_id, request.target_id)
        if target is None:
            return NotFound("account")
        if not 0 < request.amount <= MAX_MICROS:
            return InvalidInput("amount", f"must be more than 0, and at most {MAX_TOKENS} tokens")
        if request.target_id == request.account_id:
            return InvalidInput(TO, "must be another account than the one that sends")
        if target.account.closed_at is not None:
            return InvalidInput(TO, CLOSED)
        if request.amount > target.account.room:
            return InvalidInput("amount", "the account would hold more tokens than can be counted")
        return fault_of_text("note", request.note, NOTE_LENGTH_MAX)

    async def _bring(self, request: TransferRequest, version: int) -> None:
        try:
            await bring_transfer(self._database, self._writer, request.tenant_id, request.account_id, version)
        except (DatabaseUnavailable, LedgerUnavailable) as error:
            logger.warning("what account %s sent is brought later: %s", request.account_id, error)
