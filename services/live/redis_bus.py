"""The bus on Redis pub/sub, for those who run a Redis and would rather spare their Postgres the messages."""

import asyncio
from collections.abc import Callable
from typing import Any

from redis.asyncio.connection import AbstractConnection, Connection, ConnectKwargs, parse_url
from redis.exceptions import RedisError

from services.live.kept_bus import AWAY, KeptBus
from services.live.kept_connection import COMMAND_SECONDS_MAX, CONNECT_SECONDS_MAX, PROBE_SECONDS, Link

PORT = 6379
"""Where the address names none."""


class RedisLink(Link[AbstractConnection]):
    """Connections to the Redis of a `redis://` or `rediss://` URL, under a client name without spaces.

    They speak RESP2, which every version knows. redis-py's own retries stay off: a connection that came back behind
    our back would have lost its subscription without a word.
    """

    def __init__(self, url: str, client_name: str) -> None:
        address: ConnectKwargs = parse_url(url)
        host = address["host"]
        # Whether by TLS, because a port that expects it and one that does not are silent to each other.
        by_tls = " by TLS" if "connection_class" in address else ""
        self.place = f"Redis at {f'[{host}]' if ':' in host else host}:{address.get('port', PORT)}{by_tls}"
        self._connection_class: type[AbstractConnection] = address.pop("connection_class", Connection)
        self._arguments: dict[str, Any] = {
            **address,
            "client_name": client_name,
            "protocol": 2,
            # Nothing that needs a round trip or a right more than the bus does.
            "driver_info": None,
            # Every use bounds itself: with a time-out redis-py sends by `wait_for`, which may lose a cancellation.
            "socket_timeout": None,
            "socket_connect_timeout": CONNECT_SECONDS_MAX,
            "decode_responses": True,
            # What a stranger publishes here is no message of ours, and no reason to lose the connection.
            "encoding_errors": "replace",
        }

    async def make(self, lost: asyncio.Event) -> AbstractConnection:
        """Connects and signs in."""
        connection = self._connection_class(**self._arguments)
        try:
            await connection.connect()
        except BaseException:
            await self.abort(connection)
            raise
        return connection

    async def probe(self, connection: AbstractConnection) -> None:
        """Sends a PING and waits for its answer."""
        await ask(connection, "PING")

    async def close(self, connection: AbstractConnection) -> None:
        """Closes the socket in order."""
        await connection.disconnect()

    async def abort(self, connection: AbstractConnection) -> None:
        """Closes the socket and does not wait."""
        await connection.disconnect(nowait=True)


class ListeningLink(RedisLink):
    """Connections that hear: all that arrives goes to `hear`, messages and answers alike."""

    def __init__(self, url: str, client_name: str, hear: Callable[[object], None]) -> None:
        super().__init__(url, client_name)
        self._hear = hear

    async def stay(self, connection: AbstractConnection, lost: asyncio.Event, turn: asyncio.Lock) -> None:
        """Takes in what arrives; where nothing does for a while, asks for a sign of life and raises without one."""
        asked = False
        while not lost.is_set():
            arrived = await connection.read_response(timeout=COMMAND_SECONDS_MAX if asked else PROBE_SECONDS)
            if arrived is not None:
                asked = False
                self._hear(arrived)
            elif asked:
                raise TimeoutError("Redis does not answer a PING")
            else:
                asked = True
                async with asyncio.timeout(COMMAND_SECONDS_MAX):
                    await send(connection, "PING")


class RedisBus(KeptBus[AbstractConnection]):
    """Every message on one channel, named after the installation, since one Redis may serve several.

    Subscribers of other installations hear nothing of it. Needs a user who may do @connection and @pubsub on the
    channels `farebox:*`; it keeps nothing in Redis.
    """

    failures = (*AWAY, RedisError)

    def __init__(self, url: str, installation: str) -> None:
        self._installation = installation
        super().__init__(
            listening=ListeningLink(url, "farebox-bus-listener", self._heard),
            publishing=RedisLink(url, "farebox-bus-publisher"),
        )

    async def _listen(self, connection: AbstractConnection, channel: str) -> None:
        await ask(connection, "SUBSCRIBE", self._name(channel))

    async def _send(self, connection: AbstractConnection, channel: str, message: str) -> None:
        await ask(connection, "PUBLISH", self._name(channel), message)

    def _heard(self, arrived: object) -> None:
        match arrived:
            case ["message", _, str(message)]:
                self._take_in(message)
            case _:
                # The answer to a PING.
                return

    def _name(self, channel: str) -> str:
        return f"{channel}:{self._installation}"


async def send(connection: AbstractConnection, *words: str) -> None:
    """Sends a command on a connection that is up; redis-py would make a new one, without its subscription."""
    if not connection.is_connected:
        raise ConnectionResetError("the connection to Redis is closed")
    await connection.send_command(*words, check_health=False)


async def ask(connection: AbstractConnection, *words: str) -> object:
    """Sends a command and returns its answer within COMMAND_SECONDS_MAX; raises RedisError where that is a refusal."""
    async with asyncio.timeout(COMMAND_SECONDS_MAX):
        await send(connection, *words)
        return await connection.read_response()
