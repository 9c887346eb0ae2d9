"""Which accounts this process watches, and who hears of which change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self
from uuid import UUID

from services.live.canary import Canary
from services.live.healing import HEALING_SECONDS, Healing
from services.live.pace import Pace
from services.live.patience import Patience
from services.live.reader import AccountReader, AtHand
from services.live.reads import Reads
from services.live.subscriber import EventShown, Subscriber
from services.live.view import View
from services.live.watched_account import WatchedAccount

COMPARED_AT_ONCE_MAX = 500
"""Accounts compared before others get a turn: about a millisecond, so that no change waits for a comparison."""


class Watcher:
    """The process's registry of watched accounts; an async context manager that owns healing and reads.

    `healing_seconds` None leaves only the comparisons that a resync calls for.
    """

    def __init__(self, reader: AccountReader, *, healing_seconds: float | None = HEALING_SECONDS) -> None:
        self._reader = reader
        self._canary = Canary(lambda: reader.positions(()))
        self._reads = Reads(reader, self._canary)
        self._patience = Patience(self._canary)
        self._healing = Healing(self._compare, period_seconds=healing_seconds)
        # By account, since that is all that a message on the bus says. More than one under an account only
        # when a tenant asks for what is not its own: then each has its own reads, and they answer None to it.
        self._watched: dict[UUID, list[WatchedAccount]] = {}
        self._closed = False

    async def __aenter__(self) -> Self:
        self._healing.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def accounts_watched(self) -> int:
        """How many accounts somebody listens to now."""
        return len(self._watched)

    @asynccontextmanager
    async def watch(
        self,
        tenant_id: UUID,
        account_id: UUID,
        view: View[EventShown],
        since_version: int | None = None,
        *,
        pace: Pace | None = None,
    ) -> AsyncIterator[Subscriber[EventShown]]:
        """Iterates over a view's events: the account as it is now, unless at version `since_version`, then each change.

        Strictly rising in (version, as_of), at the pace given, else at most ten in any second; what the last one shows
        always comes. Ends when the tenant has no such account and when the watcher is closed. One read serves all views
        that subscribers of an account want, and all subscribers of equal views get the same object. Raises TooManyViews
        on entering.
        """
        subscriber: Subscriber[EventShown] = Subscriber(since_version, pace)
        if self._closed:
            subscriber.end()
            yield subscriber
            return
        watched = self._account(tenant_id, account_id)
        try:
            watched.join(subscriber, view)
            yield subscriber
        finally:
            watched.leave(subscriber, view)
            if not watched.is_watched:
                self._forget(account_id, watched)

    def changed(self, account_id: UUID, version: int, at_hand: AtHand | None = None) -> None:
        """Tells whoever watches the account that it has this version at least; cheap when nobody does.

        `at_hand`: the account at that version, where this process has just committed it.
        """
        for watched in self._watched.get(account_id, ()):
            watched.announce(version, at_hand)

    def resync(self) -> None:
        """Has every watched account compared with the database soon: messages may have been missed."""
        self._healing.call()

    async def close(self) -> None:
        """Ends every subscriber and all background work; later watches end at once. May be called again."""
        self._closed = True
        for watched_list in self._watched.values():
            for watched in watched_list:
                watched.end()
        await self._healing.stop()
        await self._reads.stop()
        await self._canary.stop()

    async def _compare(self) -> None:
        accounts = list(self._watched)
        if not accounts:
            return
        async with self._patience.limit():
            positions = await self._reader.positions(accounts)
        for number, account_id in enumerate(accounts, start=1):
            if number % COMPARED_AT_ONCE_MAX == 0:
                await asyncio.sleep(0)
            for watched in self._watched.get(account_id, ()):
                watched.compare(positions.get(account_id))

    def _account(self, tenant_id: UUID, account_id: UUID) -> WatchedAccount:
        watched_list = self._watched.setdefault(account_id, [])
        for watched in watched_list:
            if watched.tenant_id == tenant_id:
                return watched
        watched = WatchedAccount(tenant_id, account_id, self._reads)
        watched_list.append(watched)
        return watched

    def _forget(self, account_id: UUID, watched: WatchedAccount) -> None:
        watched_list = self._watched.get(account_id)
        if watched_list is None or watched not in watched_list:
            return
        watched_list.remove(watched)
        if not watched_list:
            del self._watched[account_id]
