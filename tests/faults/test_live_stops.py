"""A server is told to stop while clients watch: what was acknowledged is what they see when they come again."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import suppress
from itertools import count
from pathlib import Path

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from server.edge.graphql_socket import PROTOCOL
from tests.faults.served import START_SECONDS_MAX, Server, served
from tests.faults.test_live_feeds import CHARGE, GRANT, OPEN, ask
from tests.patience import eventually

RESUMED = """subscription ($account: ID!, $since: Version) {
  balance(accountId: $account, sinceVersion: $since) { version }
}"""


async def test_a_client_that_resumes_after_a_restart_has_lost_nothing(tmp_path: Path) -> None:
    """Charges go on while the server is told to stop; what was acknowledged is what the resumed client sees."""
    acknowledged = [1]

    async def charge_for_ever(server: Server) -> None:
        for number in count():
            result = await ask(server, CHARGE, {"key": f"charge {number}"})
            if "balance" in result:
                acknowledged.append(result["balance"]["version"])

    with served(tmp_path / "data", processes=2) as server:
        await server.is_ready()
        account = (await ask(server, OPEN))["account"]["id"]
        assert await ask(server, GRANT) == {"replayed": False}
        client = await connected(server)
        async with client, asyncio.timeout(START_SECONDS_MAX):
            await begin(client, account)
            charging = asyncio.create_task(charge_for_ever(server))
            seen = [await version_of(client)]
            await eventually(lambda: len(acknowledged) > 3, what="some charges are acknowledged")
            stopping = asyncio.create_task(asyncio.to_thread(server.end, signal.SIGTERM))
            with suppress(ConnectionClosed):
                while True:
                    seen.append(await version_of(client))
            assert client.close_code == CloseCode.SERVICE_RESTART
            assert await stopping == 0
            with suppress(httpx.TransportError, ValueError):
                await charging

        server.start()
        await server.is_ready()
        async with await connected(server) as client, asyncio.timeout(START_SECONDS_MAX):
            await begin(client, account, since=seen[-1])
            if acknowledged[-1] > seen[-1]:
                seen.append(await version_of(client))
            assert seen[-1] >= acknowledged[-1]
            assert seen == sorted(set(seen)), "only ever rising"
            latest = (await ask(server, CHARGE, {"key": "the last one"}))["balance"]["version"]
            while seen[-1] < latest:
                seen.append(await version_of(client))

        assert seen == sorted(set(seen)), "and nothing twice"


async def connected(server: Server) -> ClientConnection:
    client = await connect(server.url.replace("http://", "ws://"), subprotocols=[Subprotocol(PROTOCOL)])
    payload = {"authorization": f"Bearer {server.key}"}
    await client.send(json.dumps({"type": "connection_init", "payload": payload}))
    assert json.loads(await client.recv()) == {"type": "connection_ack"}
    return client


async def begin(client: ClientConnection, account: str, since: int | None = None) -> None:
    variables = {"account": account, "since": since}
    payload = {"query": RESUMED, "variables": variables}
    await client.send(json.dumps({"type": "subscribe", "id": "a", "payload": payload}))


async def version_of(client: ClientConnection) -> int:
    event = json.loads(await client.recv())
    assert event["type"] == "next", event
    return int(event["payload"]["data"]["balance"]["version"])
