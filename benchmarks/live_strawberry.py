"""The same event from Strawberry as it comes: its own websocket, a queue for each subscriber."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from typing import Any, Final

import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL

STRAWBERRY: Final = "benchmarks.live_strawberry:create_app"


@strawberry.type
class Balance:
    """What the benchmark's subscription asks of a balance."""

    id: strawberry.ID
    account_id: strawberry.ID
    version: int
    as_of: str
    total: str
    held: str
    owed: str
    available: str
    level: str
    remaining_percent: int | None
    unlimited: bool


_listening: Final[set[asyncio.Queue[Balance]]] = set()
_latest: Final[list[Balance]] = []


@strawberry.type
class Query:
    """A schema needs one."""

    hello: str = "world"


@strawberry.type
class Subscription:
    """The balance, whenever it is told."""

    @strawberry.subscription
    async def balance(self, account_id: strawberry.ID | None = None) -> AsyncGenerator[Balance, None]:
        """The latest, then each that comes."""
        queue: asyncio.Queue[Balance] = asyncio.Queue()
        _listening.add(queue)
        try:
            yield _latest[0]
            while True:
                yield await queue.get()
        finally:
            _listening.discard(queue)


def create_app() -> Starlette:
    """Takes a message as Farebox sends it by POST /tell, and gives each subscriber its balance."""

    async def tell(request: Request) -> JSONResponse:
        balance = _balance_of(json.loads(await request.body())["payload"]["data"]["balance"])
        _latest[:] = [balance]
        begun_ns = time.time_ns()
        for queue in _listening:
            queue.put_nowait(balance)
        return JSONResponse({"begunNs": begun_ns})

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    schema = strawberry.Schema(Query, subscription=Subscription)
    return Starlette(
        routes=[
            WebSocketRoute("/graphql", GraphQL[None, None](schema)),
            Route("/tell", tell, methods=["POST"]),
            Route("/healthz", healthz),
        ]
    )


def _balance_of(shown: dict[str, Any]) -> Balance:
    return Balance(
        id=shown["id"],
        account_id=shown["accountId"],
        version=shown["version"],
        as_of=shown["asOf"],
        total=shown["total"],
        held=shown["held"],
        owed=shown["owed"],
        available=shown["available"],
        level=shown["level"],
        remaining_percent=shown["remainingPercent"],
        unlimited=shown["unlimited"],
    )
