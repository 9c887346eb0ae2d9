"""A real Redis for a test: on a free loopback port, with nothing kept, ended with the test."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

PROGRAM = "redis-server"
STARTS_MAX = 3
"""Somebody else may take the port that was free a moment ago."""

START_SECONDS_MAX = 20.0
ALL_IS_THERE = "FAREBOX_TEST_ALL_IS_THERE"
"""Set where every program that tests need is to be installed: what is missing fails there, and is skipped elsewhere."""


class RedisServer:
    """A Redis of one's own that can be killed and started again on its port."""

    def __init__(self, directory: Path, settings: Sequence[str] = ()) -> None:
        self._directory = directory
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        for _ in range(STARTS_MAX):
            port = self.port or a_free_port()
            # Read from a file, so that settings with spaces need no quoting.
            lines = ["bind 127.0.0.1", f"port {port}", 'save ""', "appendonly no", f"dir {self._directory}"]
            (self._directory / "redis.conf").write_text("\n".join([*lines, *self._settings]) + "\n")
            with (self._directory / "redis.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [PROGRAM, self._directory / "redis.conf"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            if self._answers(port):
                self.port = port
                return
        pytest.fail(f"no Redis starts here: {(self._directory / 'redis.log').read_text()}")

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Ends it at once, as the kernel would; it keeps nothing that could be lost."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(START_SECONDS_MAX)
            self._process = None

    def _answers(self, port: int) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.005)
            else:
                return True
        self.end()
        return False

    async def clients(self, name: str = "farebox-bus-") -> list[dict[str, str]]:
        """Who is connected under a name that begins so."""
        async with Redis.from_url(self.url, protocol=2) as redis:
            return [client for client in await redis.client_list() if client["name"].startswith(name)]

    async def kill_clients(self, name: str = "farebox-bus-") -> int:
        """Ends their connections from the server's side; how many there were."""
        clients = await self.clients(name)
        async with Redis.from_url(self.url, protocol=2) as redis:
            return sum([await redis.client_kill_filter(_id=client["id"]) for client in clients])


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def running_redis(directory: Path, settings: Sequence[str] = ()) -> Iterator[RedisServer]:
    """A running Redis with these lines of configuration more; skips the test where there is no such program."""
    if shutil.which(PROGRAM) is None:
        if os.environ.get(ALL_IS_THERE):
            pytest.fail(f"{PROGRAM} is missing, and {ALL_IS_THERE} says that it is not")
        pytest.skip(f"this machine has no {PROGRAM}")
    directory.mkdir(parents=True, exist_ok=True)
    server = RedisServer(directory, settings)
    try:
        server.start()
        yield server
    finally:
        server.end()
