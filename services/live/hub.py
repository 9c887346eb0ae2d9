"""The live layer of one process, put together."""

from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Self, assert_never
from uuid import UUID

from services.live.announcer import Announcer
from services.live.bus import Bus, SupervisedBackend
from services.live.healing import HEALING_SECONDS
from services.live.messages import Changes, Message, Resync
from services.live.pace import Pace
from services.live.reader import AccountReader, AtHand
from services.live.subscriber import EventShown, Subscriber
from services.live.view import View
from services.live.watcher import Watcher


class LiveHub:
    """Owns bus, announcer and watcher for one process; an async context manager.

    Two mechanisms carry changes, and either can be left out: the bus (`backend` None) and the regular comparison
    with the database (`healing_seconds` None).
    """

    def __init__(
        self,
        reader: AccountReader,
        backend: SupervisedBackend | None,
        *,
        healing_seconds: float | None = HEALING_SECONDS,
    ) -> None:
        self._watcher = Watcher(reader, healing_seconds=healing_seconds)
        self._bus = None if backend is None else Bus(backend, self._receive)
        self._announcer = Announcer(self._watcher.changed, None if self._bus is None else self._bus.publish)
        self._lifetime = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as starting:
            await starting.enter_async_context(self._watcher)
            if self._bus is not None:
                await starting.enter_async_context(self._bus)
            await starting.enter_async_context(self._announcer)
            self._lifetime = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._lifetime.aclose()

    @property
    def bus_connected(self) -> bool:
        """Whether changes reach other processes at once; False too when there is no bus."""
        return self._bus is not None and self._bus.connected

    def changed(self, account_id: UUID, version: int, at_hand: AtHand | None = None) -> None:
        """To be called once `version` of the account is committed; synchronous, does no I/O, never raises.

        `at_hand`, where the account is as that commit left it, spares this process the read of what it knows.
        """
        self._announcer.changed(account_id, version, at_hand)

    def watch(
        self,
        tenant_id: UUID,
        account_id: UUID,
        view: View[EventShown],
        since_version: int | None = None,
        *,
        pace: Pace | None = None,
    ) -> AbstractAsyncContextManager[Subscriber[EventShown]]:
        """As Watcher.watch."""
        return self._watcher.watch(tenant_id, account_id, view, since_version, pace=pace)

    async def end_subscriptions(self) -> None:
        """Ends every subscriber; what is committed afterwards is still announced to other processes."""
        await self._watcher.close()

    def _receive(self, message: Message) -> None:
        match message:
            case Changes(pairs):
                for account_id, version in pairs:
                    self._watcher.changed(account_id, version)
            case Resync():
                self._watcher.resync()
            case _:
                assert_never(message)
