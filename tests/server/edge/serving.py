"""The edge on loopback, as uvicorn serves it, with services of a stage."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import uvicorn
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from server.app import UVICORN_LIMITS, build_app
from server.edge.configuration import Edge, ServedServices
from server.edge.graphql_socket import PROTOCOL
from server.listener import listen
from server.settings import Settings
from tests.resolvers.stage import ACCOUNT_ID, Stage

PATIENCE_SECONDS = 30.0
ALLOWED = "https://app.example.com"
BALANCE = f'subscription {{ balance(accountId: "{ACCOUNT_ID}") {{ version available }} }}'
VIEWER = "{ viewer { kind } }"
COST_OF_ONE = {"cost": {"requested": 1, "maximum": 10_000, "remaining": 9_999}}
"""`extensions` of what costs as little as anything."""
DEVELOPMENT = Edge(introspection=True, graphiql=False, allowed_origins=frozenset({ALLOWED}))


@dataclass
class Served:
    """A server on loopback."""

    host: str
    stage: Stage
    server: uvicorn.Server

    @property
    def connections(self) -> set[Any]:
        return self.server.server_state.connections

    @property
    def url(self) -> str:
        return f"ws://{self.host}/graphql"

    def open(self, **settings: Any) -> connect:
        return connect(self.url, subprotocols=[Subprotocol(PROTOCOL)], **settings)


@asynccontextmanager
async def serving(stage: Stage, edge: Edge = DEVELOPMENT) -> AsyncIterator[Served]:
    async with _running(cast(ServedServices, stage), edge) as (host, server):
        yield Served(host, stage, server)


@asynccontextmanager
async def hosted(services: ServedServices, edge: Edge) -> AsyncIterator[str]:
    """The same with services that are no stage's; where it is."""
    async with _running(services, edge) as (host, _):
        yield host


@asynccontextmanager
async def _running(services: ServedServices, edge: Edge) -> AsyncIterator[tuple[str, uvicorn.Server]]:
    app = build_app(services, edge)
    config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=2, **UVICORN_LIMITS)
    server = uvicorn.Server(config)
    with listen(Settings(port=0)) as listener:
        running = asyncio.create_task(server._serve([listener]))
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", server
        finally:
            server.should_exit = True
            async with asyncio.timeout(PATIENCE_SECONDS):
                await running


def a_narrow_connection(host: str) -> socket.socket:
    """One that takes little before its client reads."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
    address, _, port = host.partition(":")
    connection.connect((address, int(port)))
    connection.setblocking(False)
    return connection
