"""Which database a command works on: the one that is set, the one that runs here, or one started for the purpose."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from server.data_directory import DataDirectoryInUse, find_owner
from server.postgres.embedded import EmbeddedPostgres
from server.settings import Settings


class NoDatabase(Exception):
    """There is nothing to work on; the message says why and what makes one."""


class NoTenant(Exception):
    """The database has no tenant of this name; the message says which name was given."""


class DatabaseForbidden(Exception):
    """The role of DATABASE_URL may not do what it must; the message says what lets it."""


def name_of_database(settings: Settings) -> str:
    """The database for people, without its password."""
    if settings.database_url is None:
        return f"the embedded database in {settings.data_dir.absolute()}"
    parts = urlsplit(settings.database_url)
    host = parts.hostname or parse_qs(parts.query).get("host", ["localhost"])[0]
    port = "" if parts.port is None else f":{parts.port}"
    return f"the database {host}{port}{parts.path}"


@contextmanager
def own_database(settings: Settings) -> Iterator[str]:
    """The DSN for a server: DATABASE_URL, else an embedded Postgres that lives as long as the block.

    Raises what EmbeddedPostgres.start raises.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    with EmbeddedPostgres(settings.data_dir) as postgres:
        yield postgres.dsn


@contextmanager
def existing_database(settings: Settings) -> Iterator[str]:
    """The DSN for a command beside a server or alone: like `own_database`, but a running server's is shared.

    Raises NoDatabase when no server ever made one here, DataDirectoryInUse while a server is just starting.
    """
    if settings.database_url is None:
        owner = find_owner(settings.data_dir)
        if owner is not None:
            if owner.dsn is None:
                raise DataDirectoryInUse(f"process {owner.pid} is just starting in {settings.data_dir}; try again")
            yield owner.dsn
            return
        if not any(settings.data_dir.glob("postgres-*/PG_VERSION")):
            raise NoDatabase(
                f"there is no database in {settings.data_dir.absolute()}; start the server once, "
                "or set FAREBOX_DATA_DIR or DATABASE_URL"
            )
    with own_database(settings) as dsn:
        yield dsn
