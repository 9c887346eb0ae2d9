"""Subscribers that cost next to nothing: websockets read by hand, so that the client is not what is measured."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, cast

from benchmarks.web_server import HOST

PATIENCE_SECONDS: Final = 60.0
"""For all subscribers to hear of a change: longer than any server here takes for thousands."""

CONNECTING_AT_ONCE_MAX: Final = 16
TRIES_AGAIN_MAX: Final = 50
"""A busy server may ask who subscribes to come again in a moment. It is not what is measured, and told of."""
TRY_AGAIN_SECONDS: Final = 0.2

_HANDSHAKE: Final = (
    b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
_END_OF_HEAD: Final = b"\r\n\r\n"
_NO_MASK: Final = bytes(4)
"""Clients must mask; with zeros the text stays as it is."""

_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_FINAL: Final = 0x80
_LENGTH_IN_TWO_BYTES: Final = 126
_LENGTH_IN_EIGHT_BYTES: Final = 127

_TRY_AGAIN: Final = b'"UNAVAILABLE"'
_VERSION: Final = re.compile(rb'"version":\s*"?(\d+)')


class SubscriptionFailed(Exception):
    """A subscriber was refused, cut off, or not told in time: there is nothing to be measured."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a subscriber says first, and after the acknowledgement; `account` is what it watches."""

    account: str
    init: bytes
    subscribe: bytes


class Subscriber(asyncio.Protocol):
    """One websocket with one subscription, which tells its audience of every newer version that it is sent."""

    def __init__(self, audience: Audience, subscription: Subscription) -> None:
        self._audience = audience
        self._subscription = subscription
        self._buffer = b""
        self._is_upgraded = False
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._tries_left = TRIES_AGAIN_MAX
        self.version = -1
        self.is_leaving = False
        self.told: asyncio.Future[None] = self._loop.create_future()
        """Done once the first snapshot is there."""
        self.last_message = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the upgrade."""
        # uvloop's transports are of no common class.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(_HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        """Takes whatever came, one frame or many or part of one."""
        at_ns = time.time_ns()
        buffer = self._buffer + data if self._buffer else data
        if not self._is_upgraded:
            head, end, buffer = buffer.partition(_END_OF_HEAD)
            if not end:
                self._buffer = head
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._fail(f"the upgrade was answered with {head[:100]!r}")
                return
            self._is_upgraded = True
            self._send(_TEXT, self._subscription.init)
        frames, self._buffer = split_frames(buffer)
        for opcode, payload in frames:
            self._take(opcode, payload, at_ns)

    def connection_lost(self, error: Exception | None) -> None:
        """Only who leaves by himself may go."""
        if not self.is_leaving:
            self._fail("a subscriber was cut off")

    def leave(self) -> None:
        """Ends the connection."""
        self.is_leaving = True
        if self._transport is not None:
            self._transport.close()

    def _take(self, opcode: int, payload: bytes, at_ns: int) -> None:
        match opcode:
            case 0x1:
                self._read(payload, at_ns)
            case 0x9:
                self._send(_PONG, payload)
            case 0xA:
                pass
            case _:
                self._fail(f"a subscriber was sent frame {opcode} with {payload[:100]!r}")

    def _read(self, message: bytes, at_ns: int) -> None:
        found = _VERSION.search(message)
        if found is None:
            self._answer(message)
            return
        version = int(found[1])
        if version > self.version:
            self.version = version
            self.last_message = message
            self._audience.heard(self._subscription.account, version, at_ns)
            if not self.told.done():
                self.told.set_result(None)

    def _answer(self, message: bytes) -> None:
        kind = json.loads(message)["type"]
        if kind == "connection_ack":
            self._send(_TEXT, self._subscription.subscribe)
        elif kind == "error" and _TRY_AGAIN in message and self._tries_left > 0 and not self.told.done():
            self._tries_left -= 1
            self._audience.tried_again += 1
            self._loop.call_later(TRY_AGAIN_SECONDS, self._send, _TEXT, self._subscription.subscribe)
        elif kind == "ping":
            self._send(_TEXT, b'{"type":"pong"}')
        elif kind != "pong":
            self._fail(f"a subscriber was sent {message[:300]!r}")

    def _send(self, opcode: int, payload: bytes) -> None:
        if self._transport is not None and not self.is_leaving:
            self._transport.write(frame_of(opcode, payload))

    def _fail(self, problem: str) -> None:
        self._audience.fail(problem)
        if not self.told.done():
            self.told.set_exception(SubscriptionFailed(problem))
        self.leave()


class _Hearing:
    """Who heard of one version of an account, and how many are waited for."""

    __slots__ = ("at_ns", "everyone", "wanted")

    def __init__(self) -> None:
        self.at_ns: list[int] = []
        self.wanted = 0
        self.everyone: asyncio.Future[None] | None = None


class Audience:
    """Subscribers, and when each of them heard of which version; an async context manager.

    Instants are those of the clock that Postgres stamps its commits with, in nanoseconds.
    """

    def __init__(self) -> None:
        self.subscribers: list[Subscriber] = []
        self.tried_again = 0
        """How often somebody was told to subscribe again in a moment."""
        self._hearings: dict[tuple[str, int], _Hearing] = {}
        self._failure: str | None = None

    @classmethod
    async def gather(cls, port: int, subscriptions: Sequence[Subscription]) -> Self:
        """Connects one subscriber for each subscription; returns when each has its first snapshot."""
        audience = cls()
        gate = asyncio.Semaphore(CONNECTING_AT_ONCE_MAX)
        loop = asyncio.get_running_loop()

        async def join(subscription: Subscription) -> None:
            async with gate:
                _, subscriber = await loop.create_connection(lambda: Subscriber(audience, subscription), HOST, port)
                audience.subscribers.append(subscriber)
                await asyncio.wait_for(subscriber.told, PATIENCE_SECONDS)

        try:
            async with asyncio.TaskGroup() as group:
                for subscription in subscriptions:
                    group.create_task(join(subscription))
        except ExceptionGroup as failures:
            audience.leave()
            raise SubscriptionFailed(audience._failure or "not everyone could subscribe in time") from failures
        audience._hearings.clear()
        return audience

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Ends every connection."""
        for subscriber in self.subscribers:
            subscriber.leave()

    async def hear(self, account: str, version: int, listeners: int) -> list[int]:
        """Waits until so many have heard of this version; when each of them did. Raises SubscriptionFailed."""
        hearing = self._hearings.setdefault((account, version), _Hearing())
        if len(hearing.at_ns) < listeners and self._failure is None:
            hearing.wanted = listeners
            hearing.everyone = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await hearing.everyone
            except TimeoutError:
                self.fail(f"{len(hearing.at_ns)} of {listeners} subscribers heard of version {version}")
        if self._failure is not None:
            raise SubscriptionFailed(self._failure)
        del self._hearings[account, version]
        return hearing.at_ns

    def heard(self, account: str, version: int, at_ns: int) -> None:
        """A subscriber was told of a version newer than the one it knew."""
        hearing = self._hearings.get((account, version))
        if hearing is None:
            hearing = self._hearings[account, version] = _Hearing()
        hearing.at_ns.append(at_ns)
        if hearing.everyone is not None and len(hearing.at_ns) == hearing.wanted:
            _wake(hearing)

    def fail(self, problem: str) -> None:
        """Something happened after which nothing can be measured."""
        if self._failure is None:
            self._failure = problem
        for hearing in self._hearings.values():
            _wake(hearing)


def _wake(hearing: _Hearing) -> None:
    if hearing.everyone is not None and not hearing.everyone.done():
        hearing.everyone.set_result(None)


def split_frames(buffer: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The whole frames of a server in the buffer, as opcode and payload, and what is left. Fragments do not occur."""
    frames: list[tuple[int, bytes]] = []
    at = 0
    while len(buffer) - at >= 2:
        opcode, length, start = buffer[at], buffer[at + 1], at + 2
        if length == _LENGTH_IN_TWO_BYTES:
            start += 2
            length = int.from_bytes(buffer[at + 2 : start], "big") if len(buffer) >= start else len(buffer)
        elif length == _LENGTH_IN_EIGHT_BYTES:
            start += 8
            length = int.from_bytes(buffer[at + 2 : start], "big") if len(buffer) >= start else len(buffer)
        if len(buffer) < start + length:
            break
        frames.append((opcode & ~_FINAL, buffer[start : start + length]))
        at = start + length
    return frames, buffer[at:]


def frame_of(opcode: int, payload: bytes) -> bytes:
    """A whole frame of a client."""
    length = len(payload)
    if length < _LENGTH_IN_TWO_BYTES:
        head = bytes((_FINAL | opcode, 0x80 | length))
    else:
        head = bytes((_FINAL | opcode, 0x80 | _LENGTH_IN_TWO_BYTES)) + length.to_bytes(2, "big")
    return head + _NO_MASK + payload


def subscription_of(query: str, variables: Mapping[str, Any], account: str, key: str) -> Subscription:
    """What a subscriber of an account says, with the key or token that it has."""
    init = {"type": "connection_init", "payload": {"authorization": f"Bearer {key}"}}
    subscribe = {"id": "1", "type": "subscribe", "payload": {"query": query, "variables": variables}}
    return Subscription(account, json.dumps(init).encode(), json.dumps(subscribe).encode())
