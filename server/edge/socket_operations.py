"""The operations of one websocket: which run, under which ids, and which are still ending."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, NamedTuple

from graphql import OperationType

OPERATIONS_ENDING_MAX: Final = 20
"""Those that the client has completed and that have not ended yet; with more of them its messages wait."""


class _Running(NamedTuple):
    type: OperationType
    task: asyncio.Task[None]


class SocketOperations:
    """Runs each operation as a task; `end` must be called.

    Its length is that of what the client waits for.
    """

    __slots__ = ("_ending", "_running")

    def __init__(self) -> None:
        self._running: dict[str, _Running] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def __contains__(self, id: str) -> bool:
        return id in self._running

    def begin(self, id: str, type: OperationType, work: Coroutine[Any, Any, None]) -> None:
        """Runs the work under an id that is free."""
        self._running[id] = _Running(type, asyncio.create_task(work))

    def is_heard(self, id: str) -> bool:
        """Whether the client still waits for what the current task answers."""
        running = self._running.get(id)
        return running is not None and running.task is asyncio.current_task()

    def forget(self, id: str) -> None:
        """Frees the id of what has ended, or is to end by itself."""
        del self._running[id]

    async def complete(self, id: str) -> None:
        """Has what the client has completed, if there is anything, end without a word, and frees its id.

        Queries and mutations in their own time, as over HTTP: giving a statement up costs Postgres a connection.
        Waits while too much is ending.
        """
        running = self._running.pop(id, None)
        if running is None:
            return
        if running.type is OperationType.SUBSCRIPTION:
            running.task.cancel()
        self._ending.add(running.task)
        running.task.add_done_callback(self._ending.discard)
        while len(self._ending) > OPERATIONS_ENDING_MAX:
            # Or a client would have as much running as it likes, by asking and completing in turn.
            await asyncio.wait(self._ending, return_when=asyncio.FIRST_COMPLETED)

    def stop_streams(self) -> None:
        """Cancels subscriptions."""
        for running in self._running.values():
            if running.type is OperationType.SUBSCRIPTION:
                running.task.cancel()

    @property
    def answers_are_due(self) -> bool:
        """Whether the client waits for the answer of a query or mutation."""
        return any(running.type is not OperationType.SUBSCRIPTION for running in self._running.values())

    async def end(self) -> None:
        """Cancels everything and waits for its end."""
        tasks = [*(running.task for running in self._running.values()), *self._ending]
        for task in tasks:
            # Once, because what is ending already must come to its end.
            if not task.cancelling():
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
