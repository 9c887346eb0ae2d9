"""A TCP cable to the test's Postgres or Redis that can be cut, unplugged for a while, or go silent without a word."""

import asyncio
from typing import Self
from urllib.parse import parse_qs, urlsplit, urlunsplit


class Cable:
    """Forwards connections made to `far_address`, by way of its own `address`, until it is told otherwise."""

    def __init__(self, far_address: str) -> None:
        self._target = urlsplit(far_address)
        self._pumps: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._refuses = False
        self.stutter_seconds = 0.0
        """How long it pauses in the middle of everything that comes from the far end."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        credentials, at, _ = self._target.netloc.rpartition("@")
        query = "sslmode=disable" if self._target.scheme == "postgresql" else ""
        self.address = urlunsplit(self._target._replace(netloc=f"{credentials}{at}127.0.0.1:{port}", query=query))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def cut(self) -> None:
        """Breaks all connections; new ones are possible."""
        for writer in list(self._writers):
            writer.transport.abort()

    def unplug(self) -> None:
        """Breaks all connections and every new one."""
        self._refuses = True
        self.cut()

    def plug_in(self) -> None:
        self._refuses = False

    def go_silent(self) -> None:
        """Lets nothing through any more, on old connections for ever, and breaks none."""
        self._flows.clear()
        self._flows = asyncio.Event()
        self._flows.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.transport.abort()
            return
        far_reader, far_writer = await self._open_far_end()
        flows = self._flows
        self._writers |= {writer, far_writer}
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            pump = asyncio.create_task(self._pump(source, sink, flows, stutters=source is far_reader))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _open_far_end(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        query = parse_qs(self._target.query)
        if "host" in query:
            port = query.get("port", ["5432"])[0]
            return await asyncio.open_unix_connection(f"{query['host'][0]}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._target.hostname, self._target.port or 5432)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, flows: asyncio.Event, *, stutters: bool
    ) -> None:
        try:
            while chunk := await source.read(65_536):
                await flows.wait()
                if stutters and self.stutter_seconds:
                    half = len(chunk) // 2
                    sink.write(chunk[:half])
                    await asyncio.sleep(self.stutter_seconds)
                    chunk = chunk[half:]
                sink.write(chunk)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.transport.abort()
            self._writers.discard(sink)
