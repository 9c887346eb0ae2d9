"""The floor under every fan-out: a Starlette websocket that sends a text which is encoded already."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

BARE_SOCKET: Final = "benchmarks.live_bare:create_app"

_ACKNOWLEDGEMENT: Final = '{"type":"connection_ack"}'


def create_app() -> Starlette:
    """Takes a text by POST /tell and sends it to every websocket, one after the other, without looking at it."""
    listening: set[WebSocket] = set()
    text = ""

    async def listen(websocket: WebSocket) -> None:
        await websocket.accept(subprotocol="graphql-transport-ws")
        with suppress(WebSocketDisconnect):
            await websocket.receive_text()
            await websocket.send_text(_ACKNOWLEDGEMENT)
            await websocket.receive_text()
            await websocket.send_text(text)
            listening.add(websocket)
            while True:
                await websocket.receive_text()
        listening.discard(websocket)

    async def tell(request: Request) -> JSONResponse:
        nonlocal text
        text = (await request.body()).decode()
        begun_ns = time.time_ns()
        for websocket in list(listening):
            await websocket.send_text(text)
        return JSONResponse({"begunNs": begun_ns})

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            WebSocketRoute("/graphql", listen),
            Route("/tell", tell, methods=["POST"]),
            Route("/healthz", healthz),
        ]
    )
