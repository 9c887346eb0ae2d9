"""The commands of `python -m server`: serve, audit, migrate, schema."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import asyncpg
import typer

from models.migrations import migrate as migrate_database
from models.unavailable import DatabaseUnavailable
from server.console import announcement
from server.data_directory import DataDirectoryInUse, DataDirectoryUnusable
from server.database_choice import NoDatabase, existing_database, own_database
from server.edge.schema_export import build_sdl
from server.logs import configure_logs
from server.postgres.binaries import PostgresNotFound
from server.postgres.cluster import EmbeddedPostgresFailed
from server.postgres.launcher import CannotLeaveRoot
from server.processes import PortUnavailable, listen, prepare_database, run_web_processes
from server.root_key import load_root_key
from server.settings import InvalidSettings, Settings, read_settings
from services.ledger.audit import Finding, run_audit

EXIT_FINDINGS = 1
EXIT_CANNOT_START = 2

# What a person at the console can act on; each carries one line that says how.
_EXPLAINED = (
    InvalidSettings,
    NoDatabase,
    DataDirectoryInUse,
    DataDirectoryUnusable,
    PostgresNotFound,
    CannotLeaveRoot,
    EmbeddedPostgresFailed,
    PortUnavailable,
)

commands = typer.Typer(
    help="Farebox: token billing for AI products.",
    no_args_is_help=True,
    add_completion=False,
    # A pretty traceback shows local variables, and with them secrets.
    pretty_exceptions_enable=False,
)


def _stop(message: str) -> NoReturn:
    typer.echo("farebox: " + " ".join(message.split()), err=True)
    raise typer.Exit(EXIT_CANNOT_START)


@contextmanager
def _one_clear_line() -> Iterator[Settings]:
    """Gives the settings, and turns what a person can act on into one line and an exit code."""
    configure_logs()
    try:
        yield read_settings()
    except _EXPLAINED as error:
        _stop(str(error))
    except (DatabaseUnavailable, asyncpg.InterfaceError) as error:
        _stop(f"{error}; check DATABASE_URL")
    except asyncpg.PostgresError as error:
        _stop(f"the database refused ({type(error).__name__}: {error}); check DATABASE_URL and its role")
    except OSError as error:
        _stop(str(error))


def _end_quietly(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


@commands.command()
def serve() -> None:
    """Starts the server: database, migrations, demo data in development, web processes."""
    # Until the web server takes the signals over, they end the start in order: an embedded Postgres is stopped.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_quietly)
    with _one_clear_line() as settings, own_database(settings) as dsn:
        asyncio.run(prepare_database(dsn, settings))
        load_root_key(settings)
        with listen(settings) as listener:
            os.environ["DATABASE_URL"] = dsn
            ended_well = run_web_processes(settings, listener, lambda: typer.echo(announcement(settings, listener)))
    if not ended_well:
        raise typer.Exit(EXIT_CANNOT_START)


@commands.command()
def migrate() -> None:
    """Brings the database up to date and ends."""
    with _one_clear_line() as settings, existing_database(settings) as dsn:
        asyncio.run(migrate_database(dsn))
    typer.echo("The database is up to date.")


def _shown(finding: Finding) -> str:
    return f"{finding.check}: {finding.where}: {finding.message}"


@commands.command()
def audit() -> None:
    """Checks every invariant of the ledger, beside a running server or alone. Exit code 0 only when all hold."""
    with _one_clear_line() as settings, existing_database(settings) as dsn:
        findings = asyncio.run(run_audit(dsn, began=lambda check: typer.echo(f"  {check.meaning}", err=True)))
    for finding in findings:
        typer.echo(_shown(finding))
    if findings:
        typer.echo(f"{len(findings)} findings: the ledger is not clean.", err=True)
        raise typer.Exit(EXIT_FINDINGS)
    typer.echo("The ledger is clean.")


@commands.command()
def schema() -> None:
    """Prints the GraphQL schema."""
    typer.echo(build_sdl(), nl=False)
