"""Connections: what uvicorn's own protocols lack, and the edge's bounds need.

A connection tells its application when the server stops, and leaves it the time to end in order, where uvicorn would
cut a socket at once and wait for an event stream until its patience ends. One whose client does not read can be given
up: closing alone waits for ever for what is unsent. Who floods it with pings is cut. Text that is ready goes out
without a layer between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from starlette.types import Scope
from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State

CLOSE_SECONDS_MAX: Final = 3.0
"""From our last word until a connection is given up whose client does not take it, or does not answer the close."""

PINGS_MAX: Final = 100
"""Pings of the websocket itself, which no application sees, in `PINGS_COUNTED_SECONDS`; clients send a few."""
PINGS_COUNTED_SECONDS: Final = 20.0
READ_BYTES_AT_ONCE: Final = 16_384
"""Between looks whether a socket still is to be read."""

_CONNECTION: Final = "farebox.connection"
"""Where the state of an ASGI scope has it."""


class Connection(Protocol):
    """What an application may ask of the connection that it serves."""

    def when_stopping(self, call: Callable[[], None] | None) -> None:
        """Calls once when the server begins to stop, at once if it has; None: no longer.

        Whoever asked ends the connection; nobody else does before the time for it is over.
        """

    def abort(self) -> None:
        """Cuts the connection; what is unsent is lost."""


class TextConnection(Connection, Protocol):
    """A websocket's."""

    def forget_handshake(self) -> None:
        """Gives up the memory of what was said before the socket was accepted, headers included."""

    def write_text(self, text: bytes) -> bool:
        """Sends a text message of UTF-8 at once; False when the client has to read first, or is no longer there."""


def connection_of(scope: Scope) -> Connection | None:
    """The connection of a request; None where another server than ours serves it."""
    connection: Connection | None = scope.get("state", {}).get(_CONNECTION)
    return connection


def socket_of(scope: Scope) -> TextConnection | None:
    """The connection of a websocket; None where another server than ours serves it."""
    connection: TextConnection | None = scope.get("state", {}).get(_CONNECTION)
    return connection


class HttpConnection(HttpToolsProtocol):
    """uvicorn's, for requests."""

    _stopping = False
    _when_stopping: Callable[[], None] | None = None

    def on_message_begin(self) -> None:
        """Offers itself to the application of the request."""
        super().on_message_begin()
        self.scope["state"][_CONNECTION] = self

    def when_stopping(self, call: Callable[[], None] | None) -> None:
        """As Connection's."""
        self._when_stopping = call
        if self._stopping and call is not None:
            call()

    def shutdown(self) -> None:
        """The server stops."""
        super().shutdown()
        self._stopping = True
        if self._when_stopping is not None:
            self._when_stopping()

    def abort(self) -> None:
        """As Connection's."""
        self.transport.abort()


class _Inbox:
    """What came for the one who reads it, in order; as much of asyncio.Queue as uvicorn uses."""

    __slots__ = ("_arrived", "_next", "_reader")

    def __init__(self) -> None:
        self._arrived: list[ASGIReceiveEvent] = []
        # The oldest last, so that taking one costs the same however many there are.
        self._next: list[ASGIReceiveEvent] = []
        self._reader: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        return not self._next and not self._arrived

    def put_nowait(self, event: ASGIReceiveEvent) -> None:
        self._arrived.append(event)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> ASGIReceiveEvent:
        while self.empty():
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        if not self._next:
            self._next, self._arrived = self._arrived[::-1], []
        return self._next.pop()


class _Gate:
    """Open, or closed for those who then wait; as much of asyncio.Event as uvicorn uses."""

    __slots__ = ("_closed",)

    def __init__(self) -> None:
        self._closed: asyncio.Event | None = None

    def is_set(self) -> bool:
        return self._closed is None

    def set(self) -> None:
        if self._closed is not None:
            self._closed.set()
            self._closed = None

    def clear(self) -> None:
        self._closed = self._closed or asyncio.Event()

    async def wait(self) -> None:
        if self._closed is not None:
            await self._closed.wait()


class SocketConnection(WebSocketsSansIOProtocol):
    """uvicorn's, for websockets."""

    _stopping = False
    _when_stopping: Callable[[], None] | None = None

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.close_timeout = CLOSE_SECONDS_MAX
        # It would write the handshake's headers and every frame, keys and tokens among them, wherever a log of all
        # that libraries say is kept.
        self.conn.debug = False
        # Of what a socket takes that only waits, asyncio's own would be a tenth.
        self.queue = cast("asyncio.Queue[ASGIReceiveEvent]", _Inbox())
        self.writable = cast(asyncio.Event, _Gate())
        self._pings = 0
        self._pings_since_seconds = float("-inf")

    def handle_connect(self, event: Request) -> None:
        """Offers itself to the application of the socket, if there is to be one."""
        super().handle_connect(event)
        if not self.handshake_complete:
            self.scope["state"][_CONNECTION] = self

    def when_stopping(self, call: Callable[[], None] | None) -> None:
        """As Connection's."""
        self._when_stopping = call
        if self._stopping and call is not None:
            call()

    def shutdown(self) -> None:
        """The server stops."""
        self._stopping = True
        if self._when_stopping is None or self.close_sent or self.disconnected:
            super().shutdown()
        else:
            self._when_stopping()

    def abort(self) -> None:
        """As Connection's."""
        self.transport.abort()

    def forget_handshake(self) -> None:
        """As TextConnection's."""
        # Emptied, because the parser of the handshake keeps hold of it as long as the socket lives.
        self.request.headers.clear()
        self.response.headers.clear()
        cast(list[tuple[bytes, bytes]], self.scope["headers"]).clear()

    def write_text(self, text: bytes) -> bool:
        """As TextConnection's."""
        if self.conn.state is not State.OPEN or self.close_sent or not self.writable.is_set():
            return False
        if self.transport.is_closing():
            # The client was lost a moment ago, and nobody has been told yet.
            return False
        size = len(text)
        # RFC 6455, section 5.2: one whole text frame, unmasked as a server's are.
        if size < 126:
            header = bytes((0x81, size))
        elif size < 65_536:
            header = b"\x81\x7e" + size.to_bytes(2, "big")
        else:
            header = b"\x81\x7f" + size.to_bytes(8, "big")
        self.transport.write(header + text)
        return True

    def data_received(self, data: bytes) -> None:
        """Takes what came in parts, so that a flood is noticed before all of it is read."""
        for begin in range(0, len(data), READ_BYTES_AT_ONCE):
            if self.transport.is_closing():
                return
            super().data_received(data[begin : begin + READ_BYTES_AT_ONCE])

    def handle_ping(self) -> None:
        """Answers a ping, unless the client does not read: the answers would fill the memory. Cuts who floods."""
        now_seconds = self.loop.time()
        if now_seconds - self._pings_since_seconds > PINGS_COUNTED_SECONDS:
            self._pings_since_seconds, self._pings = now_seconds, 0
        self._pings += 1
        if self._pings > PINGS_MAX:
            self.abort()
        elif self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def keepalive_timeout(self) -> None:
        """The client has not answered a ping."""
        super().keepalive_timeout()
        self._give_up_soon()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The application has ended, and with it the socket."""
        super().on_task_complete(task)
        self._give_up_soon()

    def _give_up_soon(self) -> None:
        if not self.disconnected:
            self.loop.call_later(CLOSE_SECONDS_MAX, self.transport.abort)
