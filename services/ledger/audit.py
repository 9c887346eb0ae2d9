"""The audit: every invariant of the ledger is a query in models/sql/audit that gives one row per violation.

The journal is the reference: sums are compared with the entries, and each check names the row that differs. Checks
overlap as little as they can, so that one fault is one finding where that is possible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from models.database import Database
from models.statements import statement

FINDINGS_MAX: Final = 100
"""Findings named by one check; past it a last one says that there are more."""

CHECK_TIMEOUT_SECONDS: Final = 1_800.0
"""For one query: a journal of a hundred million entries takes minutes to read."""


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant; `name` is its file's in models/sql/audit."""

    name: str

    @property
    def query(self) -> str:
        """Its SQL. Takes the number of rows wanted at most; gives `where` and `message`."""
        return statement(f"audit/{self.name}")

    @property
    def meaning(self) -> str:
        """What must be so, in one line: the comment that the query begins with."""
        return self.query.partition("\n")[0].removeprefix("-- ")


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation: the check's name, the account, table and row where it is, what was expected there and found."""

    check: str
    where: str
    message: str


CHECKS: Final[tuple[Check, ...]] = tuple(
    map(
        Check,
        (
            "journal_triggers",
            "journal_rights",
            "row_level_security",
            "tenants",
            "references",
            "figures",
            "account_identity",
            "account_version",
            "account_total",
            "account_held",
            "account_owed",
            "account_clawed_back",
            "account_credit_limit",
            "account_last_instant",
            "account_head_hash",
            "account_due_at",
            "account_assigned",
            "window_counts",
            "closed_accounts",
            "entry_versions",
            "entry_instants",
            "entry_signs",
            "entry_subjects",
            "entry_credit_limits",
            "entry_available",
            "entry_hashes",
            "entry_texts",
            "grants_total",
            "grant_sources",
            "grant_entries",
            "grant_parts",
            "grant_open",
            "grant_held",
            "grant_spent",
            "grant_losses",
            "grant_ends",
            "grant_clawbacks",
            "grant_moves",
            "grant_parents",
            "transfers",
            "hold_entries",
            "hold_parts",
            "hold_amounts",
            "hold_remaining",
            "hold_overruns",
            "hold_payers",
            "hold_allocations",
            "hold_lines",
            "hold_refunds",
            "hold_states",
            "hold_ends",
            "overdue",
            "captured_line_entries",
            "captured_line_calls",
            "refunded_lines",
            "usage_days",
            "work_days",
            "operation_results",
            "operation_amounts",
            "alert_events",
            "alert_crossings",
        ),
    )
)
"""In the order in which they are run: who may change what, the accounts, the journal, and what hangs on it."""


def _unwatched(check: Check) -> None:
    del check


async def audit(database: Database, *, began: Callable[[Check], None] = _unwatched) -> tuple[Finding, ...]:
    """Runs every check on one snapshot across tenants, beside whatever writes. Empty: the ledger is clean.

    `began` is told of each check before it runs. Raises `DatabaseUnavailable`.
    """
    findings: list[Finding] = []
    async with database.spanning_reader() as connection:
        await connection.execute(statement("prepare_audit"))
        for check in CHECKS:
            began(check)
            rows = await connection.fetch(check.query, FINDINGS_MAX + 1, timeout=CHECK_TIMEOUT_SECONDS)
            findings += [Finding(check.name, row["where"], row["message"]) for row in rows[:FINDINGS_MAX]]
            if len(rows) > FINDINGS_MAX:
                findings.append(
                    Finding(check.name, "further rows", f"more than {FINDINGS_MAX}; the others are not shown")
                )
    return tuple(findings)


async def run_audit(dsn: str, *, began: Callable[[Check], None] = _unwatched) -> list[Finding]:
    """`audit` of the database at an address, by a process of its own."""
    async with await Database.open(dsn, pool_size=1, spanning_pool_size=1) as database:
        return list(await audit(database, began=began))
