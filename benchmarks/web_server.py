"""A web server in a process of its own, as `make serve` runs one: Farebox, or an endpoint that only echoes JSON."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

FAREBOX: Final = "server.web_process:create_app"
BARE: Final = "benchmarks.web_server:create_bare_app"

HOST: Final = "127.0.0.1"
START_SECONDS_MAX: Final = 60.0
STOP_SECONDS_MAX: Final = 15.0
_PAUSE_SECONDS: Final = 0.05
_ROOT: Final = Path(__file__).resolve().parents[1]


@contextmanager
def web_server(application: str, environment: Mapping[str, str]) -> Iterator[int]:
    """Serves the application until the block ends; its port."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        port: int = listener.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.web_server", application, str(listener.fileno())],
            cwd=_ROOT,
            env={**os.environ, **environment},
            pass_fds=[listener.fileno()],
        )
    try:
        _wait_for_an_answer(process, port)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def create_bare_app() -> Starlette:
    """What Starlette takes to read a JSON body and to answer with one: the floor under every answer of an API."""

    async def echo(request: Request) -> JSONResponse:
        asked = await request.json()
        return JSONResponse({"data": {"asked": len(asked["query"])}})

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    return Starlette(routes=[Route("/graphql", echo, methods=["POST"]), Route("/healthz", healthz)])


def _wait_for_an_answer(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the web server ended with code {process.returncode} before it answered")
        if _answers(port):
            return
        time.sleep(_PAUSE_SECONDS)
    raise RuntimeError(f"the web server did not answer within {START_SECONDS_MAX:g} seconds")


def _answers(port: int) -> bool:
    """The listener takes connections from the start, so only an answer tells that the application serves."""
    try:
        with socket.create_connection((HOST, port), timeout=START_SECONDS_MAX) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        # The process ended with the connection in its queue; the caller finds out.
        return False


def main(application: str, listener: int) -> None:
    """Serves on a socket that is open already."""
    config = uvicorn.Config(
        application, factory=True, fd=listener, loop="uvloop", http="httptools", log_level="warning", access_log=False
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
