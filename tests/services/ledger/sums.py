"""What must be true of a ledger whatever happened to it: worked out anew from its rows, and by its own audit."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

import asyncpg

from models.database import Database
from rules.ledger.journal import chained_hash, epoch_micros
from rules.ledger.kinds import EntryKind
from services.ledger.audit import audit
from tests.services.ledger.cashier import rows_of

CONTRADICTIONS: Final = {
    "an account's sums are those of its entries": """
        SELECT a.account_id FROM ledger_account a LEFT JOIN entry e USING (account_id)
         GROUP BY a.account_id
        HAVING (a.version, a.total, a.held, a.credit_drawn + a.clawed_back)
            <> (count(e.version), coalesce(sum(e.total_change), 0), coalesce(sum(e.held_change), 0),
                coalesce(sum(e.owed_change), 0))
            OR coalesce(max(e.version), 0) <> count(e.version)""",
    "an account's total is what its grants have left": """
        SELECT a.account_id FROM ledger_account a LEFT JOIN token_grant g USING (account_id)
         GROUP BY a.account_id HAVING a.total <> coalesce(sum(g.remaining), 0)""",
    "an account holds what its open holds hold": """
        SELECT a.account_id FROM ledger_account a LEFT JOIN hold h ON h.account_id = a.account_id AND h.open
         GROUP BY a.account_id HAVING a.held <> coalesce(sum(h.remaining), 0)""",
    "a grant's tokens are all accounted for": """
        SELECT account_id, grant_id FROM token_grant
         WHERE granted <> remaining + spent + settled + moved + transferred + expired + revoked
            OR open <> (remaining > 0)""",
    "a grant holds what is allocated to it, and spent what was captured from it": """
        SELECT g.account_id, g.grant_id FROM token_grant g LEFT JOIN hold_allocation l USING (account_id, grant_id)
         GROUP BY g.account_id, g.grant_id
        HAVING g.held <> coalesce(sum(l.held), 0)
            OR g.spent <> coalesce(sum(l.captured - l.refunded + l.redirected), 0)""",
    "a hold is what its allocations are": """
        SELECT h.account_id, h.hold_id FROM hold h LEFT JOIN hold_allocation l USING (account_id, hold_id)
         GROUP BY h.account_id, h.hold_id
        HAVING (h.remaining, h.captured, h.returned)
            <> (coalesce(sum(l.held), 0), coalesce(sum(l.captured), 0), coalesce(sum(l.returned), 0))""",
    "a hold is what its entries say": """
        SELECT h.account_id, h.hold_id FROM hold h JOIN entry e USING (account_id, hold_id)
         GROUP BY h.account_id, h.hold_id
        HAVING (h.remaining, h.captured - h.refunded) <> (sum(e.held_change), sum(e.spent))
            OR min(e.version) <> h.hold_id""",
    "a hold that ended by itself or by a release has one RELEASE, an open one none": """
        SELECT h.account_id, h.hold_id FROM hold h
          LEFT JOIN entry e ON e.account_id = h.account_id AND e.hold_id = h.hold_id AND e.kind = 'RELEASE'
         GROUP BY h.account_id, h.hold_id
        HAVING CASE h.state WHEN 'OPEN' THEN count(e.version) <> 0 WHEN 'COMMITTED' THEN count(e.version) > 1
                            ELSE count(e.version) <> 1 END""",
    "a hold that expired did so at its time, in its place in the journal": """
        SELECT h.account_id, h.hold_id FROM hold h
          JOIN entry e ON e.account_id = h.account_id AND e.hold_id = h.hold_id AND e.kind = 'RELEASE'
         WHERE h.state = 'EXPIRED' AND (h.ended_at <> h.expires_at OR e.at <> h.expires_at)""",
    "a captured line is its entry": """
        SELECT l.account_id, l.version FROM captured_line l
          LEFT JOIN entry e ON e.account_id = l.account_id AND e.version = l.version
         WHERE e.kind IS NULL OR e.kind NOT IN ('CAPTURE', 'ROUNDING') OR e.spent <> l.amount""",
    "what an operation made is there, and made by one operation": """
        SELECT o.account_id, o.mutation, o.key FROM operation o
          LEFT JOIN hold h ON h.account_id = o.account_id AND h.hold_id = o.hold_id
          LEFT JOIN token_grant g ON g.account_id = o.account_id AND g.grant_id = o.grant_id
         WHERE h.hold_id IS NULL AND g.grant_id IS NULL
        UNION ALL
        SELECT h.account_id, 'reserve', h.hold_id::text FROM hold h
         WHERE 1 <> (SELECT count(*) FROM operation o WHERE o.account_id = h.account_id AND o.hold_id = h.hold_id
                        AND o.mutation IN ('reserve', 'charge'))""",
    "nothing crosses tenants": """
        SELECT a.account_id FROM ledger_account a
          JOIN (SELECT account_id, tenant_id FROM entry UNION SELECT account_id, tenant_id FROM hold
                UNION SELECT account_id, tenant_id FROM token_grant UNION SELECT account_id, tenant_id FROM operation
                UNION SELECT account_id, tenant_id FROM account) r USING (account_id)
         WHERE r.tenant_id <> a.tenant_id""",
}


async def contradictions(database: Database) -> list[str]:
    """Every broken sum with the row that breaks it; empty when all is well."""
    found = [
        f"not so: {rule}: {tuple(row)}"
        for rule, query in CONTRADICTIONS.items()
        for row in await rows_of(database, query)
    ]
    entries = await rows_of(database, "SELECT * FROM entry ORDER BY account_id, version")
    for _, journal in groupby(entries, key=lambda entry: entry["account_id"]):
        found += _broken_journal(list(journal))
    return found + [f"the audit found: {finding}" for finding in await audit(database)]


def _broken_journal(entries: list[asyncpg.Record]) -> list[str]:
    found: list[str] = []
    before, total, held, owed, at = b"", 0, 0, 0, None
    for number, entry in enumerate(entries, start=1):
        name = f"entry {entry['version']} of {entry['account_id']}"
        total += entry["total_change"]
        held += entry["held_change"]
        owed += entry["owed_change"]
        available = max(0, total - held - owed + max(0, entry["credit_limit"]))
        if entry["version"] != number:
            found.append(f"{name} stands in place {number}")
        if entry["available_after"] != available:
            found.append(f"{name} says {entry['available_after']} is available, not {available}")
        if at is not None and entry["at"] < at:
            found.append(f"{name} was made before the one before it")
        if entry["hash"] != _hash(before, entry):
            found.append(f"{name} has another hash")
        before, at = entry["hash"], entry["at"]
    return found


def _hash(before: bytes, entry: asyncpg.Record) -> bytes:
    numbers: Any = (
        entry["version"],
        epoch_micros(entry["at"]),
        entry["total_change"],
        entry["held_change"],
        entry["owed_change"],
        entry["clawed_change"],
        entry["spent"],
        entry["available_after"],
        entry["credit_limit"],
        entry["hold_id"] or 0,
        entry["grant_id"] or 0,
    )
    return chained_hash(
        before,
        entry["tenant_id"],
        entry["account_id"],
        numbers,
        EntryKind(entry["kind"]),
        entry["member_id"],
        entry["project"],
        entry["model"],
        entry["category"],
        entry["text_digest"],
    )
