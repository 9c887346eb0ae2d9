"""Tells everybody what was committed, after the commit and beside it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self
from uuid import UUID

from services.live.episode import Episode
from services.live.messages import RESYNC_TEXT, encode_changes
from services.live.reader import AtHand

BURST_GAP_SECONDS = 0.005
"""The least time between two bursts: the first change of a quiet moment goes out at once, a flood in 200 a second."""

ACCOUNTS_WAITING_MAX = 20_000
"""Accounts that wait to be announced while the bus is away; beyond it one resync stands for all of them."""

RETRY_SECONDS_FIRST = 0.05
RETRY_SECONDS_MAX = 0.5

FAREWELL_SECONDS_MAX = 1.0
"""How long a process that stops tries to announce its last changes; healing has them otherwise."""

logger = logging.getLogger(__name__)


class Announcer:
    """Announces (account, version) locally at once and to other processes in bursts; an async context manager.

    Of several versions of an account that wait, only the latest is sent. Whatever happens to the bus, `changed`
    neither waits nor fails. `publish` may raise anything; None when there is no bus.
    """

    def __init__(
        self,
        tell_locally: Callable[[UUID, int, AtHand | None], None],
        publish: Callable[[str], Awaitable[None]] | None,
    ) -> None:
        self._tell_locally = tell_locally
        self._publish = publish
        self._waiting: dict[UUID, int] = {}
        self._resync_waits = False
        self._something_waits = asyncio.Event()
        self._episode = Episode(logger, "announcing changes on the bus")
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._publish is not None:
            self._task = asyncio.create_task(self._run(self._publish), name="live announcer")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is None or self._publish is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        try:
            async with asyncio.timeout(FAREWELL_SECONDS_MAX):
                await self._send_waiting(self._publish)
        except Exception as failure:
            self._episode.failed(failure)

    def changed(self, account_id: UUID, version: int, at_hand: AtHand | None = None) -> None:
        """To be called once `version` of the account is committed; synchronous, does no I/O, never raises."""
        try:
            self._tell_locally(account_id, version, at_hand)
        except Exception:
            # The caller has just moved money for someone: nobody's display may come back to it as a failure.
            logger.exception("telling this process's watchers failed")
        if self._publish is not None:
            self._wait_for_burst(account_id, version)

    def _wait_for_burst(self, account_id: UUID, version: int) -> None:
        waiting = self._waiting
        if version > waiting.get(account_id, 0):
            waiting[account_id] = version
        if len(waiting) > ACCOUNTS_WAITING_MAX:
            waiting.clear()
            self._resync_waits = True
        self._something_waits.set()

    async def _run(self, publish: Callable[[str], Awaitable[None]]) -> None:
        retry_seconds = RETRY_SECONDS_FIRST
        while True:
            await self._something_waits.wait()
            try:
                await self._send_waiting(publish)
            except Exception as error:
                # The changes are committed and still wait; nothing may end this loop.
                self._episode.failed(error)
                await asyncio.sleep(retry_seconds)
                retry_seconds = min(retry_seconds * 2, RETRY_SECONDS_MAX)
            else:
                self._episode.over()
                retry_seconds = RETRY_SECONDS_FIRST
                await asyncio.sleep(BURST_GAP_SECONDS)

    async def _send_waiting(self, publish: Callable[[str], Awaitable[None]]) -> None:
        """Publishes all that waits now; puts it back when that fails or is cut short."""
        burst, self._waiting = self._waiting, {}
        resync, self._resync_waits = self._resync_waits, False
        self._something_waits.clear()
        try:
            if resync:
                await publish(RESYNC_TEXT)
            for text in encode_changes(burst):
                await publish(text)
        except BaseException:
            self._resync_waits = self._resync_waits or resync
            for account_id, version in burst.items():
                self._wait_for_burst(account_id, version)
            self._something_waits.set()
            raise
