"""An audit from the command line: whether there is anything to check, what was checked, and what was found."""

from collections.abc import Callable
from dataclasses import dataclass

from server.existing_farebox import existing_farebox
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
    async with existing_farebox(dsn, name) as database:
        findings = await audit(database, began=began)
        async with database.spanning_reader() as connection:
            accounts = await connection.fetchval("SELECT count(*) FROM ledger_account", timeout=CHECK_TIMEOUT_SECONDS)
            entries = await connection.fetchval("SELECT count(*) FROM entry", timeout=CHECK_TIMEOUT_SECONDS)
    return AuditReport(findings, accounts, entries)
