"""An audit from the command line: whether there is anything to check, what was checked, and what was found."""

from collections.abc import Callable
from dataclasses import dataclass

from models.database import Database
from models.migrations import is_current
from models.pool import COMMAND_TIMEOUT_SECONDS, connect
from server.database_choice import NoDatabase
from services.ledger.audit import CHECK_TIMEOUT_SECONDS, Check, Finding, audit


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found, and over how many accounts and journal entries."""

    findings: tuple[Finding, ...]
    accounts: int
    entries: int


async def audit_database(dsn: str, name: str, *, began: Callable[[Check], None]) -> AuditReport:
    """Audits the database at `dsn`, which people know as `name`.

    Raises NoDatabase where no server has prepared it, or only an older one.
    """
    await _require_farebox(dsn, name)
    async with await Database.open(dsn, pool_size=1, spanning_pool_size=1) as database:
        if not await is_current(database):
            raise NoDatabase(f"{name} is behind this release; run `python -m server migrate`, or start the server")
        findings = await audit(database, began=began)
        async with database.spanning_reader() as connection:
            accounts = await connection.fetchval("SELECT count(*) FROM ledger_account", timeout=CHECK_TIMEOUT_SECONDS)
            entries = await connection.fetchval("SELECT count(*) FROM entry", timeout=CHECK_TIMEOUT_SECONDS)
    return AuditReport(findings, accounts, entries)


async def _require_farebox(dsn: str, name: str) -> None:
    connection = await connect(dsn, {}, command_timeout_seconds=COMMAND_TIMEOUT_SECONDS)
    try:
        prepared = await connection.fetchval("SELECT to_regclass('ledger_account') IS NOT NULL")
    finally:
        await connection.close(timeout=COMMAND_TIMEOUT_SECONDS)
    if not prepared:
        raise NoDatabase(f"{name} is not a Farebox database yet; start the server once")
