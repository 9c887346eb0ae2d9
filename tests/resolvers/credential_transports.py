"""The transports of the API, as the credential matrix asks over them: one server, and connections that are kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import count
from typing import Any, ClassVar, Protocol, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from server.edge.graphql_socket import PROTOCOL

ANSWER_SECONDS_MAX = 30.0
NOT_THE_ANSWERS = {"requestId", "cost"}
"""Of what is told of an error, that which differs from one request to the next."""


class Transport(Protocol):
    """A way to ask; an async context manager, made with the server's host."""

    name: ClassVar[str]
    streams: ClassVar[bool]
    """Whether subscriptions come over it."""

    def __init__(self, host: str) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def answer(self, key: str | None, document: str) -> str:
        """The answer as text, without what differs by request; of a subscription the first event."""


class OverHttp:
    """A POST for each operation."""

    name: ClassVar[str] = "over HTTP"
    streams: ClassVar[bool] = False
    accept: ClassVar[str] = "application/graphql-response+json"

    def __init__(self, host: str) -> None:
        self._url = f"http://{host}/graphql"
        self._client = httpx.AsyncClient(timeout=ANSWER_SECONDS_MAX, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def answer(self, key: str | None, document: str) -> str:
        response = await self._client.post(self._url, json={"query": document}, headers=self._headers(key))
        assert response.headers["content-type"].startswith(self.accept), response.headers
        return _text_of(response.json())

    def _headers(self, key: str | None) -> dict[str, str]:
        return {"accept": self.accept} | ({} if key is None else {"authorization": f"Bearer {key}"})


class AsEvents(OverHttp):
    """A POST for each operation, answered as server-sent events."""

    name: ClassVar[str] = "as server-sent events"
    streams: ClassVar[bool] = True
    accept: ClassVar[str] = "text/event-stream"

    async def answer(self, key: str | None, document: str) -> str:
        asked = self._client.stream("POST", self._url, json={"query": document}, headers=self._headers(key))
        async with asked as response:
            if not response.headers["content-type"].startswith(self.accept):
                # What is wrong with the request as such, the credential included, has its status instead.
                assert response.status_code >= 400
                return _text_of(json.loads(await response.aread()))
            events = _events_of(response.aiter_lines())
            first = await anext(events)
            if not document.startswith("subscription"):
                assert [event async for event in events] == [], "one answer, then the end"
            return _text_of(first)


class OverSocket:
    """A websocket for each credential, and on it an id for each operation."""

    name: ClassVar[str] = "over a websocket"
    streams: ClassVar[bool] = True

    def __init__(self, host: str) -> None:
        self._url = f"ws://{host}/graphql"
        self._sockets: dict[str | None, ClientConnection] = {}
        self._ids = count()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._sockets.values():
            await client.close()

    async def answer(self, key: str | None, document: str) -> str:
        """One operation of a credential at a time."""
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            client = self._sockets.get(key)
            if client is None:
                try:
                    client = await self._opened(key)
                except ConnectionClosed as closed:
                    return _text_of({"errors": [_of_a_close(closed)]})
                self._sockets[key] = client
            id = str(next(self._ids))
            await _send(client, id=id, type="subscribe", payload={"query": document})
            message = await _message(client, id)
            if message["type"] == "error":
                return _text_of({"errors": message["payload"]})
            assert message["type"] == "next"
            if document.startswith("subscription"):
                await _send(client, id=id, type="complete")
            else:
                assert (await _message(client, id))["type"] == "complete"
            return _text_of(message["payload"])

    async def _opened(self, key: str | None) -> ClientConnection:
        client = await connect(self._url, subprotocols=[Subprotocol(PROTOCOL)], proxy=None)
        payload = {} if key is None else {"authorization": f"Bearer {key}"}
        await _send(client, type="connection_init", payload=payload)
        assert json.loads(await client.recv()) == {"type": "connection_ack"}
        return client


TRANSPORTS: tuple[type[Transport], ...] = (OverHttp, OverSocket, AsEvents)


def outcome_of(answer: str) -> list[Any]:
    """What an answer comes to, whatever the values in it: the codes of its errors, and the shape of its data."""
    body = json.loads(answer)
    return [sorted(str(error.get("code")) for error in body["errors"]), _shape_of(body["data"])]


def refuses(answer: str, code: str) -> bool:
    """Whether there is nothing in the answer but errors with this code."""
    body = json.loads(answer)
    nothing = body["data"] is None or set(body["data"].values()) == {None}
    return nothing and {error["code"] for error in body["errors"]} == {code}


def _shape_of(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: of if name == "__typename" else _shape_of(of) for name, of in sorted(value.items())}
    if isinstance(value, list):
        return sorted({json.dumps(_shape_of(of)) for of in value})
    return None if value is None else type(value).__name__


def _text_of(body: dict[str, Any]) -> str:
    errors = []
    for error in body.get("errors", ()):
        extensions = {name: of for name, of in error.get("extensions", {}).items() if name not in NOT_THE_ANSWERS}
        errors.append({"message": error["message"], **extensions})
    return json.dumps({"data": body.get("data"), "errors": errors})


def _of_a_close(closed: ConnectionClosed) -> dict[str, Any]:
    """The one answer that has no body: 4403 says of a credential what elsewhere the code does."""
    code = None if closed.rcvd is None else closed.rcvd.code
    return {"message": str(closed), "extensions": {"code": "UNAUTHENTICATED" if code == 4403 else code}}


async def _events_of(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    """What `next` events carry, until `complete`."""
    event = ""
    async for line in lines:
        name, _, value = line.partition(":")
        if name == "event":
            event = value.strip()
        elif name == "data" and event == "next":
            yield json.loads(value)
        elif name == "data":
            assert event == "complete", event


async def _send(client: ClientConnection, **message: Any) -> None:
    await client.send(json.dumps(message))


async def _message(client: ClientConnection, id: str) -> dict[str, Any]:
    """The next message of an operation; what still comes of one that was completed is passed over."""
    while True:
        message: dict[str, Any] = json.loads(await client.recv())
        if message.get("id") == id:
            return message
