"""Replay: a tenant's captured work of some days, priced anew. Reads one snapshot, locks and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from models.database import Database
from rules.pricing.price_book import PriceBook
from rules.pricing.replay import Replay, Repricer
from services.captured_work import CapturedWorkReader, Period


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What came out; `version` is that of the book in force, None for a draft."""

    period: Period
    version: int | None
    replay: Replay


def _unwatched(done: int, total: int) -> None:
    del done, total


async def replay_work(
    database: Database,
    tenant_id: UUID,
    days: int,
    draft: PriceBook | None = None,
    *,
    progressed: Callable[[int, int], None] = _unwatched,
) -> ReplayReport:
    """Prices the work of the last days, by the tenant's clock, by a draft or by the version in force now.

    `progressed` is told how many lines of how many are done. Raises `DatabaseUnavailable`.
    """
    async with database.reader(tenant_id) as connection:
        work = await CapturedWorkReader.open(connection, tenant_id, days)
        version = await work.version_in_force() if draft is None else None
        target = draft if version is None else await work.book(version)
        assert target is not None
        repricer = Repricer(target)
        total = await work.count()
        done = 0
        async for page in work.pages():
            for line in page:
                if not repricer.knows(line.price_book_version):
                    repricer.learn(line.price_book_version, await work.book(line.price_book_version))
                repricer.add(line)
            done += len(page)
            progressed(done, total)
    return ReplayReport(work.period, version, repricer.replay)
