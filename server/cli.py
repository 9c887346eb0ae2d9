"""The commands of `python -m server`: serve, audit, migrate, schema, price-book …."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import typer

from server.bus_address import check_bus_address
from server.console import announcement
from server.data_directory import find_owner, in_use
from server.database_choice import existing_database, name_of_database, own_database
from server.explanations import EXIT_CANNOT_START, EXIT_FINDINGS, one_clear_line
from server.listener import PortUnavailable, listen
from server.price_book_commands import price_book_commands
from server.price_book_reports import Progress, add_reports
from server.settings import Settings

if TYPE_CHECKING:
    from services.ledger.audit import Finding

commands = typer.Typer(
    help="Farebox: token billing for AI products.",
    no_args_is_help=True,
    add_completion=False,
    # A pretty traceback shows local variables, and with them secrets.
    pretty_exceptions_enable=False,
)
add_reports(price_book_commands)
commands.add_typer(price_book_commands, name="price-book")


def _end_quietly(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def _listen_first(settings: Settings) -> socket.socket:
    """The port, before anything is made. A server on the same data is named first: another port would not help."""
    try:
        return listen(settings)
    except PortUnavailable:
        owner = find_owner(settings.data_dir) if settings.database_url is None else None
        if owner is not None:
            raise in_use(settings.data_dir, owner) from None
        raise


@contextmanager
def _files_checked(settings: Settings) -> Iterator[None]:
    """Those that settings name: before anything is made, and once for all processes."""
    check_bus_address(settings, os.environ)
    if settings.trusted_documents:
        from server.app import check_trusted_documents  # noqa: PLC0415 - half a second of CPU

        check_trusted_documents(settings)
    yield


@commands.command()
def serve() -> None:
    """Starts the server: database, migrations, demo data in development, web processes."""
    # Until the web server takes the signals over, they end the start in order: an embedded Postgres is stopped.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_quietly)
    with (
        one_clear_line() as settings,
        _listen_first(settings) as listener,
        _files_checked(settings),
        own_database(settings) as dsn,
    ):
        # The commands that serve nothing do without what serving takes.
        from server.preparation import prepare_database  # noqa: PLC0415 - half a second of CPU
        from server.processes import run_web_processes  # noqa: PLC0415 - half a second of CPU
        from server.root_key import load_root_key  # noqa: PLC0415 - brings the models along

        demo_tenants = asyncio.run(prepare_database(dsn, settings))
        load_root_key(settings)
        os.environ["DATABASE_URL"] = dsn
        ended_well = run_web_processes(
            settings, listener, lambda: typer.echo(announcement(settings, listener, demo_tenants))
        )
    if not ended_well:
        raise typer.Exit(EXIT_CANNOT_START)
    typer.echo("Stopped.")


@commands.command()
def migrate() -> None:
    """Brings the database up to date and ends."""
    with one_clear_line() as settings, existing_database(settings) as dsn:
        from server.preparation import bring_up_to_date  # noqa: PLC0415 - the other commands do without

        asyncio.run(bring_up_to_date(dsn))
    typer.echo("The database is up to date.")


def _shown(finding: "Finding") -> str:
    return f"{finding.check}: {finding.where}: {finding.message}"


@commands.command()
def audit() -> None:
    """Checks every invariant of the ledger, beside a running server or alone. Exit code 0 only when all hold."""
    with one_clear_line() as settings, existing_database(settings) as dsn:
        from server.audit_report import audit_database  # noqa: PLC0415 - the other commands do without

        name = name_of_database(settings)
        report = asyncio.run(audit_database(dsn, name, began=lambda check: typer.echo(f"  {check.meaning}", err=True)))
    for finding in report.findings:
        typer.echo(_shown(finding))
    typer.echo(f"Checked {report.accounts} accounts and {report.entries} entries in {name}.")
    if report.findings:
        typer.echo(f"{len(report.findings)} findings: the ledger is not clean.", err=True)
        raise typer.Exit(EXIT_FINDINGS)
    typer.echo("The ledger is clean.")


@commands.command()
def rebuild_usage() -> None:
    """Works the sums of usage out anew from the journal and corrects them, beside a running server or alone."""
    with one_clear_line() as settings, existing_database(settings) as dsn:
        from server.usage_rebuild import rebuild_usage_of_database  # noqa: PLC0415 - the other commands do without

        name, progress = name_of_database(settings), Progress("accounts")
        rebuilt = asyncio.run(rebuild_usage_of_database(dsn, name, progressed=progress.tell))
    typer.echo(f"Compared the usage of {rebuilt.accounts} accounts with the journal in {name}.")
    typer.echo(f"Corrected {rebuilt.corrected_sums} sums of {rebuilt.corrected_accounts} accounts.")


@commands.command()
def schema() -> None:
    """Prints the GraphQL schema."""
    from server.edge.schema_export import build_sdl  # noqa: PLC0415 - the other commands do without

    typer.echo(build_sdl(), nl=False)
