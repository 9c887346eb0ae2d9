"""The margin report: a tenant's captured work of some days, what it brought in and what providers charged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from models.database import Database
from rules.pricing.earnings import Earnings, NoRate, package_rate
from rules.pricing.money import TokenRate
from rules.pricing.price_book import PriceBook
from services.captured_work import CapturedWorkReader, Period


@dataclass(frozen=True, slots=True)
class MarginReport:
    """What came out, at which rate, by the packages of which version."""

    period: Period
    version: int
    rate: TokenRate
    earnings: Earnings


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
        version = await work.version_in_force()
        books: dict[int, PriceBook] = {version: await work.book(version)}
        rate = package_rate(books[version], package_id)
        if isinstance(rate, NoRate):
            return rate
        earnings = Earnings(rate.currency)
        total = await work.count()
        done = 0
        async for page in work.pages():
            for line in page:
                if line.price_book_version not in books:
                    books[line.price_book_version] = await work.book(line.price_book_version)
                earnings.add(line, books[line.price_book_version])
            done += len(page)
            progressed(done, total)
    return MarginReport(work.period, version, rate, earnings)
