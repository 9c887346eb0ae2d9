"""The audit as a whole: what it says of ledgers that are well, and that its list of checks is complete."""

from __future__ import annotations

import asyncio
import re
from datetime import time, timedelta
from pathlib import Path

import asyncpg
import pytest

from models import statements
from models.database import Database
from models.migrations import migrate
from models.statements import statement
from rules.ledger.kinds import EntryKind, HoldState
from services.ledger.audit import CHECKS, FINDINGS_MAX, Check, audit, run_audit
from services.ledger.writer import Writer
from tests.services.ledger.audit.vandal import Vandal
from tests.services.ledger.cashier import Cashier, held, rows_of
from tests.services.ledger.histories import LivedIn, a_tenant_named

FOLDER = Path(statements.__file__).parent / "sql" / "audit"


async def test_a_ledger_that_has_lived_is_clean(database: Database) -> None:
    assert await audit(database) == ()


async def test_the_history_has_everything_that_can_happen_so_far(database: Database) -> None:
    kinds = {row["kind"] for row in await rows_of(database, "SELECT kind FROM entry")}
    states = {row["state"] for row in await rows_of(database, "SELECT state FROM hold")}
    ends = {row["ended"] for row in await rows_of(database, "SELECT ended FROM token_grant")}
    odd = await rows_of(
        database,
        "SELECT bool_or(overrun > 0) AS overrun, bool_or(rounding > 0) AS rounding, bool_or(refunded > 0) AS refunded,"
        " bool_or(open AND captured > 0) AS in_flight FROM hold",
    )

    assert kinds == set(EntryKind)
    assert states == set(HoldState)
    assert ends == {None, "REVOKED", "CLAWED_BACK"}
    assert all(odd[0])


async def test_a_process_of_its_own_sees_the_same(dsn: str, vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes("UPDATE ledger_account SET total = total + 1 WHERE account_id = $1", lived_in.rider)
    begun: list[Check] = []

    findings = await run_audit(dsn, began=begun.append)

    assert [finding.check for finding in findings] == ["account_total"]
    assert begun == list(CHECKS)


async def test_where_postgres_does_not_know_the_time_zone_windows_are_those_of_utc(
    database: Database, vandal: Vandal, lived_in: LivedIn
) -> None:
    await vandal.does("UPDATE ledger_account SET spending = NULL, time_zone = 'localtime'")
    await vandal.does("DELETE FROM ledger_scope")

    await vandal.does(statement("count_past_holds"))

    (day,) = await rows_of(
        database,
        "SELECT (spending).day_starts_at AS starts_at, (spending).day_ends_at AS ends_at FROM ledger_account"
        " WHERE account_id = $1",
        lived_in.studio,
    )
    assert (day["starts_at"].time(), day["ends_at"] - day["starts_at"]) == (time(), timedelta(days=1))


async def test_a_ledger_from_before_anybody_counted_is_counted_once(
    database: Database, vandal: Vandal, lived_in: LivedIn
) -> None:
    def of_the_studio(scope: str) -> str:
        return f"SELECT (spending).total_consumed FROM {scope} WHERE account_id = $1 AND (spending).total_consumed > 0"

    before = [
        [row[0] for row in await rows_of(database, of_the_studio(scope) + " ORDER BY 1", lived_in.studio)]
        for scope in ("ledger_account", "ledger_scope")
    ]
    await vandal.does("UPDATE ledger_account SET spending = NULL")
    await vandal.does("DELETE FROM ledger_scope")
    assert {finding.check for finding in await audit(database)} == {"window_counts"}

    await vandal.does(statement("count_past_holds"))

    assert await audit(database) == ()
    after = [
        [row[0] for row in await rows_of(database, of_the_studio(scope) + " ORDER BY 1", lived_in.studio)]
        for scope in ("ledger_account", "ledger_scope")
    ]
    assert after == before
    async with Writer(database) as writer:
        cashier = Cashier(writer, lived_in.tenant_id)
        for hold in await rows_of(database, "SELECT account_id, hold_id FROM hold WHERE open"):
            if hold["account_id"] != lived_in.stranger:
                held(await cashier.release(hold["account_id"], hold["hold_id"]))
    assert await audit(database) == ()


async def test_it_is_clean_at_any_moment_while_others_write(database: Database, lived_in: LivedIn) -> None:
    stopped = asyncio.Event()

    async def spend(cashier: Cashier) -> None:
        while not stopped.is_set():
            hold = await cashier.hold(lived_in.rider, 5)
            await cashier.commit(lived_in.rider, hold, 3)

    async with Writer(database) as writer:
        cashier = Cashier(writer, lived_in.tenant_id)
        spending = [asyncio.create_task(spend(cashier)) for _ in range(8)]
        try:
            findings = [await audit(database) for _ in range(5)]
        finally:
            stopped.set()
            await asyncio.gather(*spending)

    assert findings == [()] * 5


async def test_many_violations_of_one_kind_are_cut_short_and_it_says_so(
    database: Database, vandal: Vandal, lived_in: LivedIn
) -> None:
    async with Writer(database) as writer:
        cashier = Cashier(writer, lived_in.tenant_id)
        await asyncio.gather(*(cashier.hold(lived_in.fleet) for _ in range(FINDINGS_MAX + 1)))
    await vandal.does("UPDATE hold SET created_at = created_at - interval '1 second'")

    findings = await audit(database)

    assert {finding.check for finding in findings} == {"hold_entries"}
    assert len(findings) == FINDINGS_MAX + 1
    assert f"more than {FINDINGS_MAX}" in findings[-1].message


async def test_it_sees_every_tenant_where_one_role_does_all_the_work(one_role_dsn: str) -> None:
    await migrate(one_role_dsn)
    async with await Database.open(one_role_dsn) as database, Writer(database) as writer:
        assert not database.has_own_roles
        account_id = await Cashier(writer, await a_tenant_named(database, "only")).open(tokens=1)
        assert await audit(database) == ()
    owner = await asyncpg.connect(one_role_dsn, server_settings={"farebox.spanning": "on"})
    try:
        await owner.execute("UPDATE ledger_account SET total = total + 1")
    finally:
        await owner.close()

    findings = await run_audit(one_role_dsn)

    assert [(finding.check, finding.where) for finding in findings] == [
        ("account_total", f"account {account_id} ledger_account")
    ]


def test_every_query_is_run() -> None:
    assert sorted(check.name for check in CHECKS) == sorted(file.stem for file in FOLDER.glob("*.sql"))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_says_in_one_line_what_must_be_so(check: Check) -> None:
    assert re.fullmatch(r"[A-Z].{20,}\.", check.meaning)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_is_shown_to_catch_its_corruption(check: Check) -> None:
    tests = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*_corruption.py"))
    # By `is_caught`, or as one of several by `are_caught`.
    assert f'("{check.name}", ' in tests or f'is_caught(\n        "{check.name}", ' in tests


async def test_no_table_with_tenants_rows_is_left_out_of_the_check_for_strays(database: Database) -> None:
    tables = await rows_of(
        database,
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a"
        " ON a.attrelid = c.oid AND a.attname IN ('account_id', 'owner_id')"
        " JOIN pg_attribute t ON t.attrelid = c.oid AND t.attname = 'tenant_id'"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition",
    )
    query = next(check.query for check in CHECKS if check.name == "tenants")

    assert {row["relname"] for row in tables} == set(re.findall(r"(?:FROM|JOIN) (\w+)\b(?!\.)", query))
