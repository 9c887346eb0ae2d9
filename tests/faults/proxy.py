"""A network between the ledger and its Postgres, or a client and the server, that can be slow, silent or gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit, urlunsplit

READ_BYTES = 1 << 16


class Proxy:
    """Listens on a loopback port and passes on what it hears, as it is told to. An async context manager."""

    def __init__(self, dsn: str) -> None:
        self._target = urlsplit(dsn)
        self.delay_seconds = 0.0
        """How long each packet is under way, in either direction."""
        self.loses_all = False
        """Connections are made, and whatever is sent on them is lost, then and for good."""
        self._server: asyncio.Server | None = None
        self._port = 0
        self._lines: set[asyncio.StreamWriter] = set()
        self._silenced: set[object] = set()
        self._current: object = object()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def dsn(self) -> str:
        """The database by way of the proxy."""
        user = self._target.netloc.rpartition("@")[0]
        return urlunsplit(self._target._replace(netloc=f"{user}@127.0.0.1:{self._port}", query="sslmode=disable"))

    @property
    def url(self) -> str:
        """A server for HTTP by way of the proxy."""
        return urlunsplit(self._target._replace(netloc=f"127.0.0.1:{self._port}"))

    def fall_silent(self) -> None:
        """Half-open: connections stay, and nothing that is sent on them arrives any more. New ones are well."""
        self.loses_all = False
        self._silenced.add(self._current)
        self._current = object()

    def refuse(self) -> None:
        """Nobody listens any more, and what was open is cut."""
        assert self._server is not None
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Ends every connection, on both sides."""
        for line in self._lines:
            line.close()

    async def listen(self) -> None:
        """Takes connections, again after `refuse` on the same port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        episode = self._current
        try:
            far_reader, far_writer = await self._reach()
        except OSError:
            writer.close()
            return
        for line in (writer, far_writer):
            self._lines.add(line)
            connection = line.get_extra_info("socket")
            if connection.family == socket.AF_INET:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, target in ((reader, far_writer), (far_reader, writer)):
            self._start(self._pass_on(source, target, episode))

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        (directory,) = parse_qs(self._target.query).get("host", [""])
        if directory:
            return await asyncio.open_unix_connection(f"{directory}/.s.PGSQL.{self._target.port or 5432}")
        return await asyncio.open_connection(self._target.hostname, self._target.port or 5432)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, episode: object) -> None:
        arrivals: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivery = self._start(self._deliver(arrivals, target, episode))
        loop = asyncio.get_running_loop()
        try:
            while data := await source.read(READ_BYTES):
                arrivals.put_nowait((loop.time() + self.delay_seconds, data))
        except OSError:
            pass
        arrivals.put_nowait((loop.time() + self.delay_seconds, b""))
        await delivery

    async def _deliver(
        self, arrivals: asyncio.Queue[tuple[float, bytes]], target: asyncio.StreamWriter, episode: object
    ) -> None:
        while True:
            at, data = await arrivals.get()
            await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))
            if self.loses_all:
                self._silenced.add(episode)
            if episode in self._silenced:
                continue
            if not data:
                target.close()
                return
            target.write(data)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
