"""The margin report: a tenant's captured work of some days, what it brought in and what providers charged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from models.database import Database
from rules.pricing.earnings import Earnings, NoRate, package_rate
from rules.pricing.money import TokenRate
from rules.pricing.price_book import PriceBook
from services.captured_work import CapturedWorkReader, Period

REQUEST_LINES_MAX: Final = 100_000
"""Lines that one request may look at: some seconds of one process, in steps of milliseconds."""


@dataclass(frozen=True, slots=True)
class MarginReport:
    """What came out, at which rate, by the packages of which version."""

    period: Period
    version: int
    rate: TokenRate
    earnings: Earnings


@dataclass(frozen=True, slots=True)
class TooMuchWork:
    """The period has more lines than a request may look at."""

    lines: int


class Margins:
    """The margin of any tenant, for requests: bounded in what one may look at. For more there is the command line."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def report(self, tenant_id: UUID, days: int, package_id: str | None) -> MarginReport | NoRate | TooMuchWork:
        """Like report_margin, unless there is too much."""
        async with self._database.reader(tenant_id) as connection:
            work = await CapturedWorkReader.open(connection, tenant_id, days)
            lines = await work.count()
            return (
                TooMuchWork(lines) if lines > REQUEST_LINES_MAX else await _report(work, lines, package_id, _unwatched)
            )


def _unwatched(done: int, total: int) -> None:
    del done, total


async def report_margin(
    database: Database,
    tenant_id: UUID,
    days: int,
    package_id: str | None = None,
    *,
    progressed: Callable[[int, int], None] = _unwatched,
) -> MarginReport | NoRate:
    """The margin of the last days by the tenant's clock, at the rate of a package of the version in force now.

    Without a package: of the smallest, else what the book says a token is sold for. Provider costs are those of the
    version that each line was priced by. `progressed` is told how many lines of how many are done. Raises
    `DatabaseUnavailable`.
    """
    async with database.reader(tenant_id) as connection:
        work = await CapturedWorkReader.open(connection, tenant_id, days)
        return await _report(work, await work.count(), package_id, progressed)


async def _report(
    work: CapturedWorkReader, lines: int, package_id: str | None, progressed: Callable[[int, int], None]
) -> MarginReport | NoRate:
    version = await work.version_in_force()
    books: dict[int, PriceBook] = {version: await work.book(version)}
    rate = package_rate(books[version], package_id)
    if isinstance(rate, NoRate):
        return rate
    earnings = Earnings(rate.currency)
    done = 0
    async for page in work.pages():
        for line in page:
            if line.price_book_version not in books:
                books[line.price_book_version] = await work.book(line.price_book_version)
            earnings.add(line, books[line.price_book_version])
        done += len(page)
        progressed(done, lines)
    return MarginReport(work.period, version, rate, earnings)
