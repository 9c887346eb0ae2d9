"""What becomes of a request when the database cannot serve it now: worth a retry, answered as UNAVAILABLE."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg


class DatabaseUnavailable(Exception):
    """The database did not serve this in time. Whether it took effect is unknown unless the subclass says so."""


class DatabaseBusy(DatabaseUnavailable):
    """Every connection of the pool was in use for the whole of the wait. Nothing was done."""


class DatabaseUnreachable(DatabaseUnavailable):
    """The connection could not be made, was lost, or took longer than its time-out."""


SERVER_TROUBLE = (
    asyncpg.PostgresConnectionError,
    # What the client says when a connection is used between the server's last word on it and its end.
    asyncpg.InternalClientError,
    # Shutdown, restart, crash recovery, a cancelled or terminated statement.
    asyncpg.OperatorInterventionError,
    # Too many connections, out of memory, disk full.
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
)
"""asyncpg's errors that say nothing against the statement: the connection or the server ended, or had no room."""


@contextmanager
def unreachable_while_connecting() -> Iterator[None]:
    """Turns what can go wrong between here and a usable connection into `DatabaseUnreachable`.

    A wrong password or database name is a wrong setting, not an outage, and passes through unchanged.
    """
    try:
        yield
    except (*SERVER_TROUBLE, OSError) as error:
        raise DatabaseUnreachable(f"no connection to the database: {_reason(error)}") from error
    except asyncpg.InterfaceError as error:
        if isinstance(error, asyncpg.ClientConfigurationError):
            raise
        raise DatabaseUnreachable(f"no connection to the database: {_reason(error)}") from error


@contextmanager
def unreachable_when_lost(connection: asyncpg.Connection) -> Iterator[None]:
    """Turns a lost connection or a statement out of time into `DatabaseUnreachable`; other errors pass unchanged."""
    try:
        yield
    except (*SERVER_TROUBLE, TimeoutError) as error:
        raise DatabaseUnreachable(f"the database did not answer: {_reason(error)}") from error
    except (asyncpg.InterfaceError, ConnectionError) as error:
        # The same classes also report misuse of a healthy connection, or another's loss: then they are not ours.
        if not is_lost(connection):
            raise
        raise DatabaseUnreachable(f"the connection was lost: {_reason(error)}") from error


def is_lost(connection: asyncpg.Connection) -> bool:
    """Whether the connection has ended, by whomever."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        # A pool takes a lost connection back by itself, after which this question is refused as well.
        return True


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
