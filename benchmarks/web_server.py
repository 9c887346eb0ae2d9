"""Web servers in processes of their own: Farebox as `make serve` runs it, and others that it is measured beside."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

BARE: Final = "benchmarks.web_server:create_bare_app"

HOST: Final = "127.0.0.1"
START_SECONDS_MAX: Final = 60.0
STOP_SECONDS_MAX: Final = 15.0
BACKLOG: Final = 2_048
_PAUSE_SECONDS: Final = 0.05
_ROOT: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers on HOST."""

    port: int
    process_id: int

    def collect_garbage(self) -> None:
        """Has it free what nobody refers to, so that its memory can be compared. It does so at its next leisure."""
        os.kill(self.process_id, signal.SIGUSR1)


@contextmanager
def web_server(application: str, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Serves an application that uvicorn runs with the settings under which Farebox is served, until the block ends."""
    with _serving("benchmarks.web_server", application, environment or {}) as served:
        yield served


@contextmanager
def _serving(module: str, application: str, environment: Mapping[str, str]) -> Iterator[Served]:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen(BACKLOG)
        port: int = listener.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", module, application, str(listener.fileno())],
            cwd=_ROOT,
            env={**os.environ, **environment},
            pass_fds=[listener.fileno()],
        )
    try:
        _wait_for_an_answer(process, port)
        yield Served(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def farebox_server(application: str, environment: Mapping[str, str]) -> Iterator[Served]:
    """Serves Farebox, or a variation on it, with all that `make serve` sets, until the block ends."""
    with _serving("benchmarks.farebox_process", application, environment) as served:
        yield served


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


def collect_garbage_when_asked() -> None:
    """To be called in the server's process: `Served.collect_garbage` works from here on."""

    def collect(number: int, frame: FrameType | None) -> None:
        gc.collect()

    signal.signal(signal.SIGUSR1, collect)


def main(application: str, listener: int) -> None:
    """Serves on a socket that is open already."""
    collect_garbage_when_asked()
    config = uvicorn.Config(
        application,
        factory=True,
        fd=listener,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
