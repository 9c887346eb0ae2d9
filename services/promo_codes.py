"""Promo codes: made, changed and listed by the tenant. Redeeming one is in `services.redemptions`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import asyncpg

from models.database import Database
from models.statements import statement
from rules.identity import IdKind, public_id
from rules.ledger.records import Page, Slice
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS, format_tokens
from rules.promotions.promo_codes import (
    CODE_LENGTH_MAX,
    CODE_LENGTH_MIN,
    GRANT_DAYS_MAX,
    TYPED_LENGTH_MAX,
    PromoAudience,
    PromoCode,
    PromoTerms,
    canonical_code,
)
from services.accounts import fault_of_external_id
from services.change_log import Detail, change_of, record_change
from services.grants import PRIORITY_MAX
from services.principal import OPERATOR, Principal
from services.texts import NOTE_LENGTH_MAX, fault_of_text, first_fault

REDEMPTIONS_MAX: Final = 2**31 - 1
NAMED_ACCOUNTS_MAX: Final = 1_000
"""Accounts that one code can be for by name: they stand in its row."""


@dataclass(frozen=True, slots=True)
class PromoCodeChanges:
    """What to change of a code; `given` names the fields that were given, the others stay as they are."""

    given: frozenset[str] = frozenset()
    active_to: datetime | None = None
    max_redemptions: int | None = None
    max_per_account: int | None = None
    note: str | None = None


class PromoCodes:
    """A tenant's promo codes. Raises `DatabaseUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, tenant_id: UUID, terms: PromoTerms, *, by: Principal = OPERATOR) -> PromoCode | InvalidInput:
        """Makes a code; its canonical form is unique within the tenant, for good."""
        fault = _fault_of_terms(terms)
        if fault is not None:
            return fault
        try:
            async with self._database.tenant(tenant_id) as connection:
                row = await connection.fetchrow(
                    statement("insert_promo_code"),
                    uuid4(),
                    tenant_id,
                    terms.code.strip(),
                    canonical_code(terms.code),
                    terms.amount,
                    terms.active_from,
                    terms.active_to,
                    terms.max_redemptions,
                    terms.max_per_account,
                    terms.audience.value,
                    list(terms.account_external_ids),
                    terms.grant_expires_at,
                    terms.grant_expires_after_days,
                    terms.priority,
                    terms.note,
                )
                if row is None:
                    raise LookupError(f"there is no tenant {tenant_id} to make a promo code for")
                created = promo_code_of(row)
                if terms.active_to is not None and terms.active_to <= created.created_at:
                    raise _AlreadyOver
                await _record(connection, tenant_id, "createPromoCode", created, by)
                return created
        except asyncpg.UniqueViolationError:
            return InvalidInput("code", "is another promo code's already, whatever its case, spaces and hyphens")
        except _AlreadyOver:
            return InvalidInput("activeTo", "must lie in the future, by the tenant's clock")

    async def update(
        self, tenant_id: UUID, promo_code_id: UUID, changes: PromoCodeChanges, *, by: Principal = OPERATOR
    ) -> PromoCode | NotFound | InvalidInput:
        """Ends a code, or changes its caps; redemptions that were made stay."""
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(statement("lock_promo_code"), promo_code_id, tenant_id)
            if row is None:
                return NotFound("promo code")
            found = promo_code_of(row)
            if "max_per_account" in changes.given and changes.max_per_account is None:
                return InvalidInput("maxPerAccount", "must not be null; leave it out to keep what it is")
            terms = replace(found.terms, **{name: getattr(changes, name) for name in changes.given})
            fault = _fault_of_caps(terms) or fault_of_text("note", terms.note, NOTE_LENGTH_MAX)
            if fault is not None:
                return fault
            if terms.max_redemptions is not None and terms.max_redemptions < found.claimed:
                return InvalidInput(
                    "maxRedemptions", f"{found.claimed} were redeemed already; to end the code, give activeTo"
                )
            changed = await connection.fetchrow(
                statement("update_promo_code"),
                promo_code_id,
                tenant_id,
                terms.active_to,
                terms.max_redemptions,
                terms.max_per_account,
                terms.note,
            )
            if changed is None:
                raise AssertionError(f"promo code {promo_code_id} is locked and is not there")
            updated = promo_code_of(changed)
            await _record(connection, tenant_id, "updatePromoCode", updated, by)
            return updated

    async def list(self, tenant_id: UUID, part: Slice[str]) -> Page[PromoCode]:
        """By canonical form, which is also the key."""
        async with self._database.reader(tenant_id) as connection:
            found = await connection.fetch(statement("list_promo_codes"), tenant_id, part.after, part.first + 1)
        return Page(tuple(promo_code_of(row) for row in found[: part.first]), len(found) > part.first)

    async def count(self, tenant_id: UUID) -> int:
        """How many `list` lists in all."""
        async with self._database.reader(tenant_id) as connection:
            return int(await connection.fetchval(statement("count_promo_codes"), tenant_id))


async def _record(
    connection: asyncpg.Connection, tenant_id: UUID, act: str, promo_code: PromoCode, by: Principal
) -> None:
    """Notes the act. The code itself stays out: who reads the log could redeem it."""
    terms = promo_code.terms
    detail: Detail = {
        "tokens": format_tokens(terms.amount),
        "activeTo": terms.active_to.isoformat() if terms.active_to is not None else None,
        "maxRedemptions": terms.max_redemptions,
        "maxPerAccount": terms.max_per_account,
    }
    subject = public_id(IdKind.PROMO_CODE, promo_code.promo_code_id)
    await record_change(connection, tenant_id, change_of(by, act, subject, detail))


class _AlreadyOver(Exception):
    """The code would have ended before it began; nothing is kept of it."""


def promo_code_of(row: asyncpg.Record) -> PromoCode:
    """A row of the table."""
    return PromoCode(
        promo_code_id=row["promo_code_id"],
        terms=PromoTerms(
            code=row["code"],
            amount=row["amount"],
            active_from=row["active_from"],
            active_to=row["active_to"],
            max_redemptions=row["max_redemptions"],
            max_per_account=row["max_per_account"],
            audience=PromoAudience(row["audience"]),
            account_external_ids=tuple(row["account_external_ids"]),
            grant_expires_at=row["grant_expires_at"],
            grant_expires_after_days=row["grant_expires_after_days"],
            priority=row["priority"],
            note=row["note"],
        ),
        claimed=row["claimed"],
        created_at=row["created_at"],
    )


def _fault_of_terms(terms: PromoTerms) -> InvalidInput | None:
    days = terms.grant_expires_after_days
    return first_fault(
        _fault_of_code(terms.code),
        InvalidInput("tokens", "must be more than 0") if not 0 < terms.amount <= MAX_MICROS else None,
        InvalidInput("activeTo", "must lie after activeFrom")
        if terms.active_from is not None and terms.active_to is not None and terms.active_to <= terms.active_from
        else None,
        _fault_of_caps(terms),
        _fault_of_audience(terms),
        InvalidInput("expiresAfterDays", f"must be between 1 and {GRANT_DAYS_MAX}")
        if days is not None and not 1 <= days <= GRANT_DAYS_MAX
        else None,
        InvalidInput("expiresAt", "give expiresAt or expiresAfterDays, not both")
        if days is not None and terms.grant_expires_at is not None
        else None,
        InvalidInput("priority", f"must be between 0 and {PRIORITY_MAX}")
        if not 0 <= terms.priority <= PRIORITY_MAX
        else None,
        fault_of_text("note", terms.note, NOTE_LENGTH_MAX),
    )


def _fault_of_code(code: str) -> InvalidInput | None:
    fault = fault_of_text("code", code, TYPED_LENGTH_MAX)
    if fault is not None:
        return fault
    canonical = canonical_code(code)
    if not canonical.isalnum():
        return InvalidInput("code", "must be letters and digits; spaces and hyphens may stand between them")
    if not CODE_LENGTH_MIN <= len(canonical) <= CODE_LENGTH_MAX:
        return InvalidInput("code", f"must have between {CODE_LENGTH_MIN} and {CODE_LENGTH_MAX} letters and digits")
    return None


def _fault_of_caps(terms: PromoTerms) -> InvalidInput | None:
    if terms.max_redemptions is not None and not 1 <= terms.max_redemptions <= REDEMPTIONS_MAX:
        return InvalidInput("maxRedemptions", f"must be between 1 and {REDEMPTIONS_MAX}; leave it out for no cap")
    if not 1 <= terms.max_per_account <= REDEMPTIONS_MAX:
        return InvalidInput("maxPerAccount", f"must be between 1 and {REDEMPTIONS_MAX}")
    return None


def _fault_of_audience(terms: PromoTerms) -> InvalidInput | None:
    named = terms.account_external_ids
    if terms.audience is not PromoAudience.ACCOUNTS:
        return InvalidInput("accountExternalIds", "is for the audience ACCOUNTS alone") if named else None
    if not 1 <= len(named) <= NAMED_ACCOUNTS_MAX:
        return InvalidInput("accountExternalIds", f"must name between 1 and {NAMED_ACCOUNTS_MAX} accounts")
    for index, external_id in enumerate(named):
        fault = fault_of_external_id(external_id)
        if fault is not None:
            return InvalidInput(f"accountExternalIds[{index}]", fault.message)
    return None
