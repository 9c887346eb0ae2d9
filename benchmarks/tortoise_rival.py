"""The same work with plain Tortoise: one transaction a request, the account's row locked, models saved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import copy
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from struct import Struct
from typing import Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import asyncpg
from tortoise.context import TortoiseContext
from tortoise.transactions import in_transaction

from benchmarks.contenders import HOLD_TTL_SECONDS, LINES_JSON, Reserved, fingerprint_of, statement
from benchmarks.tortoise_models import (
    RivalAccount,
    RivalAllocation,
    RivalEntry,
    RivalGrant,
    RivalHold,
    RivalOperation,
)
from rules.ledger.kinds import EntryKind, GrantSource, HoldState, Mutation

_NUMBERS: Final = Struct(">7q")

CONNECTION_NAME: Final = "rival"
SCHEMA: Final = "tortoise_rival"
"""A schema of its own: in the ledger's, every table with a tenant must have row-level security."""


@asynccontextmanager
async def open_tortoise_rival(dsn: str, tenant_id: UUID, pool_size: int) -> AsyncIterator[TortoiseRival]:
    """The rival on its own tables, which are made when they are missing."""
    await _make_schema(dsn)
    async with TortoiseContext() as context:
        await context.init(
            {
                "connections": {
                    CONNECTION_NAME: {
                        "engine": "tortoise.backends.asyncpg",
                        "credentials": {
                            **_credentials(dsn),
                            "schema": SCHEMA,
                            "minsize": pool_size,
                            "maxsize": pool_size,
                        },
                    }
                },
                "apps": {"rival": {"models": ["benchmarks.tortoise_models"], "default_connection": CONNECTION_NAME}},
                "use_tz": True,
                "timezone": "UTC",
            }
        )
        await context.generate_schemas(safe=True)
        yield TortoiseRival(context, tenant_id)


async def _make_schema(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    finally:
        await connection.close()


def _credentials(dsn: str) -> dict[str, str | int]:
    parts = urlsplit(dsn)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return {
        "host": options.get("host") or parts.hostname or "localhost",
        "port": int(options.get("port") or parts.port or 5432),
        "user": parts.username or "postgres",
        "password": parts.password or "",
        "database": parts.path.lstrip("/"),
    }


class TortoiseRival:
    """What a good service with Tortoise does: lock the account, look, decide, save, commit."""

    name = "tortoise"

    def __init__(self, context: TortoiseContext, tenant_id: UUID) -> None:
        self._context = context
        self._tenant_id = tenant_id

    async def open_account(self, name: str, grants_micros: Sequence[int]) -> UUID:
        """Makes an account with these grants, in burn order."""
        now = datetime.now(UTC)
        async with self._transaction():
            account = await RivalAccount.create(id=uuid4(), tenant_id=self._tenant_id, created_at=now, last_at=now)
            for priority, amount in enumerate(grants_micros):
                grant = await RivalGrant.create(
                    account=account,
                    tenant_id=self._tenant_id,
                    source=GrantSource.BONUS,
                    source_ref=f"grant {priority}",
                    granted=amount,
                    remaining=amount,
                    priority=priority,
                    created_at=now,
                )
                account.total += amount
                await _append(account, EntryKind.GRANT, now, total_change=amount, grant_id=grant.id)
            await account.save()
        return account.id

    async def reserve(self, account_id: UUID, key: str, amount_micros: int) -> Reserved | None:
        """Sets tokens aside; None when there are too few."""
        fingerprint = fingerprint_of(key, amount_micros)
        async with self._transaction():
            account = await RivalAccount.filter(id=account_id).select_for_update(no_key=True).get()
            known = await RivalOperation.filter(account_id=account_id, mutation=Mutation.RESERVE, key=key).first()
            if known is not None:
                assert known.fingerprint == fingerprint
                return Reserved(known.hold_id, replayed=True)
            if amount_micros > account.total - account.held:
                return None
            now = max(datetime.now(UTC), account.last_at)
            hold = await RivalHold.create(
                account=account,
                tenant_id=self._tenant_id,
                state=HoldState.OPEN,
                amount=amount_micros,
                remaining=amount_micros,
                price_book_version=1,
                lines=LINES_JSON,
                created_at=now,
                expires_at=now + timedelta(seconds=HOLD_TTL_SECONDS),
            )
            await self._allocate(account, hold, amount_micros)
            account.held += amount_micros
            await _append(account, EntryKind.HOLD, now, held_change=amount_micros, hold_id=hold.id)
            await account.save(update_fields=["held", "version", "head_hash", "last_at"])
            await RivalOperation.create(
                account_id=account_id,
                tenant_id=self._tenant_id,
                mutation=Mutation.RESERVE,
                key=key,
                fingerprint=fingerprint,
                hold_id=hold.id,
                at=now,
            )
        return Reserved(hold.id, replayed=False)

    async def _allocate(self, account: RivalAccount, hold: RivalHold, amount_micros: int) -> None:
        left = amount_micros
        for grant in await RivalGrant.filter(account_id=account.id, open=True).order_by("priority", "expires_at", "id"):
            share = min(left, grant.remaining - grant.held)
            if share <= 0:
                continue
            grant.held += share
            await grant.save(update_fields=["held"])
            await RivalAllocation.create(
                account_id=account.id, hold_id=hold.id, grant_id=grant.id, tenant_id=self._tenant_id, held=share
            )
            left -= share
            if left == 0:
                return

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        # Two rivals with pools of their own may stand side by side, so each task says which one it means. A context
        # remembers a single entry, hence the copy, which costs a thousandth of the request.
        with copy(self._context):
            async with in_transaction():
                yield

    async def count_holds(self) -> int:
        """How many holds are in the database."""
        async with self._transaction():
            return await RivalHold.all().count()

    async def contradictions(self) -> list[str]:
        """Sums of the rival's tables that do not add up."""
        rows = await self._context.db().execute_query_dict(statement("find_tortoise_contradictions"))
        return [f"{row['rule']}: {row['place']}" for row in rows]


async def _append(
    account: RivalAccount,
    kind: EntryKind,
    at: datetime,
    *,
    total_change: int = 0,
    held_change: int = 0,
    hold_id: int | None = None,
    grant_id: int | None = None,
) -> None:
    """Adds a line to the journal and chains it; the account is saved by the caller."""
    account.version += 1
    account.last_at = at
    available = account.total - account.held
    numbers = _NUMBERS.pack(
        account.version, int(at.timestamp()), total_change, held_change, available, hold_id or 0, grant_id or 0
    )
    account.head_hash = sha256(account.head_hash + account.id.bytes + numbers).digest()
    await RivalEntry.create(
        account=account,
        tenant_id=account.tenant_id,
        version=account.version,
        at=at,
        kind=kind,
        total_change=total_change,
        held_change=held_change,
        available_after=available,
        hold_id=hold_id,
        grant_id=grant_id,
        hash=account.head_hash,
    )
