"""A ledger from before usage was counted gets the sums, days and refunded lines that it would have."""

from __future__ import annotations

import asyncpg

from models.database import Database
from models.migrations.ledger_sql import LEDGER_FOLDER
from tests.services.ledger.cashier import rows_of
from tests.services.ledger.histories import live_in

KEPT = {
    "usage_day": "SELECT * FROM usage_day ORDER BY account_id, day, member_id, project, model, category",
    "work_day": "SELECT * FROM work_day ORDER BY account_id, day, member_id, project, outcome",
    # Lines of one hold that are alike stand for one another: reports do not tell them apart.
    "refunded_line": (
        "SELECT r.account_id, r.version, r.tenant_id, r.amount, r.day, l.hold_id, l.model, l.category, l.ref"
        "  FROM refunded_line r JOIN captured_line l ON l.account_id = r.account_id AND l.version = r.line"
        " ORDER BY r.account_id, r.version"
    ),
    "captured_line": "SELECT * FROM captured_line ORDER BY account_id, version",
    "hold": "SELECT * FROM hold ORDER BY account_id, hold_id",
}


async def test_it_is_what_it_would_have_been(database: Database) -> None:
    """The rider has moved to Kathmandu; days before that are those of UTC."""
    await live_in(database)
    before = {name: await rows_of(database, query) for name, query in KEPT.items()}

    owner = await asyncpg.connect(database.dsn)
    try:
        async with owner.transaction():
            await owner.execute(
                "DROP VIEW usage_journaled; DROP VIEW work_journaled; DROP TABLE refunded_line;"
                "ALTER TABLE captured_line DROP COLUMN day; ALTER TABLE hold DROP COLUMN ended_day;"
                "DELETE FROM usage_day; DELETE FROM work_day"
            )
            await owner.execute((LEDGER_FOLDER / "m0004" / "usage.sql").read_text(encoding="utf-8"))
    finally:
        await owner.close()

    for name, query in KEPT.items():
        after = await rows_of(database, query)
        assert len(after) == len(before[name]) > 0
        assert after == before[name], name
