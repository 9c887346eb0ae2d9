"""What stops a command: one line for the person at the console, and an exit code for programs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import asyncpg
import typer

from models.unavailable import DatabaseUnavailable
from server.data_directory import DataDirectoryInUse, DataDirectoryUnusable
from server.database_choice import DatabaseForbidden, NoDatabase, NoTenant
from server.listener import PortUnavailable
from server.logs import configure_logs
from server.postgres.binaries import PostgresNotFound
from server.postgres.cluster import EmbeddedPostgresFailed
from server.postgres.launcher import CannotLeaveRoot
from server.settings import InvalidSettings, Settings, read_settings

EXIT_FINDINGS: Final = 1
"""The command ran, and what it looked at is not as it should be."""
EXIT_CANNOT_START: Final = 2
"""The command could not do its work: its arguments, a setting or the database are in the way."""

# What a person at the console can act on; each carries one line that says how.
_EXPLAINED = (
    InvalidSettings,
    NoDatabase,
    NoTenant,
    DatabaseForbidden,
    DataDirectoryInUse,
    DataDirectoryUnusable,
    PostgresNotFound,
    CannotLeaveRoot,
    EmbeddedPostgresFailed,
    PortUnavailable,
)


def stop(message: str) -> NoReturn:
    """Ends the command with one line."""
    typer.echo("farebox: " + " ".join(message.split()), err=True)
    raise typer.Exit(EXIT_CANNOT_START)


@contextmanager
def one_clear_line() -> Iterator[Settings]:
    """Gives the settings, and turns what a person can act on into one line and an exit code."""
    configure_logs()
    try:
        yield read_settings()
    except _EXPLAINED as error:
        stop(str(error))
    except (DatabaseUnavailable, asyncpg.InterfaceError) as error:
        stop(f"{error}; check DATABASE_URL")
    except asyncpg.PostgresError as error:
        stop(f"the database refused ({type(error).__name__}: {error}); check DATABASE_URL and its role")
    except OSError as error:
        stop(str(error))
