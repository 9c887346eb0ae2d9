"""Tortoise on borrowed connections: it never connects by itself, and works only inside a transaction of `Database`.

Tortoise's own pool waits without a bound, loses a connection when BEGIN fails, and knows no roles; so it gets none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any, Final, NoReturn

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.context import TortoiseContext

CONNECTION_NAME: Final = "default"
APP_LABEL: Final = "models"
MODEL_MODULES: Final = ("models.tenant", "models.api_key", "models.account", "models.price_book", "models.quote")
MIGRATIONS_PACKAGE: Final = "models.migrations.versions"

CONFIG: Final[dict[str, Any]] = {
    "connections": {CONNECTION_NAME: {"engine": __name__, "credentials": {}}},
    "apps": {
        APP_LABEL: {
            "models": list(MODEL_MODULES),
            "default_connection": CONNECTION_NAME,
            "migrations": MIGRATIONS_PACKAGE,
        }
    },
    "use_tz": True,
    "timezone": "UTC",
}


class _Unconnected(AsyncpgDBClient):
    """Stands where Tortoise expects a pool."""

    async def create_connection(self, with_db: bool) -> NoReturn:
        """Always refuses: a query outside a transaction of `Database` would have no tenant."""
        raise RuntimeError("models are used only inside Database.tenant() or Database.administration()")


client_class = _Unconnected
"""The name under which Tortoise looks for an engine's client."""


class _BorrowedTransaction(TransactionWrapper):
    """A transaction that somebody else has begun on a connection that somebody else will return."""

    def __init__(self, parent: AsyncpgDBClient, connection: asyncpg.Connection) -> None:
        super().__init__(parent)
        self._connection = connection


class Orm:
    """The loaded models, to be bound to one connection at a time per task."""

    def __init__(self, context: TortoiseContext) -> None:
        self._context = context

    @classmethod
    async def load(cls) -> Orm:
        """Reads the models; connects to nothing."""
        with TortoiseContext() as context:
            await context.init(config=CONFIG)
        return cls(context)

    @contextmanager
    def bound_to(self, connection: asyncpg.Connection) -> Iterator[AsyncpgDBClient]:
        """Inside the block models of this task use `connection`, whose transaction the caller has begun and will end.

        A task that is spawned inside the block and outlives it gets an error, not another borrower's connection.
        """
        # A context remembers a single entry, so each task enters a copy; the copies share models and handler.
        with copy(self._context) as context:
            parent = context.connections.get(CONNECTION_NAME)
            assert isinstance(parent, AsyncpgDBClient)
            client = _BorrowedTransaction(parent, connection)
            token = context.connections.set(CONNECTION_NAME, client)
            try:
                yield client
            finally:
                context.connections.reset(token)
