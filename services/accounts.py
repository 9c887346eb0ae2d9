"""Accounts: a tenant's pools of tokens, by the tenant's own names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final
from uuid import UUID

import asyncpg

from models.account import EXTERNAL_ID_LENGTH_MAX, AccountKind
from models.database import Database
from models.statements import statement
from rules.changes import Change
from rules.identity import IdKind, account_id_of, public_id, referral_code_of
from rules.ledger.accounts import shown_credit_limit
from rules.ledger.commands import AdjustAccount, CloseAccount, OpenAccount, PlanAssignment, SettleOwed
from rules.ledger.kinds import Mutation
from rules.ledger.outcomes import AccountEffect
from rules.ledger.records import Page, Slice
from rules.ledger.refusals import IdempotencyConflict, NotFound
from rules.ledger.requests import SettleOwedRequest
from rules.ledger.state import UNLIMITED
from rules.pricing.dimensions import printable
from rules.pricing.offers import PlanInterval
from rules.pricing.price_book import PriceBook
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS, format_tokens
from rules.promotions.promo_codes import canonical_code
from rules.time_zones import is_time_zone
from services.change_log import Detail, change_of
from services.fingerprints import once
from services.ledger.submission import Profile, Riders, unkeyed
from services.ledger.writer import Writer
from services.names import fault_of_name
from services.price_books import PriceBooks
from services.principal import OPERATOR, Principal
from services.referrals import Referrals
from services.texts import NOTE_LENGTH_MAX, fault_of_key, fault_of_text, first_fault, new_salt


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """An account's profile with the settings that the ledger keeps. `credit_limit` in micro-tokens, -1 unlimited."""

    account_id: UUID
    external_id: str
    name: str
    kind: AccountKind
    time_zone: str
    credit_limit: int
    frozen: bool
    plan_id: str | None = None
    closed_at: datetime | None = None


class Unchanged(Enum):
    """Stands for a setting that a change leaves as it is, where null is a value of its own."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED


class Accounts:
    """Creates, changes, reads and lists accounts."""

    def __init__(self, database: Database, writer: Writer, price_books: PriceBooks, referrals: Referrals) -> None:
        self._database = database
        self._writer = writer
        self._price_books = price_books
        self._referrals = referrals

    async def create(
        self,
        tenant_id: UUID,
        *,
        external_id: str,
        name: str,
        kind: AccountKind,
        time_zone: str,
        plan_id: str | None = None,
        referred_by: str | None = None,
        by: Principal = OPERATOR,
    ) -> AccountRecord | InvalidInput:
        """Creates the account with its plan and the trial tokens of the book's policy, or returns the one there is.

        `referred_by` is another account's referral code, which counts for a new account only.
        """
        book = (await self._price_books.current(tenant_id)).book
        policies = book.policies
        plan = _assignment(book, plan_id) if plan_id is not None else None
        fault = first_fault(
            fault_of_external_id(external_id),
            fault_of_name("name", name),
            fault_of_time_zone(time_zone),
        )
        if fault is not None:
            return fault
        if isinstance(plan, InvalidInput):
            return plan
        if plan is not None and plan.tokens + policies.trial_tokens_micros > MAX_MICROS:
            return InvalidInput("planId", "with its tokens the account would hold more than can be counted")
        account_id = account_id_of(tenant_id, external_id)
        referrer_id = None
        if referred_by is not None:
            referrer_id = await self._referrals.find(tenant_id, referred_by)
            if canonical_code(referred_by) == referral_code_of(account_id):
                return InvalidInput("referredBy", "is the account's own referral code; nobody refers themselves")
            if referrer_id is None:
                return InvalidInput("referredBy", "is no account's referral code; leave it out, or check it")
        await self._writer.submit(
            OpenAccount(
                tenant_id,
                account_id,
                time_zone,
                trial_amount=policies.trial_tokens_micros,
                trial_expires_after_months=policies.months_until_expiry("TRIAL"),
                grace_days=policies.grace_days,
                alert_percents=policies.alert_percents,
                day_limit_percents=policies.daily_limit_percents,
                plan=plan,
            ),
            Riders(
                profile=Profile(external_id, name, kind, referrer_id),
                change=change_of(
                    by,
                    "createAccount",
                    public_id(IdKind.ACCOUNT, account_id),
                    {"kind": kind.value, "timeZone": time_zone, "planId": plan_id},
                ),
            ),
        )
        record = await self.get(tenant_id, account_id)
        if record is None:
            raise AssertionError(f"account {account_id} was opened and is not there")
        return record

    async def update(
        self,
        tenant_id: UUID,
        account_id: UUID,
        *,
        name: str | None = None,
        time_zone: str | None = None,
        frozen: bool | None = None,
        credit_limit: int | None = None,
        plan_id: str | Unchanged | None = UNCHANGED,
        by: Principal = OPERATOR,
    ) -> AccountRecord | NotFound | InvalidInput:
        """Changes what is given; None leaves a setting as it is, but takes the plan away."""
        if await self.get(tenant_id, account_id) is None:
            return NotFound("account")
        plan: PlanAssignment | InvalidInput | None = None
        if plan_id is not UNCHANGED:
            plan = _assignment((await self._price_books.current(tenant_id)).book, plan_id)
        fault = first_fault(
            fault_of_name("name", name) if name is not None else None,
            fault_of_time_zone(time_zone) if time_zone is not None else None,
            _fault_of_credit_limit(credit_limit) if credit_limit is not None else None,
        )
        if fault is not None:
            return fault
        if isinstance(plan, InvalidInput):
            return plan
        outcome = await self._writer.submit(
            AdjustAccount(tenant_id, account_id, time_zone, frozen, credit_limit, plan),
            Riders(
                name=name,
                change=_update_of(by, account_id, name, time_zone, frozen, credit_limit, plan_id),
                itself=unkeyed(),
            ),
        )
        match outcome:
            case NotFound() | InvalidInput():
                return outcome
            case AccountEffect():
                return await self.get(tenant_id, account_id) or NotFound("account")
            case _:
                raise AssertionError(f"an adjustment came to {type(outcome).__name__}")

    async def close(
        self, tenant_id: UUID, account_id: UUID, *, note: str | None = None, by: Principal = OPERATOR
    ) -> AccountRecord | NotFound | InvalidInput:
        """Closes the account for good; one that is closed already is answered as it is."""
        fault = fault_of_text("note", note, NOTE_LENGTH_MAX)
        outcome = await self._writer.submit(
            CloseAccount(tenant_id, account_id, note if fault is None else None, new_salt(), fault),
            Riders(change=change_of(by, "closeAccount", public_id(IdKind.ACCOUNT, account_id))),
        )
        match outcome:
            case NotFound() | InvalidInput():
                return outcome
            case AccountEffect():
                return await self.get(tenant_id, account_id) or NotFound("account")
            case _:
                raise AssertionError(f"closing an account came to {type(outcome).__name__}")

    async def settle_owed(
        self, request: SettleOwedRequest, *, by: Principal = OPERATOR
    ) -> AccountRecord | IdempotencyConflict | NotFound | InvalidInput:
        """Records that so much of what is owed was paid elsewhere."""
        bad_key = fault_of_key(request.key)
        if bad_key is not None:
            return bad_key
        fault = first_fault(
            InvalidInput("amount", "must be more than 0") if request.amount <= 0 else None,
            fault_of_text("note", request.note, NOTE_LENGTH_MAX),
        )
        outcome = await self._writer.submit(
            SettleOwed(
                tenant_id=request.tenant_id,
                account_id=request.account_id,
                once=once(Mutation.SETTLE_OWED, request.key, request),
                amount=request.amount,
                note=request.note if fault is None else None,
                text_salt=new_salt(),
                refusal=fault,
            ),
            Riders(
                change=change_of(
                    by,
                    "settleOwed",
                    public_id(IdKind.ACCOUNT, request.account_id),
                    {"amount": format_tokens(request.amount)},
                )
            ),
        )
        match outcome:
            case IdempotencyConflict() | NotFound() | InvalidInput():
                return outcome
            case AccountEffect():
                return await self.get(request.tenant_id, request.account_id) or NotFound("account")
            case _:
                raise AssertionError(f"settling what is owed came to {type(outcome).__name__}")

    async def get(self, tenant_id: UUID, account_id: UUID) -> AccountRecord | None:
        """One account; None when this tenant has none of that id."""
        async with self._database.reader(tenant_id) as connection:
            row = await connection.fetchrow(statement("read_account"), account_id, tenant_id)
        return _record(row) if row is not None else None

    async def list(
        self, tenant_id: UUID, part: Slice[str], *, search: str | None, only: UUID | None = None
    ) -> Page[AccountRecord]:
        """By external id, which is also the key. `search` is the beginning of the external id or name, in any case.

        `only`: no account but this one.
        """
        async with self._database.reader(tenant_id) as connection:
            found = await connection.fetch(
                statement("list_accounts"), tenant_id, part.after, search or None, part.first + 1, only
            )
        return Page(tuple(_record(row) for row in found[: part.first]), len(found) > part.first)

    async def count(self, tenant_id: UUID, *, search: str | None, only: UUID | None = None) -> int:
        """How many `list` lists in all."""
        async with self._database.reader(tenant_id) as connection:
            return int(await connection.fetchval(statement("count_accounts"), tenant_id, search or None, only))


def fault_of_external_id(external_id: str) -> InvalidInput | None:
    """Why this cannot be an external id; None when it can."""
    if not external_id.strip():
        return InvalidInput("externalId", "must not be empty")
    return fault_of_text("externalId", external_id, EXTERNAL_ID_LENGTH_MAX)


def fault_of_time_zone(time_zone: str) -> InvalidInput | None:
    """Why this is no time zone; None when it is one of IANA's names."""
    if is_time_zone(time_zone):
        return None
    return InvalidInput("timeZone", "must be an IANA time zone such as Europe/Berlin")


def _update_of(
    by: Principal,
    account_id: UUID,
    name: str | None,
    time_zone: str | None,
    frozen: bool | None,
    credit_limit: int | None,
    plan_id: str | Unchanged | None,
) -> Change | None:
    """The log's line; None where nothing is set. What people are called can be erased, so it stays out of the log."""
    detail: Detail = {
        "name": None if name is None else "(changed)",
        "timeZone": time_zone,
        "frozen": frozen,
        "creditLimit": None if credit_limit is None else shown_credit_limit(credit_limit),
    }
    if not isinstance(plan_id, Unchanged):
        detail = {**detail, "planId": plan_id or "none"}
    if all(value is None for value in detail.values()):
        return None
    return change_of(by, "updateAccount", public_id(IdKind.ACCOUNT, account_id), detail)


def _fault_of_credit_limit(credit_limit: int) -> InvalidInput | None:
    if credit_limit == UNLIMITED or 0 <= credit_limit <= MAX_MICROS:
        return None
    return InvalidInput("creditLimit", "must be 0 or more tokens, or -1 for unlimited")


def _assignment(book: PriceBook, plan_id: str | None) -> PlanAssignment | InvalidInput:
    """The plan as the ledger is told of it. What is paid for brings its tokens with the payment, not with the plan."""
    if plan_id is None:
        return PlanAssignment(None)
    plan = book.plan(plan_id)
    if plan is None:
        known = ", ".join(plan.id for plan in book.plans) or "none"
        return InvalidInput("planId", f"{printable(plan_id)} is no plan of the price book in force; its plans: {known}")
    tokens = plan.tokens_micros + plan.bonus_tokens_micros if plan.interval is PlanInterval.ONE_TIME else 0
    return PlanAssignment(plan.id, tokens, book.policies.months_until_expiry("PLAN"))


def _record(row: asyncpg.Record) -> AccountRecord:
    return AccountRecord(
        account_id=row["account_id"],
        external_id=row["external_id"],
        name=row["name"],
        kind=AccountKind(row["kind"]),
        time_zone=row["time_zone"],
        credit_limit=row["credit_limit"],
        frozen=row["frozen"],
        plan_id=row["plan_id"],
        closed_at=row["closed_at"],
    )
