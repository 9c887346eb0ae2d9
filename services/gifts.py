"""Gifts: one lot of tokens for each of many accounts, for an event. Each gets it once under the key."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from models.database import Database
from models.statements import statement
from models.unavailable import DatabaseUnavailable
from rules.changes import Change
from rules.identity import IdKind, public_id
from rules.ledger.commands import GrantTokens
from rules.ledger.kinds import GrantSource, Mutation
from rules.ledger.outcomes import GrantOutcome
from rules.ledger.records import Page, Slice
from rules.ledger.refusals import NotFound
from rules.ledger.requests import GiftRequest, GrantRequest
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import format_tokens
from services.change_log import change_of
from services.fingerprints import once
from services.grants import fault_of_lot, of_grant
from services.ledger.lane import LedgerUnavailable
from services.ledger.submission import Riders
from services.ledger.writer import Writer
from services.price_books import PriceBooks
from services.principal import OPERATOR, Principal
from services.texts import fault_of_key, new_salt

ACCOUNTS_MAX: Final = 1_000
"""Accounts of one call: a few seconds of the ledger's time, and an answer that fits a page."""

AT_ONCE: Final = 64
"""Accounts that are given to side by side, so that others find room in the ledger's batches."""

_GIVEN_BY_HAND: Final = frozenset({GrantSource.BONUS, GrantSource.LOYALTY, GrantSource.PROMO, GrantSource.ADJUSTMENT})
_REFUSED: Final = frozenset(GrantSource) - _GIVEN_BY_HAND


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The ledger did not answer for this account: the same call again tells, and finishes it."""


GiftOutcome = GrantOutcome | Unanswered


class Gifts:
    """grantTokensToMany. One account's refusal keeps no other from its gift."""

    def __init__(self, database: Database, writer: Writer, price_books: PriceBooks) -> None:
        self._database = database
        self._writer = writer
        self._price_books = price_books

    async def give(
        self,
        request: GiftRequest,
        accounts: Sequence[UUID | NotFound | InvalidInput],
        *,
        by: Principal = OPERATOR,
    ) -> tuple[GiftOutcome, ...] | InvalidInput:
        """Gives to each account that is named; outcomes in the order of the names, refusals of names among them."""
        fault = fault_of_key(request.key) or fault_of_lot(request, _REFUSED)
        if fault is not None:
            return fault
        if not 1 <= len(accounts) <= ACCOUNTS_MAX:
            return InvalidInput("accountIds", f"must name between 1 and {ACCOUNTS_MAX} accounts")
        policies = (await self._price_books.current(request.tenant_id)).book.policies
        months = None if request.never_expires else policies.months_until_expiry(request.source)
        turns = asyncio.Semaphore(AT_ONCE)

        async def give(account: UUID | NotFound | InvalidInput) -> GiftOutcome:
            if not isinstance(account, UUID):
                return account
            async with turns:
                try:
                    command = _command(request, account, months)
                    return of_grant(await self._writer.submit(command, Riders(change=_change(by, command))))
                except (DatabaseUnavailable, LedgerUnavailable):
                    return Unanswered()

        return tuple(await asyncio.gather(*map(give, accounts)))

    async def everyone(self, tenant_id: UUID, part: Slice[str]) -> Page[tuple[str, UUID]]:
        """External ids and ids of the tenant's accounts, by external id, which is also the key."""
        async with self._database.reader(tenant_id) as connection:
            found = await connection.fetch(
                statement("list_accounts"), tenant_id, part.after, None, part.first + 1, None
            )
        rows = tuple((row["external_id"], row["account_id"]) for row in found[: part.first])
        return Page(rows, len(found) > part.first)


def _change(by: Principal, command: GrantTokens) -> Change:
    detail = {"amount": format_tokens(command.amount), "source": command.source.value}
    return change_of(by, "grantTokensToMany", public_id(IdKind.ACCOUNT, command.account_id), detail)


def _command(request: GiftRequest, account_id: UUID, months: int | None) -> GrantTokens:
    lot = GrantRequest(
        request.tenant_id,
        account_id,
        request.key,
        request.amount,
        request.source,
        request.priority,
        request.expires_at,
        request.note,
        request.never_expires,
    )
    return GrantTokens(
        tenant_id=request.tenant_id,
        account_id=account_id,
        once=once(Mutation.GRANT_TOKENS_TO_MANY, request.key, lot),
        amount=request.amount,
        source=request.source,
        source_ref=f"grantTokensToMany:{request.key}",
        priority=request.priority,
        expires_at=request.expires_at,
        expires_after_months=months,
        note=request.note,
        text_salt=new_salt(),
    )
