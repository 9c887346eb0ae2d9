"""The commands of `python -m server price-book`: check, diff, publish, list, rollback.

Exit codes: 0 all is well, 1 the book has faults, 2 the command could not do its work. Each command is a function below
with the decorator; one that works on a tenant's book does so at a desk (server/price_book_desk.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias, TypeVar

import typer

from rules.ledger.records import Slice
from rules.pricing.price_book import PriceBook
from rules.pricing.publication import InvalidPriceBook
from rules.pricing.refusals import InvalidInput
from rules.pricing.toml import Fault, read_price_book
from server.explanations import EXIT_FINDINGS, one_clear_line, stop
from server.price_book_text import changes_text, fault_line, instant_text, read_source, summary, versions_text

if TYPE_CHECKING:
    from server.price_book_desk import Desk
    from services.publishing import Publication

T = TypeVar("T")
Answer: TypeAlias = "Publication | InvalidInput | InvalidPriceBook"

LISTED_MAX: Final = 100
"""Versions that one list shows unless more are asked for."""

price_book_commands = typer.Typer(
    help="Works on price books: files, and what tenants have published.", no_args_is_help=True
)

BookFile = Annotated[Path, typer.Argument(help="The price book, a TOML file.", exists=True, dir_okay=False)]
BookFiles = Annotated[list[Path], typer.Argument(help="Price books, TOML files.", exists=True, dir_okay=False)]
TenantSlug = Annotated[str, typer.Option("--tenant", help="Whose price book: the tenant's slug.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and write nothing.")]


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise typer.BadParameter(f"must be an instant with its offset, such as 2026-01-31T12:00:00Z, not {text!r}")
    return instant


EffectiveAt = Annotated[
    datetime | None,
    typer.Option(
        "--effective-at", parser=_instant, metavar="INSTANT", help="When it comes into force, by the tenant's clock."
    ),
]


@price_book_commands.command()
def check(files: BookFiles) -> None:
    """Reads price books as a whole, worked examples included; prints everything that is wrong, or what is in them."""
    books = [(path, _read(path)[1]) for path in files]
    for path, book in books:
        if isinstance(book, PriceBook):
            typer.echo(f"{path}: sound. {summary(book)}.")
        else:
            _tell_faults(path, book)
    if not all(isinstance(book, PriceBook) for _, book in books):
        raise typer.Exit(EXIT_FINDINGS)


@price_book_commands.command()
def diff(file: BookFile, tenant: TenantSlug) -> None:
    """Prints what a price book would change of the one that is in force for a tenant."""
    source = _sound_source(file)
    _tell_changes(_published(tenant, lambda desk: desk.publishing.compare(desk.tenant_id, source), file), tenant)


@price_book_commands.command()
def publish(file: BookFile, tenant: TenantSlug, effective_at: EffectiveAt = None, dry_run: DryRun = False) -> None:
    """Makes a price book a tenant's next version, and prints what that changes."""
    source = _sound_source(file)
    publication = _published(
        tenant,
        lambda desk: desk.publishing.publish(desk.tenant_id, source, effective_at=effective_at, dry_run=dry_run),
        file,
    )
    _tell_changes(publication, tenant)
    _tell_version(publication, tenant, dry_run=dry_run)


@price_book_commands.command()
def rollback(
    version: Annotated[int, typer.Argument(help="The version to go back to.", min=1)],
    tenant: TenantSlug,
    dry_run: DryRun = False,
) -> None:
    """Publishes an older version anew, and prints what that changes."""

    async def back(desk: Desk) -> Answer:
        old = await desk.publishing.version(desk.tenant_id, version)
        if old is None:
            stop(f"tenant {tenant} has no version {version}; `price-book list` shows which there are")
        return await desk.publishing.publish(desk.tenant_id, old.source, dry_run=dry_run)

    publication = _published(tenant, back, Path(f"version {version}"))
    _tell_changes(publication, tenant)
    _tell_version(publication, tenant, dry_run=dry_run)


@price_book_commands.command("list")
def list_versions(
    tenant: TenantSlug,
    below: Annotated[int | None, typer.Option(help="Only versions below this one.", min=1)] = None,
) -> None:
    """Lists the versions of a tenant's price book, newest first; the one in force is marked."""
    part = Slice(LISTED_MAX, below)
    page = _at_desk(tenant, lambda desk: desk.publishing.versions(desk.tenant_id, part))
    for line in versions_text(page.rows):
        typer.echo(line)
    if page.has_more:
        typer.echo(f"More: --below {page.rows[-1].version}")


def _read(path: Path) -> tuple[str, PriceBook | Sequence[Fault]]:
    """A file's text, and the book that it is or all its faults."""
    try:
        source = read_source(path)
    except OSError as error:
        stop(f"{path} cannot be read: {error.strerror or error}")
    return (source, read_price_book(source)) if isinstance(source, str) else ("", (source,))


def _sound_source(path: Path) -> str:
    """The text of a sound price book; else its faults are told, and the command ends before it asks a database."""
    source, book = _read(path)
    if not isinstance(book, PriceBook):
        _tell_faults(path, book)
        raise typer.Exit(EXIT_FINDINGS)
    return source


def _published(tenant: str, work: Callable[[Desk], Awaitable[Answer]], path: Path) -> Publication:
    answer = _at_desk(tenant, work)
    if isinstance(answer, InvalidPriceBook):
        _tell_faults(path, answer.faults)
        raise typer.Exit(EXIT_FINDINGS)
    if isinstance(answer, InvalidInput):
        stop(f"--effective-at {answer.message}")
    return answer


def _at_desk(tenant: str, work: Callable[[Desk], Awaitable[T]]) -> T:
    with one_clear_line() as settings:
        from server.price_book_desk import at_desk  # noqa: PLC0415 - `check` and the help do without

        return at_desk(settings, tenant, work)


def _tell_faults(path: Path, faults: Sequence[Fault]) -> None:
    for fault in faults:
        typer.echo(fault_line(path, fault))


def _tell_changes(publication: Publication, tenant: str) -> None:
    before = "no version in force" if publication.follows is None else f"version {publication.follows}"
    typer.echo(f"Against {before} of tenant {tenant}, in tokens for a use at the default params:")
    for line in changes_text(publication):
        typer.echo(line)


def _tell_version(publication: Publication, tenant: str, *, dry_run: bool) -> None:
    published = publication.published
    since = (
        "at once"
        if published.effective_at == published.published_at
        else f"from {instant_text(published.effective_at)}"
    )
    if dry_run:
        typer.echo(
            f"It would be version {published.version} of tenant {tenant}, in force {since}. Nothing was written."
        )
    else:
        typer.echo(f"Published as version {published.version} of tenant {tenant}, in force {since}.")
