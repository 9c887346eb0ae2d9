"""The credentials of what lives long: looked at again for as long as sockets and event streams live by them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Final

from resolvers.errors import ErrorCode
from server.edge.configuration import Authenticator
from server.edge.request_errors import UNAVAILABLE
from services.principal import Principal

CREDENTIAL_CHECK_SECONDS: Final = 1.5
"""Between two rounds. A key is looked at in the first after it was let in, which may be by what a process remembered
for three seconds, and then in every other one, by what the database says now. Either way that stays below the five
within which a revoked key ends, with half a second for the looking."""
ROUNDS_BETWEEN_LOOKS: Final = 2

KEYS_AT_ONCE: Final = 250
"""Keys of one look: a few statements for all of them, and a few milliseconds."""
LOOKS_AT_ONCE: Final = 2
"""Looks that wait for the database at the same time, so that a slow one is no reason to be late."""

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


@dataclass(eq=False, slots=True)
class _Key:
    """What lives by one key, which ends at `expires_at` as far as was told, and was last looked at in a round."""

    expires_at: datetime | None
    living: set[_Watched] = field(default_factory=set)
    looked_at_in: int | None = None


class CredentialWatch:
    """Looks at many keys at once, and at each rarely, however many live by it.

    Its task is there only while something is watched.
    """

    def __init__(self, credentials: Authenticator) -> None:
        self._credentials = credentials
        self._keys: dict[str, _Key] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def keys_watched(self) -> int:
        """How many different keys something lives by now."""
        return len(self._keys)

    def add(self, key: str, begun_as: Principal, end: Callable[[CredentialEnd], None]) -> Callable[[], None]:
        """Calls `end` once the key or client token is revoked or expired, or may no longer do what it could.

        Returns what forgets it again, which must be called; `end` must neither wait nor raise.
        """
        watched = _Watched(key, begun_as, end)
        of_key = self._keys.get(key)
        if of_key is None:
            of_key = self._keys[key] = _Key(begun_as.expires_at)
        of_key.living.add(watched)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="credential watch")
        return lambda: self._forget(watched)

    def _forget(self, watched: _Watched) -> None:
        of_key = self._keys.get(watched.key)
        if of_key is None:
            return
        of_key.living.discard(watched)
        if not of_key.living:
            del self._keys[watched.key]
        if not self._keys and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        begun_at_seconds = loop.time()
        for number in count():
            begun_at_seconds = max(begun_at_seconds + CREDENTIAL_CHECK_SECONDS, loop.time())
            await asyncio.sleep(begun_at_seconds - loop.time())
            due = [key for key, of_key in self._keys.items() if _is_due(of_key, number)]
            pages = iter([due[begin : begin + KEYS_AT_ONCE] for begin in range(0, len(due), KEYS_AT_ONCE)])
            looking = asyncio.gather(*(self._look_through(pages, number) for _ in range(LOOKS_AT_ONCE)))
            # Looked at, so that one that is broken off, as nothing is watched any more, is not reported as lost.
            looking.add_done_callback(lambda done: done.cancelled() or done.exception())
            try:
                while not (await asyncio.wait((looking,), timeout=CREDENTIAL_CHECK_SECONDS))[0]:
                    # A database that is silent is waited for longer than a key may outlive its time.
                    self._end_expired(self._keys)
                await looking
            finally:
                looking.cancel()
            late_seconds = loop.time() - begun_at_seconds
            if late_seconds > CREDENTIAL_CHECK_SECONDS:
                logger.warning("looking at %d credentials took %.1f seconds", len(due), late_seconds)

    async def _look_through(self, pages: Iterator[list[str]], number: int) -> None:
        for page in pages:
            await self._look(page, number)

    async def _look(self, keys: list[str], number: int) -> None:
        try:
            principals = await self._credentials.authenticate_many(keys)
        except UNAVAILABLE:
            self._end_expired(keys)
            return
        except Exception:
            if len(keys) == 1:
                logger.exception("looking at a credential failed")
                self._end_expired(keys)
                return
            # Whatever is wrong with one, the others are still to be looked at.
            half = len(keys) // 2
            await self._look(keys[:half], number)
            await self._look(keys[half:], number)
            return
        for key, principal in zip(keys, principals, strict=True):
            of_key = self._keys.get(key)
            if of_key is None:
                continue
            of_key.looked_at_in = number
            if principal is None:
                _end_all(of_key, NO_LONGER_VALID)
                continue
            of_key.expires_at = principal.expires_at
            for watched in tuple(of_key.living):
                if principal.role is not watched.begun_as.role:
                    _end(watched, ROLE_CHANGED)

    def _end_expired(self, keys: Iterable[str]) -> None:
        """An outage says nothing about a key, but its time passes all the same."""
        for key in tuple(keys):
            of_key = self._keys.get(key)
            if of_key is None or of_key.expires_at is None:
                continue
            if self._credentials.is_past(of_key.expires_at):
                _end_all(of_key, NO_LONGER_VALID)


def _end_all(of_key: _Key, why: CredentialEnd) -> None:
    for watched in tuple(of_key.living):
        _end(watched, why)


def _end(watched: _Watched, why: CredentialEnd) -> None:
    try:
        watched.end(why)
    except Exception:
        # Whatever is wrong with one, the others are still to be ended, now and in all rounds to come.
        logger.exception("ending what lived by a credential failed")


def _is_due(of_key: _Key, number: int) -> bool:
    return of_key.looked_at_in is None or number - of_key.looked_at_in >= ROUNDS_BETWEEN_LOOKS
