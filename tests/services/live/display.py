"""A client that keeps all that it was shown."""

import asyncio
from itertools import pairwise
from typing import Any, Protocol, Self
from uuid import UUID

from services.live.view import View
from tests.patience import PATIENCE_SECONDS, eventually
from tests.services.live.accounts_table import STATE, TENANT

HEALED_WITHIN_SECONDS = 3.0
"""What the product promises."""


class Watchable(Protocol):
    def watch(self, tenant_id: UUID, account_id: UUID, view: View[Any], since_version: int | None = None) -> Any: ...


class Display:
    """Watches an account in a task of its own while it is entered."""

    def __init__(
        self,
        source: Watchable,
        account_id: UUID,
        *,
        since_version: int | None = None,
        tenant_id: UUID = TENANT,
        view: View[Any] = STATE,
    ) -> None:
        self.shown: list[Any] = []
        self.shown_at_seconds: list[float] = []
        self.ended = False
        self._watch = source.watch(tenant_id, account_id, view, since_version)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        async with self._watch as changes:
            async for snapshot in changes:
                self.shown.append(snapshot)
                self.shown_at_seconds.append(asyncio.get_running_loop().time())
        self.ended = True

    @property
    def versions(self) -> list[int]:
        return [snapshot.version for snapshot in self.shown]

    async def shows(self, version: int, *, within_seconds: float = PATIENCE_SECONDS) -> None:
        await eventually(lambda: version in self.versions[-1:], within_seconds=within_seconds)

    def assert_strictly_rising(self) -> None:
        positions = [(snapshot.version, snapshot.as_of) for snapshot in self.shown]
        assert all(earlier < later for earlier, later in pairwise(positions)), self.versions
