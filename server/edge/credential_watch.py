"""The credentials of what lives long: looked at again for as long as sockets and event streams live by them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from resolvers.errors import ErrorCode
from server.edge.configuration import Authenticator
from server.edge.request_errors import UNAVAILABLE
from services.principal import Principal

CREDENTIAL_CHECK_SECONDS: Final = 1.5
"""How often a key is looked at again. A look may be answered from what this process remembers, for three seconds:
together that stays below the five within which a revoked key ends, with half a second for the looking."""

LOOKS_AT_ONCE: Final = 16
"""Looks that wait for the database at the same time, so that thousands are done within a period."""
LOOKS_IN_A_ROW: Final = 2
"""Looks of each of those before others get a turn: a millisecond in all, so that no event waits for them for longer."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CredentialEnd:
    """Why a credential carries a stream no longer."""

    code: ErrorCode
    reason: str


NO_LONGER_VALID: Final = CredentialEnd(ErrorCode.UNAUTHENTICATED, "The key or token was revoked or has expired")
ROLE_CHANGED: Final = CredentialEnd(ErrorCode.FORBIDDEN, "The role has changed: connect again")
"""What runs was begun with the rights of then."""


@dataclass(eq=False, slots=True)
class _Watched:
    key: str
    begun_as: Principal
    end: Callable[[CredentialEnd], None]


class CredentialWatch:
    """Looks at each key once a period, however many live by it. Its task is there only while something is watched."""

    def __init__(self, credentials: Authenticator) -> None:
        self._credentials = credentials
        self._watched: dict[str, set[_Watched]] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def keys_watched(self) -> int:
        """How many different keys something lives by now."""
        return len(self._watched)

    def add(self, key: str, begun_as: Principal, end: Callable[[CredentialEnd], None]) -> Callable[[], None]:
        """Calls `end` once the key or client token is revoked or expired, or may no longer do what it could.

        Returns what forgets it again, which must be called; `end` must neither wait nor raise.
        """
        watched = _Watched(key, begun_as, end)
        self._watched.setdefault(key, set()).add(watched)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="credential watch")
        return lambda: self._forget(watched)

    def _forget(self, watched: _Watched) -> None:
        of_key = self._watched.get(watched.key)
        if of_key is None:
            return
        of_key.discard(watched)
        if not of_key:
            del self._watched[watched.key]
        if not self._watched and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            begun_at_seconds = loop.time()
            await asyncio.sleep(CREDENTIAL_CHECK_SECONDS)
            keys = iter(list(self._watched))
            await asyncio.gather(*(self._look(keys) for _ in range(min(LOOKS_AT_ONCE, len(self._watched)))))
            late_seconds = loop.time() - begun_at_seconds - CREDENTIAL_CHECK_SECONDS
            if late_seconds > CREDENTIAL_CHECK_SECONDS:
                logger.warning("looking at %d credentials took %.1f seconds", len(self._watched), late_seconds)

    async def _look(self, keys: Iterator[str]) -> None:
        for number, key in enumerate(keys, start=1):
            if number % LOOKS_IN_A_ROW == 0:
                await asyncio.sleep(0)
            try:
                self._judge(key, await self._credentials.authenticate(key))
            except UNAVAILABLE:
                # An outage says nothing about the key.
                continue
            except Exception:
                # Whatever is wrong with one, the others are still to be looked at, now and in all periods to come.
                logger.exception("looking at a credential failed")

    def _judge(self, key: str, principal: Principal | None) -> None:
        for watched in tuple(self._watched.get(key, ())):
            if principal is None:
                watched.end(NO_LONGER_VALID)
            elif principal.role is not watched.begun_as.role:
                watched.end(ROLE_CHANGED)
