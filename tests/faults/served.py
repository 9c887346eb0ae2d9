"""The real server, started as a user starts it, in a data directory and on a port of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.faults.processes import ROOT, children_of, command_of
from tests.patience import eventually

START_SECONDS_MAX = 60.0
ANSWER_SECONDS_MAX = 30.0


class Server:
    """A server on a port and data directory of its own, started like a user's, with more settings where given."""

    def __init__(self, data_dir: Path, processes: int, **settings: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port: int = free.getsockname()[1]
        self.data_dir = data_dir
        self.url = f"http://127.0.0.1:{self._port}/graphql"
        self._environment = {
            "PATH": os.environ["PATH"],
            "PORT": str(self._port),
            "FAREBOX_DATA_DIR": str(data_dir),
            "WEB_CONCURRENCY": str(processes),
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self.data_dir.with_suffix(".log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server", "serve"], cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )

    async def is_ready(self) -> None:
        async with httpx.AsyncClient() as client:

            async def ready() -> bool:
                assert self._process is not None
                assert self._process.poll() is None, self.log
                try:
                    answer = await client.get(self.url.replace("/graphql", "/readyz"), timeout=ANSWER_SECONDS_MAX)
                except httpx.TransportError:
                    return False
                return answer.status_code == 200

            await eventually(ready, within_seconds=START_SECONDS_MAX, what="the server is ready")

    @property
    def process_id(self) -> int:
        """The one that serves, where there is one; else the one that keeps the others."""
        assert self._process is not None
        return self._process.pid

    @property
    def web_processes(self) -> list[int]:
        """Those that serve, where there are several."""
        assert self._process is not None
        return [child for child in children_of(self._process.pid) if b"spawn_main" in command_of(child)]

    def end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(START_SECONDS_MAX)

    def audit(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "server", "audit"],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=START_SECONDS_MAX,
            check=False,
        )

    @property
    def port(self) -> int:
        return self._port

    @property
    def key(self) -> str:
        """Of a tenant whose price book allows any number of runs a minute."""
        return str(json.loads((self.data_dir / "demo-keys.json").read_text())["ai-playground"]["secretKey"])

    @property
    def log(self) -> str:
        return self.data_dir.with_suffix(".log").read_text(errors="replace")[-4_000:]


@contextmanager
def served(data_dir: Path, processes: int, **settings: str) -> Iterator[Server]:
    server = Server(data_dir, processes, **settings)
    server.start()
    try:
        yield server
    finally:
        server.end(signal.SIGTERM)
