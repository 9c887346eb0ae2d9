"""The bus on Postgres LISTEN/NOTIFY: nothing more to run than the database that is there anyway."""

import asyncio

import asyncpg

from services.live.kept_bus import AWAY, KeptBus
from services.live.kept_connection import COMMAND_SECONDS_MAX, CONNECT_SECONDS_MAX, Link

_NOTIFY = "SELECT pg_notify($1, $2)"
_PROBE = "SELECT 1"


class PostgresLink(Link[asyncpg.Connection]):
    """Direct connections to Postgres under an application name; not through a transaction-pooling proxy."""

    place = "Postgres"

    def __init__(self, dsn: str, application_name: str) -> None:
        self._dsn = dsn
        self._application_name = application_name

    async def make(self, lost: asyncio.Event) -> asyncpg.Connection:
        """Connects."""
        connection = await asyncpg.connect(
            self._dsn,
            timeout=CONNECT_SECONDS_MAX,
            command_timeout=COMMAND_SECONDS_MAX,
            # A message that a crash of the database loses is healed; waiting for its disk gains nothing.
            server_settings={"application_name": self._application_name, "synchronous_commit": "off"},
        )
        connection.add_termination_listener(lambda _: lost.set())
        return connection

    async def probe(self, connection: asyncpg.Connection) -> None:
        """Runs a statement."""
        await connection.execute(_PROBE)

    async def close(self, connection: asyncpg.Connection) -> None:
        """Ends the session in order."""
        await connection.close()

    async def abort(self, connection: asyncpg.Connection) -> None:
        """Drops the socket."""
        connection.terminate()


class PostgresBus(KeptBus[asyncpg.Connection]):
    """Publishing is one message at a time and never inside a transaction of the ledger.

    A NOTIFY holds a lock of the whole server while its transaction commits. Who listens is who uses the same database.
    """

    failures = (*AWAY, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

    def __init__(self, dsn: str) -> None:
        super().__init__(
            listening=PostgresLink(dsn, "farebox bus listener"), publishing=PostgresLink(dsn, "farebox bus publisher")
        )

    async def _listen(self, connection: asyncpg.Connection, channel: str) -> None:
        await connection.add_listener(channel, self._received)

    async def _send(self, connection: asyncpg.Connection, channel: str, message: str) -> None:
        await connection.execute(_NOTIFY, channel, message)

    def _received(self, connection: object, process: int, channel: str, payload: object) -> None:
        self._take_in(str(payload))
