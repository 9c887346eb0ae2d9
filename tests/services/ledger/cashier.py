"""A tenant's cashier: sends commands to a writer, each under a key of its own unless one is given."""

from __future__ import annotations

import hashlib
from itertools import count
from typing import Any
from uuid import UUID

import asyncpg

from models.database import Database
from rules.identity import account_id_of, member_id_of
from rules.ledger.commands import (
    AssignTokens,
    Commit,
    Extend,
    GrantTokens,
    ManageMembers,
    Once,
    OpenAccount,
    Release,
    Reserve,
)
from rules.ledger.kinds import GrantSource, MemberRole, Mutation, OverrunPolicy
from rules.ledger.member_changes import AddMember, MemberChange
from rules.ledger.outcomes import AccountEffect, GrantEffect, HoldEffect, MembersEffect
from services.ledger.submission import NO_RIDERS, LedgerOutcome, Profile, Riders
from services.ledger.writer import Writer
from tests.patience import eventually

_numbers = count(1)


def a_key(mutation: Mutation, key: str | None = None, *, asks: str = "the same") -> Once:
    """A key and the fingerprint of what is asked under it."""
    return Once(mutation, key or f"key-{next(_numbers)}", hashlib.sha256(asks.encode()).digest())


def a_reserve(tenant_id: UUID, account_id: UUID, amount: int = 1, *, key: str | None = None, **more: Any) -> Reserve:
    return Reserve(
        tenant_id,
        account_id,
        a_key(Mutation.RESERVE, key),
        **{"amount": amount, "lines": (), "lines_json": "[]", "price_book_version": 1, **more},
    )


def a_poisonous_reserve(tenant_id: UUID, account_id: UUID) -> Reserve:
    """One that the core takes and the database does not: no hold has lines like these."""
    return a_reserve(tenant_id, account_id, lines_json="this is no JSON")


def held(outcome: object) -> HoldEffect:
    """The outcome, which must be an effect on a hold."""
    assert isinstance(outcome, HoldEffect), outcome
    return outcome


def granted(outcome: object) -> GrantEffect:
    """The outcome, which must be an effect on a grant."""
    assert isinstance(outcome, GrantEffect), outcome
    return outcome


def of_kind(outcomes: list[Any], kind: type) -> list[Any]:
    """Those outcomes that are of one kind."""
    return [outcome for outcome in outcomes if isinstance(outcome, kind)]


class Cashier:
    """Speaks for one tenant. Amounts in micro-tokens."""

    def __init__(self, writer: Writer, tenant_id: UUID) -> None:
        self.writer = writer
        self.tenant_id = tenant_id

    def beside(self, writer: Writer) -> Cashier:
        """The same tenant's cashier at another writer."""
        return Cashier(writer, self.tenant_id)

    async def open(self, name: str = "passenger", *, tokens: int = 0, trial: int = 0) -> UUID:
        """Opens an account, with one grant when it is to have tokens; its id."""
        account_id = account_id_of(self.tenant_id, name)
        opening = OpenAccount(self.tenant_id, account_id, "UTC", trial, 12)
        outcome = await self.writer.submit(opening, Riders(profile=Profile(name, name, "PERSONAL")))
        assert isinstance(outcome, AccountEffect), outcome
        if tokens:
            granted(await self.grant(account_id, tokens))
        return account_id

    async def grant(
        self, account_id: UUID, amount: int, *, key: str | None = None, riders: Riders = NO_RIDERS, **more: Any
    ) -> LedgerOutcome:
        once = a_key(Mutation.GRANT_TOKENS, key)
        fields = {"source": GrantSource.BONUS, "source_ref": once.key, **more}
        return await self.writer.submit(GrantTokens(self.tenant_id, account_id, once, amount, **fields), riders)

    async def reserve(
        self, account_id: UUID, amount: int = 1, *, key: str | None = None, riders: Riders = NO_RIDERS, **more: Any
    ) -> LedgerOutcome:
        return await self.writer.submit(a_reserve(self.tenant_id, account_id, amount, key=key, **more), riders)

    async def hold(self, account_id: UUID, amount: int = 1, **more: Any) -> int:
        """Reserves, which must go through; the hold's id."""
        return held(await self.reserve(account_id, amount, **more)).hold.hold_id

    async def commit(
        self, account_id: UUID, hold_id: int, amount: int | None = None, *, key: str | None = None, **more: Any
    ) -> LedgerOutcome:
        once = a_key(Mutation.COMMIT, key)
        return await self.writer.submit(Commit(self.tenant_id, account_id, once, hold_id, amount=amount, **more))

    async def commit_available(self, account_id: UUID, hold_id: int, amount: int) -> LedgerOutcome:
        return await self.commit(account_id, hold_id, amount, overrun=OverrunPolicy.CHARGE_AVAILABLE)

    async def release(self, account_id: UUID, hold_id: int, *, key: str | None = None) -> LedgerOutcome:
        return await self.writer.submit(Release(self.tenant_id, account_id, a_key(Mutation.RELEASE, key), hold_id))

    async def manage(self, account_id: UUID, *changes: MemberChange) -> LedgerOutcome:
        return await self.writer.submit(ManageMembers(self.tenant_id, account_id, changes))

    async def add_members(self, account_id: UUID, *names: str) -> list[UUID]:
        """Members by their external ids; their ids."""
        ids = [member_id_of(account_id, name) for name in names]
        adding = [AddMember(member, name, name, MemberRole.MEMBER) for member, name in zip(ids, names, strict=True)]
        assert isinstance(await self.manage(account_id, *adding), MembersEffect)
        return ids

    async def assign(self, account_id: UUID, amount: int, *, key: str | None = None, **owner: Any) -> LedgerOutcome:
        once = a_key(Mutation.ASSIGN_TOKENS, key)
        return await self.writer.submit(AssignTokens(self.tenant_id, account_id, once, amount, **owner))

    async def extend(self, account_id: UUID, hold_id: int, **more: Any) -> LedgerOutcome:
        return await self.writer.submit(Extend(self.tenant_id, account_id, a_key(Mutation.EXTEND), hold_id, **more))


async def a_member(database: Database, tenant_id: UUID, account_id: UUID, member_id: UUID) -> UUID:
    """Somebody who belongs to the account."""
    async with database.owner() as connection:
        await connection.execute(
            "INSERT INTO member (account_id, member_id, tenant_id, external_id, name, role, active, created_at)"
            " VALUES ($1, $2, $3, $4, 'Ada', 'MEMBER', true, now())",
            account_id,
            member_id,
            tenant_id,
            f"member-{member_id.int}",
        )
    return member_id


async def move_clock(database: Database, tenant_id: UUID, seconds: float) -> None:
    """Moves a tenant's clock, also backwards, and settles nothing."""
    async with database.owner() as connection:
        await connection.execute(
            "UPDATE tenant SET clock_offset_micros = clock_offset_micros + $2 WHERE id = $1",
            tenant_id,
            round(seconds * 1_000_000),
        )


async def rows_of(database: Database, query: str, *arguments: object) -> list[asyncpg.Record]:
    async with database.owner() as connection:
        return list(await connection.fetch(query, *arguments))


async def value_of(database: Database, query: str, *arguments: object) -> Any:
    async with database.owner() as connection:
        return await connection.fetchval(query, *arguments)


async def waits_for_a_lock(database: Database, number: int = 1) -> None:
    """Returns when so many of the ledger's sessions wait for somebody's lock."""

    async def enough() -> bool:
        waiting: int = await value_of(
            database,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
            "AND application_name = 'farebox ledger'",
        )
        return number <= waiting

    await eventually(enough, what=f"{number} sessions wait for a lock")
