"""Clients that watch a server live over real connections and come again whenever they are cut off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle, pairwise
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from tests.faults.served import ANSWER_SECONDS_MAX, START_SECONDS_MAX, Server

BALANCE = """subscription ($account: ID!, $since: Version) {
  balance(accountId: $account, sinceVersion: $since) { version asOf available }
}"""
WARNINGS = """subscription ($account: ID!, $since: Version) {
  lowBalance(accountId: $account, sinceVersion: $since) { id version snapshot }
}"""

SILENCE_SECONDS_MAX = 2.0
"""What a client waits for a pong before it takes its socket for dead, as it has to: a cut may say nothing."""
RETRY_SECONDS = 0.05

Stream = Callable[[str, str, dict[str, Any]], AsyncGenerator[dict[str, Any], None]]
"""Events of one subscription by (host, key, what is subscribed to), until its connection is lost or silent for long."""


async def over_a_socket(host: str, key: str, payload: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    async with connect(
        f"ws://{host}/graphql",
        subprotocols=[Subprotocol("graphql-transport-ws")],
        ping_interval=SILENCE_SECONDS_MAX / 2,
        ping_timeout=SILENCE_SECONDS_MAX / 2,
        open_timeout=SILENCE_SECONDS_MAX,
        close_timeout=SILENCE_SECONDS_MAX,
    ) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {key}"}}))
        assert json.loads(await socket.recv()) == {"type": "connection_ack"}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        async for text in socket:
            message = json.loads(text)
            assert message["type"] == "next", message
            yield message["payload"]


async def over_an_event_stream(
    host: str, key: str, payload: dict[str, Any], *, silence_seconds_max: float = SILENCE_SECONDS_MAX
) -> AsyncGenerator[dict[str, Any], None]:
    headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(timeout=silence_seconds_max, headers=headers, verify=False) as client,
        client.stream("POST", f"http://{host}/graphql", json=payload) as answer,
    ):
        async for line in answer.aiter_lines():
            assert line != "event: complete"
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


@dataclass(slots=True)
class Watcher:
    """A client that, whenever its connection is lost, goes on with the next host, from the last event that it got.

    It resumes with that event's version where the document has a `$since`.
    """

    hosts: Sequence[str]
    key: str
    account: str
    stream: Stream
    document: str
    seen: list[dict[str, Any]] = field(default_factory=list)
    begun_at: list[int] = field(default_factory=list)
    """How many events were seen when each of its subscriptions began."""
    closed_with: list[int] = field(default_factory=list)
    """The codes of its sockets' ends, 1006 where there was none."""

    async def watch(self) -> None:
        while True:
            try:
                await self._watch_once()
            except ConnectionClosed as closed:
                self.closed_with.append(CloseCode.ABNORMAL_CLOSURE if closed.rcvd is None else closed.rcvd.code)
            except (OSError, WebSocketException, TimeoutError, httpx.TransportError):
                pass
            await asyncio.sleep(RETRY_SECONDS)

    async def _watch_once(self) -> None:
        host = self.hosts[len(self.begun_at) % len(self.hosts)]
        variables = {"account": self.account}
        if "$since" in self.document and self.seen:
            variables["since"] = self.seen[-1]["version"]
        payload = {"query": self.document, "variables": variables}
        self.begun_at.append(len(self.seen))
        async with aclosing(self.stream(host, self.key, payload)) as events:
            async for event in events:
                assert "errors" not in event, event
                (shown,) = event["data"].values()
                self.seen.append(shown)

    @property
    def subscriptions(self) -> list[list[dict[str, Any]]]:
        """What was seen on each."""
        return [self.seen[begin:end] for begin, end in pairwise([*self.begun_at, len(self.seen)])]


async def ask_any(
    servers: Sequence[Server], key: str, document: str, variables: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Asks one server after the other until there is an answer; only what is worth a retry is tried again."""
    async with asyncio.timeout(START_SECONDS_MAX):
        for server in cycle(servers):
            # A connection for each request, so that requests reach all of a server's processes.
            async with httpx.AsyncClient(timeout=ANSWER_SECONDS_MAX, verify=False) as client:
                with suppress(httpx.TransportError):
                    answer = await client.post(
                        server.url,
                        json={"query": document, "variables": variables or {}},
                        headers={"Authorization": f"Bearer {key}"},
                    )
                    body = answer.json()
                    if "errors" not in body:
                        (result,) = body["data"].values()
                        return dict(result)
                    assert {error["extensions"]["code"] for error in body["errors"]} == {"UNAVAILABLE"}, body
            await asyncio.sleep(RETRY_SECONDS)
    raise AssertionError("there is no server to ask")


@asynccontextmanager
async def in_background(work: Iterable[Coroutine[Any, Any, None]]) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
