"""A bounded pool of connections that all have one role."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, cast

import asyncpg

from models.unavailable import (
    DatabaseBusy,
    DatabaseUnreachable,
    is_lost,
    unreachable_when_lost,
    unreachable_while_connecting,
)

CONNECT_TIMEOUT_SECONDS: Final = 10.0
"""A TLS handshake and SCRAM are some six round trips: enough for a server half a second away."""

COMMAND_TIMEOUT_SECONDS: Final = 15.0
"""No statement of a request takes a second; this bounds what falls silent in the middle of a transaction."""

SILENCE_SECONDS_MAX: Final = 2.0
"""For BEGIN and ROLLBACK, which wait for no lock: past it the connection is taken for half-open. Twice what they take
where each packet is half a second under way."""

SLOT_TIMEOUT_SECONDS: Final = 1.0
"""How long a request waits for a connection in use before it is told to come again."""

RELEASE_TIMEOUT_SECONDS: Final = 5.0
"""For the reset of a returned connection; past it the connection is closed instead."""

CLOSE_TIMEOUT_SECONDS: Final = 5.0
"""For connections in use to come back at shutdown; past it they are cut."""

WAITING_MAX: Final = 1_000
"""Requests that may wait for a slot at once; more could not be served within the wait anyway."""

SESSION_SETTINGS: Final[Mapping[str, str]] = {
    "application_name": "farebox",
    "timezone": "UTC",
    # Compiling a plan costs more than any statement of a request.
    "jit": "off",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
}


class TimeLimit:
    """How long what is asked within it may take; see `time_limit`."""

    def __init__(self, timeout: asyncio.Timeout, ends_at: float) -> None:
        self._timeout = timeout
        self._ends_at = ends_at
        self._cuts: dict[asyncio.TimerHandle, Callable[[], None]] = {}

    def end_now(self) -> None:
        """As if the time were over. Within the block only."""
        if self._timeout.expired():
            return
        self._timeout.reschedule(asyncio.get_running_loop().time())
        for timer, cut in tuple(self._cuts.items()):
            timer.cancel()
            cut()
        self._cuts.clear()

    @contextmanager
    def cutting(self, cut: Callable[[], None]) -> Iterator[None]:
        """Calls `cut` when the time is over within this block."""
        timer = asyncio.get_running_loop().call_at(self._ends_at, cut)
        self._cuts[timer] = cut
        try:
            yield
        finally:
            timer.cancel()
            self._cuts.pop(timer, None)


_limit: ContextVar[TimeLimit | None] = ContextVar("limit", default=None)


@asynccontextmanager
async def time_limit(seconds: float) -> AsyncIterator[TimeLimit]:
    """Ends the block with TimeoutError or `DatabaseUnreachable` after so long, whatever has become of the network.

    A connection that is lent by then is cut: it may be silent for good, and rolling back or cancelling would wait for
    it as well. The others that are open are replaced before they are lent again.
    """
    ends_at = asyncio.get_running_loop().time() + seconds
    async with asyncio.timeout_at(ends_at) as timeout:
        limit = TimeLimit(timeout, ends_at)
        token = _limit.set(limit)
        try:
            yield limit
        finally:
            _limit.reset(token)


class Doubt:
    """Shared by the pools of one server: since what moment their open connections may be dead.

    A silence is found by many at about the same time. It is one doubt: whoever was lent a connection before that was
    raised says nothing of those that were made after it.
    """

    def __init__(self) -> None:
        self.times = 0


class _Loan(NamedTuple):
    connection: asyncpg.Connection
    doubt_times: int
    """How often there had been doubt when it was lent."""


class ConnectionPool:
    """Lends connections, at most `size` at once.

    Raises `DatabaseBusy` when none came free in time, `DatabaseUnreachable` when one cannot be made or is lost.
    """

    def __init__(self, pool: asyncpg.Pool, size: int, doubt: Doubt) -> None:
        self._pool = pool
        self._doubt = doubt
        self._doubt_times_heeded = doubt.times
        self._slots = asyncio.Semaphore(size)
        self._waiting = 0

    @classmethod
    async def open(cls, dsn: str, settings: Mapping[str, str], *, size: int, doubt: Doubt) -> ConnectionPool:
        """Connects once, so that a wrong address or role is known at start, and the rest as needed."""
        with unreachable_while_connecting():
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=size,
                timeout=CONNECT_TIMEOUT_SECONDS,
                command_timeout=COMMAND_TIMEOUT_SECONDS,
                server_settings={**SESSION_SETTINGS, **settings},
            )
        return cls(pool, size, doubt)

    async def close(self) -> None:
        """Waits briefly for what is lent, then cuts it."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def transaction(self, begin: str, *, commits: bool) -> AsyncIterator[asyncpg.Connection]:
        """Lends one connection for the block, in a transaction that the statements of `begin` begin.

        Where it `commits` that is done at the end of the block, not on an exception; whatever is open then is rolled
        back. A connection that is silent at the beginning is cut and another one asked, once: nothing was done on it.
        """
        await self._take_slot()
        try:
            for tries_left in (1, 0):
                async with self._lent() as loan, _ended_in_any_case(loan.connection) as transaction:
                    if not await self._answers(loan, begin):
                        if tries_left:
                            continue
                        raise DatabaseUnreachable(f"the database was silent for {SILENCE_SECONDS_MAX:g} s, twice")
                    yield loan.connection
                    if commits:
                        await loan.connection.execute("COMMIT")
                        transaction.ended = True
                return
        finally:
            self._slots.release()

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[_Loan]:
        await self._heed_doubt()
        # Slots and connections are equally many, so this waits for no other borrower, only for connecting.
        with unreachable_while_connecting():
            lent = await self._pool.acquire(timeout=CONNECT_TIMEOUT_SECONDS)
        # The pool's proxy has every method of a connection, and refuses them once it is returned.
        connection = cast(asyncpg.Connection, lent)
        loan = _Loan(connection, self._doubt.times)
        limit = _limit.get()
        with nullcontext() if limit is None else limit.cutting(partial(self._cut, loan)):
            try:
                with unreachable_when_lost(connection):
                    yield loan
            finally:
                await self._pool.release(lent, timeout=RELEASE_TIMEOUT_SECONDS)

    async def _answers(self, loan: _Loan, begin: str) -> bool:
        """Whether these are answered in time; where not, the connection is cut and all others are in doubt."""
        try:
            await loan.connection.execute(begin, timeout=SILENCE_SECONDS_MAX)
        except TimeoutError:
            self._cut(loan)
            return False
        return True

    def _cut(self, loan: _Loan) -> None:
        if not is_lost(loan.connection):
            loan.connection.terminate()
            if loan.doubt_times == self._doubt.times:
                self._doubt.times += 1

    async def _heed_doubt(self) -> None:
        if self._doubt_times_heeded != self._doubt.times:
            self._doubt_times_heeded = self._doubt.times
            await self._pool.expire_connections()

    async def _take_slot(self) -> None:
        if self._waiting >= WAITING_MAX:
            raise DatabaseBusy("too many requests wait for a database connection")
        self._waiting += 1
        try:
            async with asyncio.timeout(SLOT_TIMEOUT_SECONDS):
                await self._slots.acquire()
        except TimeoutError as error:
            raise DatabaseBusy(f"no database connection came free within {SLOT_TIMEOUT_SECONDS:g} s") from error
        finally:
            self._waiting -= 1


@dataclass(slots=True)
class _Transaction:
    ended: bool = False


@asynccontextmanager
async def _ended_in_any_case(connection: asyncpg.Connection) -> AsyncIterator[_Transaction]:
    """Rolls back at the end of the block, unless that says that the transaction has ended, or the connection has."""
    transaction = _Transaction()
    try:
        # The beginning is within the block, because who is cancelled meanwhile may have begun all the same.
        yield transaction
    finally:
        if not transaction.ended and not is_lost(connection):
            try:
                await _roll_back(connection)
            except asyncio.CancelledError:
                # A second time, as GraphQL does to what ran beside a field that failed. Whether BEGIN or ROLLBACK has
                # arrived is not known then, and one more without a transaction does nothing.
                if not is_lost(connection):
                    await _roll_back(connection)
                raise


async def _roll_back(connection: asyncpg.Connection) -> None:
    """Ends the transaction, also a failed one, or the connection where that is silent: the server then does it."""
    try:
        await connection.execute("ROLLBACK", timeout=SILENCE_SECONDS_MAX)
    except TimeoutError:
        if not is_lost(connection):
            connection.terminate()


async def connect(dsn: str, settings: Mapping[str, str], *, command_timeout_seconds: float) -> asyncpg.Connection:
    """One connection outside any pool; the caller closes it. Raises `DatabaseUnreachable`."""
    with unreachable_while_connecting():
        return await asyncpg.connect(
            dsn,
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=command_timeout_seconds,
            server_settings={**SESSION_SETTINGS, **settings},
        )
