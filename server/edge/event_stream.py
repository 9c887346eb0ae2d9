"""GraphQL as server-sent events: the protocol graphql-sse in its mode of distinct connections.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md has the events. Each operation has its own request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from typing import Any, Final, Protocol

from starlette.types import Receive, Scope, Send

from server.edge.answers import Answer, refusal
from server.edge.connections import CLOSE_SECONDS_MAX, connection_of
from server.edge.credential_watch import CredentialEnd
from server.edge.http_answers import EVENTS

KEEP_ALIVE_SECONDS: Final = 12.0
"""Between comments while nothing happens: proxies and load balancers cut what is silent for 30 or 60."""
SEND_SECONDS_MAX: Final = 20.0
"""For a client to take an event; who does not read for so long is gone."""

_COMPLETE: Final = b"event: complete\ndata:\n\n"
_KEEP_ALIVE: Final = b":\n\n"

Watch = Callable[[Callable[[CredentialEnd], None]], Callable[[], None]]

logger = logging.getLogger(__name__)


class Answers(Protocol):
    """What is streamed; an async iterator that is closed at the end."""

    def __aiter__(self) -> AsyncIterator[Answer]: ...

    async def aclose(self) -> None:
        """Ends what it came from."""


class _ServerStops:
    """Why a stream ends that is to be begun again elsewhere."""


class EventStream:
    """An ASGI response: the answers of one operation as events, until they end or the client leaves.

    `lives_on`: they come as things happen, so the server's stop ends them, without `complete`, and the client comes
    again. `watch`: calls back when the credential that the stream lives by has ended; returns what forgets that again.
    """

    def __init__(
        self, answers: Answers, request_id: str, *, lives_on: bool = False, watch: Watch | None = None
    ) -> None:
        self._answers = answers
        self._request_id = request_id
        self._lives_on = lives_on
        self._watch = watch
        self._ended: asyncio.Future[CredentialEnd | _ServerStops] = asyncio.get_running_loop().create_future()
        self._is_writing = False
        self._has_begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Streams to the end; leaves nothing running behind."""
        connection = connection_of(scope)
        forget = None if self._watch is None else self._watch(self._end)
        if self._lives_on and connection is not None:
            connection.when_stopping(lambda: self._end(_ServerStops()))
        writing = asyncio.create_task(self._write_all(send))
        attending = asyncio.create_task(self._attend(receive, send))
        try:
            waited: set[asyncio.Future[Any]] = {writing, attending, self._ended}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if forget is not None:
                forget()
            if connection is not None:
                connection.when_stopping(None)
            for task in (writing, attending):
                task.cancel()
            outcomes = list(await asyncio.gather(writing, attending, return_exceptions=True))
        if self._ended.done():
            outcomes.append(await self._say_why(send, self._ended.result()))
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, TimeoutError):
                logger.error("request %s failed", self._request_id, exc_info=outcome)
        if connection is not None and any(isinstance(outcome, Exception) for outcome in outcomes):
            # A client that does not read, which would never let go of what is unsent.
            connection.abort()
            with suppress(TimeoutError):
                async with asyncio.timeout(SEND_SECONDS_MAX):
                    while (await receive())["type"] != "http.disconnect":
                        pass

    def _end(self, why: CredentialEnd | _ServerStops) -> None:
        if not self._ended.done():
            self._ended.set_result(why)

    async def _write_all(self, send: Send) -> None:
        async with aclosing(self._answers):
            async with asyncio.timeout(SEND_SECONDS_MAX):
                await self._begin(send)
            async for answer in self._answers:
                await self._write(send, _next(answer))
        await self._write(send, _COMPLETE, is_last=True)

    async def _attend(self, receive: Receive, send: Send) -> None:
        """Returns when the client has left; until then says now and then that the server has not."""
        while True:
            try:
                async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                    event = await receive()
            except TimeoutError:
                # Behind an event that waits for the client, a comment would wait too.
                if not self._is_writing:
                    await self._write(send, _KEEP_ALIVE)
                continue
            if event["type"] == "http.disconnect":
                return

    async def _begin(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers()})
        self._has_begun = True

    async def _say_why(self, send: Send, end: CredentialEnd | _ServerStops) -> TimeoutError | None:
        text = b""
        if isinstance(end, CredentialEnd):
            text = _next(refusal(end.code, f"{end.reason}.", self._request_id)) + _COMPLETE
        try:
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                if not self._has_begun:
                    # What ends at once, as on a server that stops already, ends before the writing has begun.
                    await self._begin(send)
                await send({"type": "http.response.body", "body": text})
        except TimeoutError as error:
            return error
        return None

    async def _write(self, send: Send, text: bytes, *, is_last: bool = False) -> None:
        self._is_writing = True
        async with asyncio.timeout(SEND_SECONDS_MAX):
            await send({"type": "http.response.body", "body": text, "more_body": not is_last})
        self._is_writing = False

    def _headers(self) -> list[tuple[bytes, bytes]]:
        return [*_HEADERS, (b"x-request-id", self._request_id.encode("ascii"))]


def _next(answer: Answer) -> bytes:
    # JSON of ours has no line breaks, so one line of data holds it.
    return b"event: next\ndata: " + answer.text + b"\n\n"


async def known_answers(*answers: Answer) -> AsyncGenerator[Answer, None]:
    """The stream of what is known before it begins: what a query or mutation was answered, or why it was refused."""
    for answer in answers:
        yield answer


_HEADERS: Final = [
    (b"content-type", f"{EVENTS}; charset=utf-8".encode("ascii")),
    (b"vary", b"Accept"),
    (b"cache-control", b"no-store"),
    # What nginx, and others that learnt it from there, take for: hand each event on at once.
    (b"x-accel-buffering", b"no"),
]
