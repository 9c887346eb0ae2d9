"""A lane: one connection, one queue, one transaction at a time. What queued meanwhile is the next batch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

import asyncpg

from models.database import Database
from models.statements import statement
from models.unavailable import SERVER_TROUBLE, DatabaseUnavailable
from rules.ledger.commands import Charge, Commit, Refund
from rules.pricing.refusals import InvalidInput
from services.ledger.batch import Decided, run_batch
from services.ledger.known_accounts import KnownAccounts, LoadedAccount
from services.ledger.queue import LedgerQueue
from services.ledger.submission import Submission

CHAIN_SECONDS_MAX: Final = 0.5
"""Transactions are chained no longer than this: a session that only chains never reports its statistics."""

RECONNECT_SECONDS_FIRST: Final = 0.05
RECONNECT_SECONDS_MAX: Final = 1.0

CONFLICT_TRIES_MAX: Final = 5
"""Times a batch is tried again after a deadlock or a serialization failure, which need no culprit."""

_CONFLICTS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_LOST = (*SERVER_TROUBLE, OSError, asyncio.TimeoutError, DatabaseUnavailable)

_UNCOUNTABLE: Final = InvalidInput("amount", "what was charged or refunded in this day is more than can be counted")

logger = logging.getLogger(__name__)


Announce = Callable[[LoadedAccount], None]
"""Hears of each account that has new entries, after the commit and before anything else can change it."""


class LedgerUnavailable(Exception):
    """The ledger could not judge in time. Whether the command took effect is unknown; the same key asks safely."""


class Lane:
    """Runs batches until it is stopped; owns its connection."""

    def __init__(self, database: Database, announce: Announce, name: str) -> None:
        self._database = database
        self._announce = announce
        self._name = name
        self._queue = LedgerQueue()
        self._known = KnownAccounts()
        self._wake = asyncio.Event()
        self._stopping = False
        self._connection: asyncpg.Connection | None = None
        self._chained_since: float | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to serve."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Finishes what is queued, then ends. What cannot be finished in time is refused with `LedgerUnavailable`."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
            self._task = None

    def submit(self, submission: Submission) -> None:
        """Queues a command. Raises `LedgerUnavailable` when the queue is full or the lane has stopped."""
        if self._stopping:
            raise LedgerUnavailable("the server is stopping; nothing was done")
        if not self._queue.has_room(submission.account_id):
            raise LedgerUnavailable("too many requests wait for the ledger; nothing was done, come again in a second")
        self._queue.add(submission)
        self._wake.set()

    async def _run(self) -> None:
        try:
            while True:
                while not len(self._queue):
                    await self._unchain()
                    if self._stopping:
                        return
                    self._wake.clear()
                    if not len(self._queue):
                        await self._wake.wait()
                self._queue.put_back(await self._serve(self._queue.take()))
        finally:
            await self._disconnect()

    async def _serve(self, batch: list[Submission]) -> list[Submission]:
        """Brings a batch to its end, whatever happens: every future is resolved, or its command is given back.

        Given back are, in order, the commands of accounts that must be loaded again before anything is decided.
        """
        conflicts, pause = 0, RECONNECT_SECONDS_FIRST
        while batch:
            try:
                return await self._commit_batch(batch)
            except _CONFLICTS as error:
                conflicts += 1
                await self._disconnect()
                if conflicts >= CONFLICT_TRIES_MAX:
                    _fail_all(batch, LedgerUnavailable(f"the account was too busy: {type(error).__name__}"))
                    return []
            except asyncpg.LockNotAvailableError as error:
                await self._disconnect()
                conflicts += 1
                if conflicts >= CONFLICT_TRIES_MAX:
                    return await self._bisect(batch, LedgerUnavailable(f"waited too long: {type(error).__name__}"))
                try:
                    batch = await self._without_locked(_still_awaited(batch))
                except (*_LOST, asyncpg.InterfaceError):
                    await self._disconnect()
            except Exception as error:
                # The driver's own errors also tell of a value that it cannot send, on a healthy connection.
                if self._is_connected and not isinstance(error, _LOST):
                    return await self._bisect(batch, error)
                # The outcome is unknown: the same commands are sent again, and their keys tell what took effect.
                logger.warning("%s lost its connection: %s", self._name, str(error) or type(error).__name__)
                await self._disconnect()
                batch = _still_awaited(batch)
                if batch:
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, RECONNECT_SECONDS_MAX)
        return []

    async def _bisect(self, batch: list[Submission], error: Exception) -> list[Submission]:
        """Serves one half of a batch that failed and then the other, until the culprit stands alone and fails.

        In order, so that each account's commands stay in theirs, and nobody else is harmed: where the first half gives
        an account's commands back, those of the second are given back with them. Gives what `_serve` gives.
        """
        await self._disconnect()
        if len(batch) == 1:
            command = batch[0].command
            if isinstance(error, asyncpg.NumericValueOutOfRangeError) and isinstance(command, Charge | Commit | Refund):
                # Sums by day are added up where they are kept, and nobody has loaded them to judge by.
                logger.warning("a day's sums of account %s can be counted no further", command.account_id)
                batch[0].resolve(_UNCOUNTABLE)
                return []
            if not isinstance(error, LedgerUnavailable):
                logger.error("a command of the ledger failed: %s", type(batch[0].command).__name__, exc_info=error)
            batch[0].fail(error)
            return []
        middle = len(batch) // 2
        again = await self._serve(batch[:middle])
        waiting = {submission.account_id for submission in again}
        again += [submission for submission in batch[middle:] if submission.account_id in waiting]
        return again + await self._serve([one for one in batch[middle:] if one.account_id not in waiting])

    async def _without_locked(self, batch: list[Submission]) -> list[Submission]:
        """Refuses the commands of accounts that another session has kept locked for too long, and gives the others.

        Such a session is one whose network went away in the middle; the database ends it soon.
        """
        connection = await self._connected()
        async with connection.transaction():
            accounts = list({submission.account_id for submission in batch})
            found = await connection.fetch(statement("lock_free_accounts"), accounts)
        free = {row["account_id"] for row in found}
        _fail_all(
            [submission for submission in batch if submission.account_id not in free],
            LedgerUnavailable("the account is held by a session that does not answer; ask again with the same key"),
        )
        return [submission for submission in batch if submission.account_id in free]

    @property
    def _is_connected(self) -> bool:
        return self._connection is not None and not self._connection.is_closed()

    async def _commit_batch(self, batch: list[Submission]) -> list[Submission]:
        connection = await self._connected()
        if self._chained_since is None:
            await connection.execute("BEGIN")
        decided = await run_batch(connection, batch, self._known)
        await self._end_transaction(connection)
        return self._publish(decided, batch)

    async def _end_transaction(self, connection: asyncpg.Connection) -> None:
        """COMMIT, and straight on into the next transaction while a batch is waiting, but not for ever."""
        now = monotonic()
        chain = len(self._queue) > 0 and (self._chained_since is None or now - self._chained_since < CHAIN_SECONDS_MAX)
        await connection.execute("COMMIT AND CHAIN" if chain else "COMMIT")
        if not chain:
            self._chained_since = None
        elif self._chained_since is None:
            self._chained_since = now

    def _publish(self, decided: Decided, batch: list[Submission]) -> list[Submission]:
        again = []
        for submission, outcome in zip(batch, decided.outcomes, strict=True):
            if outcome is None:
                again.append(submission)
            else:
                submission.resolve(outcome)
        try:
            for changed in decided.changed:
                self._announce(changed)
            # Whoever was told has looked.
            self._known.keep(decided.accounts)
        except Exception:
            # What is committed must not be taken for a batch that failed. The accounts can be loaded.
            logger.exception("%s could not tell of what it committed", self._name)
            self._known.forget()
        return again

    async def _unchain(self) -> None:
        """Ends an empty chained transaction before the lane falls asleep in it."""
        if self._chained_since is None or self._connection is None:
            return
        self._chained_since = None
        try:
            await self._connection.execute("COMMIT")
        except (*_LOST, asyncpg.InterfaceError, asyncpg.PostgresError):
            await self._disconnect()

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or not self._is_connected:
            self._chained_since = None
            self._known.forget()
            self._connection = await self._database.lane_connection()
        return self._connection

    async def _disconnect(self) -> None:
        """Drops the connection, and with it whatever transaction was open."""
        connection, self._connection, self._chained_since = self._connection, None, None
        self._known.forget()
        if connection is not None and not connection.is_closed():
            connection.terminate()


def _still_awaited(batch: list[Submission]) -> list[Submission]:
    """Those that somebody may still wait for; the others are told that the ledger was away."""
    now = asyncio.get_running_loop().time()
    expired = [submission for submission in batch if submission.deadline <= now]
    _fail_all(expired, LedgerUnavailable("the ledger's database did not answer in time; ask again with the same key"))
    return [submission for submission in batch if submission.deadline > now]


def _fail_all(batch: list[Submission], error: Exception) -> None:
    for submission in batch:
        submission.fail(error)
