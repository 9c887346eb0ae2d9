"""Accounts' versions in a real table, read as the ledger's are: what is due is settled first."""

import asyncio
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID, uuid4

import asyncpg

from services.live.reader import Position, Reading, Wanted
from services.live.view import Event, View

TENANT = UUID(int=1)

_CREATE = """
    CREATE UNLOGGED TABLE {table} (
        account_id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL,
        version bigint NOT NULL,
        as_of timestamptz NOT NULL DEFAULT clock_timestamp(),
        due_at timestamptz,
        clock_ahead interval NOT NULL DEFAULT '0'
    )
"""
_SETTLE = """
    UPDATE {table} SET version = version + 1, as_of = due_at, due_at = NULL
    WHERE account_id = $1 AND tenant_id = $2 AND due_at <= clock_timestamp() + clock_ahead
"""
_READ = """
    SELECT version, as_of, extract(epoch FROM due_at - clock_timestamp() - clock_ahead)::float AS due_in_seconds
    FROM {table} WHERE account_id = $1 AND tenant_id = $2
"""
_POSITIONS = """
    SELECT account_id, version,
        extract(epoch FROM due_at - clock_timestamp() - clock_ahead)::float AS due_in_seconds
    FROM {table} WHERE account_id = ANY ($1)
"""
_COMMIT = """
    UPDATE {table} SET version = version + 1, as_of = clock_timestamp() WHERE account_id = $1 RETURNING version
"""


@dataclass(frozen=True, slots=True)
class StateView(View["Shown"]):
    """The account's version as one of any number of people sees it."""

    seen_by: str = "anyone"

    @property
    def has_free_text(self) -> bool:
        return self.seen_by.startswith("somebody")


STATE = StateView()


class Shown(Event):
    """A state."""

    __slots__ = ("seen_by",)

    def __init__(self, version: int, as_of: datetime, *, was_reset: bool = False, seen_by: str = STATE.seen_by) -> None:
        super().__init__(version, as_of, was_reset=was_reset)
        self.seen_by = seen_by

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shown) and (self.order, self.seen_by) == (other.order, other.seen_by)

    __hash__ = None  # type: ignore[assignment]  # as the language has it for what changes

    def repeats(self, told: Event) -> bool:
        return self == told


@dataclass(frozen=True, slots=True)
class GrowthView(View["Growth"]):
    """What came since the event before."""


class Growth(Event):
    """The versions beyond `after` through `version`; `joined_at`: where the subscription starts."""

    __slots__ = ("_first", "after", "joined_at")

    def __init__(
        self, version: int, as_of: datetime, after: int, *, joined_at: int | None = None, first: "Growth | None" = None
    ) -> None:
        super().__init__(version, as_of)
        self.after = after
        self.joined_at = joined_at
        self._first = first

    @property
    def first(self) -> "Growth | None":
        return self._first

    def repeats(self, told: Event) -> bool:
        return False

    def following(self, untaken: "Growth") -> "Growth":
        return Growth(self.version, self.as_of, untaken.after, joined_at=untaken.joined_at)


class AccountsTable:
    """A reader over a table of its own that counts what it is asked, and can be slowed down or made to fail."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.reads: Counter[UUID] = Counter()
        self.comparisons = 0
        self.comparisons_answered = 0
        self.reading_now: Counter[UUID] = Counter()
        self.rows_read: Counter[UUID] = Counter()
        """Of which reads the row is read, whether or not they have answered."""
        self.reading_at_once_max = 0
        self.read_seconds = 0.0
        self.fails = False
        self.besides: Hashable = None
        self.wanted: list[Mapping[View[Event], Wanted]] = []
        self.latest: Reading | None = None
        self.forgets: View[Any] | None = None
        self._table = f"live_account_{uuid4().hex}"

    async def __aenter__(self) -> Self:
        self.pool = await asyncpg.create_pool(self.dsn, min_size=1, max_size=5)
        await self.pool.execute(self._sql(_CREATE))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pool.execute(self._sql("DROP TABLE {table}"))
        await self.pool.close()

    def _sql(self, statement: str) -> str:
        return statement.format(table=self._table)

    async def open(self, *, version: int = 1, due_in_seconds: float | None = None) -> UUID:
        account_id = uuid4()
        await self.pool.execute(
            self._sql(
                "INSERT INTO {table} (account_id, tenant_id, version, due_at)"
                " VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))"
            ),
            account_id,
            TENANT,
            version,
            due_in_seconds,
        )
        return account_id

    async def commit(self, account_id: UUID) -> int:
        version = await self.pool.fetchval(self._sql(_COMMIT), account_id)
        assert isinstance(version, int)
        return version

    async def set_version(self, account_id: UUID, version: int) -> None:
        """As after a failover to a database that had not got everything."""
        await self.pool.execute(self._sql("UPDATE {table} SET version = $2 WHERE account_id = $1"), account_id, version)

    async def set_due(self, account_id: UUID, *, seconds: float) -> None:
        await self.pool.execute(
            self._sql(
                "UPDATE {table} SET due_at = clock_timestamp() + make_interval(secs => $2) WHERE account_id = $1"
            ),
            account_id,
            seconds,
        )

    async def reset_window(self, account_id: UUID) -> None:
        await self.pool.execute(
            self._sql("UPDATE {table} SET as_of = clock_timestamp() WHERE account_id = $1"), account_id
        )

    async def move_clock(self, account_id: UUID, *, seconds: float) -> None:
        await self.pool.execute(
            self._sql("UPDATE {table} SET clock_ahead = clock_ahead + make_interval(secs => $2) WHERE account_id = $1"),
            account_id,
            seconds,
        )

    async def read(self, tenant_id: UUID, account_id: UUID, wanted: Mapping[View[Event], Wanted]) -> Reading | None:
        self.reads[account_id] += 1
        self.wanted.append(wanted)
        self.reading_now[account_id] += 1
        self.reading_at_once_max = max(self.reading_at_once_max, self.reading_now[account_id])
        try:
            if self.fails:
                raise ConnectionError("the database is away")
            await self.pool.execute(self._sql(_SETTLE), account_id, tenant_id)
            row = await self.pool.fetchrow(self._sql(_READ), account_id, tenant_id)
            self.rows_read[account_id] += 1
            # After the row was read, so that what is committed meanwhile is not in it.
            await asyncio.sleep(self.read_seconds)
        finally:
            self.reading_now[account_id] -= 1
        if row is None:
            return None
        version, as_of = row["version"], row["as_of"]
        events = {view: _event(view, wish, version, as_of) for view, wish in wanted.items() if view != self.forgets}
        self.latest = Reading(version, as_of, row["due_in_seconds"], events, self.besides)
        return self.latest

    async def positions(self, accounts: Sequence[UUID]) -> Mapping[UUID, Position]:
        self.comparisons += 1
        if self.fails:
            raise ConnectionError("the database is away")
        rows = await self.pool.fetch(self._sql(_POSITIONS), accounts)
        self.comparisons_answered += 1
        return {row["account_id"]: Position(row["version"], row["due_in_seconds"], self.besides) for row in rows}


def _event(view: View[Any], wish: Wanted, version: int, as_of: datetime) -> Event:
    if isinstance(view, StateView):
        return Shown(version, as_of, seen_by=view.seen_by)
    before = wish.before
    first = Growth(version, as_of, version, joined_at=version) if wish.joins else None
    return Growth(version, as_of, before.version if before is not None else version, first=first)
