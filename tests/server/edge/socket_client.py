"""A client of a socket that says what it is told to, right or wrong."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.resolvers.stage import SECRET_KEY
from tests.server.edge.serving import BALANCE, PATIENCE_SECONDS

KEY = {"authorization": f"Bearer {SECRET_KEY}"}


async def send(client: ClientConnection, **message: Any) -> None:
    await client.send(json.dumps(message))


async def receive(client: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        message: dict[str, Any] = json.loads(await client.recv())
    return message


async def initialise(client: ClientConnection, payload: Any = KEY) -> None:
    await send(client, type="connection_init", payload=payload)
    assert await receive(client) == {"type": "connection_ack"}


async def subscribe(client: ClientConnection, id: str, query: str = BALANCE, **members: Any) -> None:
    await send(client, type="subscribe", id=id, payload={"query": query, **members})


async def close_reason(client: ClientConnection) -> str:
    """Reads to the end; why the server closed."""
    await close_code(client)
    assert client.close_reason is not None
    return client.close_reason


async def close_code(client: ClientConnection) -> int:
    """Reads to the end; the code that the server closed with."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        with suppress(ConnectionClosed):
            while True:
                await client.recv()
    assert client.close_code is not None
    return client.close_code
