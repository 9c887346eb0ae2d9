"""An account with nothing due, at one moment: what every read of the ledger begins with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final
from uuid import UUID

import asyncpg

from models.database import Database
from models.ledger import rows
from models.statements import statement
from rules.ledger.balance import POOL, BalanceSnapshot, Parts, balance_of, snapshot_of
from rules.ledger.burn_down import Spender
from rules.ledger.commands import Settle
from rules.ledger.limits import today_of
from rules.ledger.spending import Scope, Spending
from rules.ledger.state import Account, AccountState
from services.ledger.known_accounts import LoadedAccount
from services.ledger.writer import Writer
from services.price_books import PriceBooks, PublishedBook

SETTLINGS_MAX: Final = 3
"""Tries to read an account with nothing due, beside the price book in force; one is enough unless something falls due,
or another comes into force, at that very moment."""


@dataclass(frozen=True, slots=True)
class AccountReading:
    """An account's ledger row at one moment, with nothing due, and the counts of the member and project asked for."""

    state: AccountState
    """Without grants and holds, where it was read."""
    balance: BalanceSnapshot
    now: datetime
    due_in_seconds: float | None
    """Until something falls due next or the day ends, by the tenant's clock."""
    book: PublishedBook | None = None
    """The price book in force."""

    @property
    def account(self) -> Account:
        """The account's row."""
        return self.state.account

    @property
    def daily_limit(self) -> int | None:
        """What the price book allows an account a day that has set no limit of its own."""
        return None if self.book is None else self.book.book.policies.daily_limit_micros

    @property
    def daily_limit_since(self) -> datetime | None:
        """When that price book came into force."""
        return None if self.book is None else self.book.effective_at

    @property
    def version(self) -> int:
        """The account's latest entry."""
        return self.balance.version

    @property
    def as_of(self) -> datetime:
        """When that entry was made, the day began that is shown, or its limit came into force, whichever is latest."""
        return self.balance.as_of

    @property
    def was_reset(self) -> bool:
        """Whether the day that is shown began, or its limit came into force, after that entry was made."""
        return self.as_of > (self.account.last_at if self.account.version else self.account.created_at)

    @property
    def frozen(self) -> bool:
        """Whether the account takes no new work."""
        return self.account.frozen


class SettledReads:
    """Reads of accounts of which whatever is due is settled first, so that one version never shows two balances."""

    def __init__(self, database: Database, writer: Writer, price_books: PriceBooks) -> None:
        self._database = database
        self._writer = writer
        self._price_books = price_books

    async def read(self, tenant_id: UUID, account_id: UUID, spender: Spender = POOL) -> AccountReading | None:
        """The account's ledger row and balance now, and what the spender's member and project have consumed."""
        async with self.settled(tenant_id, account_id, spender) as (_, reading):
            return reading

    @asynccontextmanager
    async def settled(
        self, tenant_id: UUID, account_id: UUID, spender: Spender = POOL
    ) -> AsyncIterator[tuple[asyncpg.Connection, AccountReading | None]]:
        """A snapshot in which nothing of the account is due, and its row; the row is None for an unknown account."""
        for attempt in range(SETTLINGS_MAX):
            book = await self._price_books.in_force(tenant_id)
            async with self._database.reader(tenant_id) as connection:
                row = await connection.fetchrow(statement("read_ledger_account"), account_id, tenant_id, *spender)
                is_due = row is not None and row["due_in_seconds"] is not None and row["due_in_seconds"] <= 0
                # Memory may be a second late: then the new version's limit would come after an entry that is later.
                is_late = row is not None and row["book_version"] != (None if book is None else book.version)
                if not (is_due or is_late) or attempt == SETTLINGS_MAX - 1:
                    reading = None
                    if row is not None:
                        scopes = await _scopes_of(connection, account_id, spender)
                        reading = _reading(row, scopes, spender, book)
                    yield connection, reading
                    return
            if is_late:
                self._price_books.clock_moved(tenant_id)
            if is_due:
                await self._writer.submit(Settle(tenant_id, account_id))

    async def daily_limit_of(self, tenant_id: UUID, book_version: int) -> int | None:
        """What a version of the price book allows an account a day."""
        published = await self._price_books.at_version(tenant_id, book_version)
        return None if published is None else published.book.policies.daily_limit_micros

    def at_hand(self, tenant_id: UUID, committed: LoadedAccount) -> AccountReading | None:
        """The account as a batch has just left it; the same that a read would bring, with the clock of now.

        None where it must be read: something has fallen due meanwhile, it is not the tenant's, or what the price book
        allows a day is not in memory.
        """
        state, account = committed.state, committed.state.account
        published = self._price_books.at_hand(tenant_id)
        if published is None or account.tenant_id != tenant_id or not account.opened:
            return None
        now = committed.now + timedelta(seconds=monotonic() - committed.loaded_at_seconds)
        balance = balance_of(state, now, published.book.policies.daily_limit_micros, since=published.effective_at)
        due_in_seconds = None if account.due_at is None else (account.due_at - now).total_seconds()
        if due_in_seconds is not None and due_in_seconds <= 0:
            return None
        until = due_or_midnight(due_in_seconds, now, balance.today.resets_at)
        return AccountReading(state, balance, now, until, published)


def due_or_midnight(due_in_seconds: float | None, now: datetime, midnight: datetime | None) -> float | None:
    """Until something falls due or the day ends, whichever is first."""
    if midnight is None:
        return due_in_seconds
    until_midnight = (midnight - now).total_seconds()
    return until_midnight if due_in_seconds is None else min(due_in_seconds, until_midnight)


async def _scopes_of(connection: asyncpg.Connection, account_id: UUID, spender: Spender) -> dict[Scope, Spending]:
    """What the spender's member and project have consumed, with the default limits of members."""
    if spender == POOL:
        return {}
    member = str(spender.member_id) if spender.member_id is not None else None
    found = await connection.fetch(statement("list_scopes"), account_id, member, spender.project)
    return {rows.read_scope(row["scope"], row["subject"]): rows.read_spending(row["spending"]) for row in found}


def _reading(
    row: asyncpg.Record, scopes: dict[Scope, Spending], spender: Spender, book: PublishedBook | None
) -> AccountReading:
    state, now = AccountState(rows.read_account(tuple(row)[:22]), scopes=scopes), row["observed_at"]
    parts = Parts(row["others_left"], row["others_held"], row["own_left"])
    limit, since = (None, None) if book is None else (book.book.policies.daily_limit_micros, book.effective_at)
    today = today_of(state, spender.member_id, now, limit, since)
    balance = snapshot_of(state.account, row["expiring_amount"], row["expiring_at"], today, spender, parts)
    until = due_or_midnight(row["due_in_seconds"], now, balance.today.resets_at)
    return AccountReading(state, balance, now, until, book)
