"""Each check of the database's own guards names the one that was taken away, and that alone."""

from __future__ import annotations

from uuid import uuid4

import pytest

from models.database import Database
from tests.services.ledger.audit.vandal import Vandal
from tests.services.ledger.cashier import value_of


@pytest.fixture
async def month(database: Database) -> str:
    """One of the journal's months."""
    name = await value_of(
        database, "SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'entry'::regclass"
    )
    assert isinstance(name, str)
    return name


async def test_a_month_that_could_be_truncated(vandal: Vandal, month: str) -> None:
    await vandal.does(f"DROP TRIGGER entry_no_truncate ON {month}")
    await vandal.is_caught("journal_triggers", f"table {month}")


async def test_a_month_whose_entries_could_be_changed(vandal: Vandal, month: str) -> None:
    await vandal.does(f"ALTER TABLE {month} DISABLE TRIGGER entry_append_only")
    await vandal.is_caught("journal_triggers", f"table {month}")


async def test_a_month_that_could_be_read_past_its_policies(vandal: Vandal, month: str) -> None:
    await vandal.does(f"GRANT SELECT ON {month} TO public")
    await vandal.is_caught("journal_rights", f"table {month}")


async def test_a_journal_that_the_writer_could_rewrite(vandal: Vandal) -> None:
    await vandal.does("GRANT UPDATE ON entry TO public")
    await vandal.is_caught("journal_rights", "table entry")


async def test_a_table_whose_owner_sees_every_tenant(vandal: Vandal) -> None:
    await vandal.does("ALTER TABLE inbox NO FORCE ROW LEVEL SECURITY")
    await vandal.is_caught("row_level_security", "table inbox")


async def test_a_policy_that_shows_a_table_to_everybody(vandal: Vandal) -> None:
    await vandal.does(f"CREATE POLICY p{uuid4().hex} ON hold USING (true)")
    await vandal.is_caught("row_level_security", "table hold")
