"""Further commands of `python -m server price-book`: page, export, replay, margin."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rules.pricing.earnings import NoRate
from server.explanations import stop
from server.price_book_commands import BookFile, TenantSlug, sound_book, work_at_desk
from server.price_book_report_text import margin_text, replay_text
from server.price_list.page import ShownBook, price_page
from server.price_list.spreadsheet import csv_lines

if TYPE_CHECKING:
    from server.price_book_desk import Desk
    from services.margin import MarginReport
    from services.replay import ReplayReport

DAYS_DEFAULT: Final = 30
DAYS_MAX: Final = 3_660
"""Ten years; more is a slip of the keyboard."""
PROGRESS_STEPS: Final = 20
"""How often a report says at most how far it is."""

Days = Annotated[int, typer.Option("--days", help="How many days back, by the tenant's clock.", min=1, max=DAYS_MAX)]
Draft = Annotated[
    Path | None,
    typer.Option("--draft", help="Price by this file instead of the version in force.", exists=True, dir_okay=False),
]
PackageId = Annotated[str | None, typer.Option("--package", help="At whose rate revenue is told; else the smallest.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="As CSV, the only form so far.")]


def add_reports(group: typer.Typer) -> None:
    """Adds these commands to the group."""
    for command in (page, export, replay, margin):
        group.command()(command)


def page(file: BookFile) -> None:
    """Prints the price list as a page of HTML, without script, to read and print."""
    _print(price_page(ShownBook(sound_book(file))))


def export(file: BookFile, csv: AsCsv = True) -> None:
    """Prints the price list as a table."""
    del csv
    _print("".join(csv_lines(sound_book(file))))


def replay(tenant: TenantSlug, days: Days = DAYS_DEFAULT, draft: Draft = None) -> None:
    """Prices a tenant's captured work anew, by a draft or by the version in force, and prints what that changes."""
    book = None if draft is None else sound_book(draft)
    progress = Progress()

    async def work(desk: Desk) -> ReplayReport:
        from services.replay import replay_work  # noqa: PLC0415 - the other commands do without

        return await replay_work(desk.database, desk.tenant_id, days, book, progressed=progress.tell)

    for line in replay_text(work_at_desk(tenant, work), tenant, None if draft is None else str(draft)):
        typer.echo(line)


def margin(tenant: TenantSlug, days: Days = DAYS_DEFAULT, package: PackageId = None) -> None:
    """Prints what a tenant's work brought in, what providers charged for it, and what is left, by model."""
    progress = Progress()

    async def work(desk: Desk) -> MarginReport | NoRate:
        from services.margin import report_margin  # noqa: PLC0415 - the other commands do without

        return await report_margin(desk.database, desk.tenant_id, days, package, progressed=progress.tell)

    report = work_at_desk(tenant, work)
    if isinstance(report, NoRate):
        stop(_no_rate(report))
    for line in margin_text(report, tenant, package):
        typer.echo(line)


class Progress:
    """Says on standard error how far a report is, in steps of five percent."""

    def __init__(self, what: str = "lines") -> None:
        self._step = 0
        self._what = what

    def tell(self, done: int, total: int) -> None:
        """So many of so many are done."""
        step = PROGRESS_STEPS * done // max(total, done, 1)
        if step > self._step:
            self._step = step
            typer.echo(f"  {done:,} of {max(total, done):,} {self._what}", err=True)


def _no_rate(no_rate: NoRate) -> str:
    if no_rate.package_id is not None:
        there = f"there are {', '.join(no_rate.packages)}" if no_rate.packages else "it has none"
        return f"the price book in force has no package {no_rate.package_id!r}; {there}"
    return "the price book in force says nothing of what a token is worth; give it packages, or a token_value"


def _print(text: str) -> None:
    """Writes text in UTF-8 with its own line ends, whatever the console's encoding."""
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()
