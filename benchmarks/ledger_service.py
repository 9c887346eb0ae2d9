"""Farebox's own ledger, as the server runs it: commands through the writer, with or without pricing before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from benchmarks.contenders import (
    HOLD_TTL_SECONDS,
    LINES_JSON,
    PRICED_LINE,
    Reserved,
    fingerprint_of,
    statement,
)
from models.database import Database
from rules.identity import account_id_of, member_id_of
from rules.ledger.balance import POOL
from rules.ledger.burn_down import Spender
from rules.ledger.commands import (
    Commit,
    GrantTokens,
    LimitSetting,
    ManageMembers,
    Once,
    OpenAccount,
    Reserve,
    SetLimits,
)
from rules.ledger.kinds import GrantSource, LimitPeriod, LimitScope, MemberRole, Mutation
from rules.ledger.member_changes import AddMember
from rules.ledger.outcomes import AccountEffect, GrantEffect, HoldEffect, LimitsEffect, MembersEffect
from rules.ledger.refusals import InsufficientTokens
from rules.ledger.requests import ReserveRequest
from rules.pricing.rating import LineRequest
from rules.pricing.tokens import MAX_MICROS
from services.fares import Fares
from services.ledger.audit import audit
from services.ledger.submission import Profile, Riders
from services.ledger.writer import Writer

PRICED_WORK = (LineRequest("imagen-4-ultra"),)
"""One use of a flat-priced model, in the price book of the benchmark's tenant."""

MEMBER: Final = "member"
PROJECT: Final = "film"
LIMITS: Final = (
    (LimitScope.ACCOUNT, LimitPeriod.DAY, None),
    (LimitScope.ACCOUNT, LimitPeriod.MONTH, None),
    (LimitScope.MEMBER, LimitPeriod.DAY, None),
    (LimitScope.MEMBER, LimitPeriod.MONTH, MEMBER),
    (LimitScope.PROJECT, LimitPeriod.WEEK, PROJECT),
    (LimitScope.PROJECT, LimitPeriod.TOTAL, PROJECT),
)
"""The same six as the core alone is measured with; a MEMBER's of nobody is the default for members."""


class LedgerService:
    """The writer with amounts that were priced before."""

    name = "ledger"

    def __init__(self, database: Database, writer: Writer, tenant_id: UUID) -> None:
        self._database = database
        self._writer = writer
        self._tenant_id = tenant_id

    async def open_account(self, name: str, grants_micros: Sequence[int]) -> UUID:
        """Makes an account with these grants, in burn order."""
        account_id = account_id_of(self._tenant_id, name)
        opening = OpenAccount(self._tenant_id, account_id, "UTC")
        opened = await self._writer.submit(opening, Riders(profile=Profile(name, name, "PERSONAL")))
        assert isinstance(opened, AccountEffect), opened
        for priority, amount in enumerate(grants_micros):
            key = f"grant {priority}"
            once = Once(Mutation.GRANT_TOKENS, key, fingerprint_of(key, amount))
            granted = await self._writer.submit(
                GrantTokens(self._tenant_id, account_id, once, amount, GrantSource.BONUS, key, priority)
            )
            assert isinstance(granted, GrantEffect), granted
        return account_id

    async def reserve(self, account_id: UUID, key: str, amount_micros: int) -> Reserved | None:
        """Sets tokens aside; None when there are too few."""
        return await self._reserve(account_id, key, amount_micros, POOL)

    async def _reserve(self, account_id: UUID, key: str, amount_micros: int, spender: Spender) -> Reserved | None:
        outcome = await self._writer.submit(
            Reserve(
                self._tenant_id,
                account_id,
                Once(Mutation.RESERVE, key, fingerprint_of(key, amount_micros)),
                amount_micros,
                (PRICED_LINE,),
                LINES_JSON,
                1,
                HOLD_TTL_SECONDS,
                member_id=spender.member_id,
                project=spender.project,
            )
        )
        return _reserved(outcome)

    async def commit(self, account_id: UUID, key: str, hold_id: int, amount_micros: int) -> None:
        """Captures an amount and gives the rest back."""
        once = Once(Mutation.COMMIT, key, fingerprint_of(key, amount_micros))
        outcome = await self._writer.submit(Commit(self._tenant_id, account_id, once, hold_id, amount=amount_micros))
        assert isinstance(outcome, HoldEffect), outcome

    async def count_holds(self) -> int:
        """How many holds are in the database."""
        async with self._database.spanning_reader() as connection:
            return int(await connection.fetchval(statement("count_ledger_holds")))

    async def contradictions(self) -> list[str]:
        """What the server's own audit finds."""
        return [str(finding) for finding in await audit(self._database)]


class LimitedLedgerService(LedgerService):
    """The same for a member and a project, within LIMITS that are never reached."""

    name = "within limits"

    async def open_account(self, name: str, grants_micros: Sequence[int]) -> UUID:
        """Makes an account with these grants, its member and the limits."""
        account_id = await super().open_account(name, grants_micros)
        member_id = member_id_of(account_id, MEMBER)
        joining = ManageMembers(self._tenant_id, account_id, (AddMember(member_id, MEMBER, MEMBER, MemberRole.MEMBER),))
        joined = await self._writer.submit(joining)
        assert isinstance(joined, MembersEffect), joined
        settings = tuple(
            LimitSetting(
                scope,
                period,
                member_id if whose == MEMBER else None,
                whose if scope is LimitScope.PROJECT else None,
                MAX_MICROS,
            )
            for scope, period, whose in LIMITS
        )
        limited = await self._writer.submit(SetLimits(self._tenant_id, account_id, settings))
        assert isinstance(limited, LimitsEffect), limited
        return account_id

    async def reserve(self, account_id: UUID, key: str, amount_micros: int) -> Reserved | None:
        """Sets tokens aside for the member and the project."""
        spender = Spender(member_id_of(account_id, MEMBER), PROJECT)
        return await self._reserve(account_id, key, amount_micros, spender)


class PricedLedgerService(LedgerService):
    """The same through `Fares`: the request is checked, priced by the price book and fingerprinted."""

    name = "with pricing"

    def __init__(self, database: Database, writer: Writer, tenant_id: UUID, fares: Fares) -> None:
        super().__init__(database, writer, tenant_id)
        self._fares = fares

    async def reserve(self, account_id: UUID, key: str, amount_micros: int) -> Reserved | None:
        """Sets the price of one image aside, whatever `amount_micros` says."""
        return _reserved(
            await self._fares.reserve(
                ReserveRequest(self._tenant_id, account_id, key, PRICED_WORK, ttl_seconds=HOLD_TTL_SECONDS)
            )
        )


def _reserved(outcome: object) -> Reserved | None:
    match outcome:
        case HoldEffect(hold=hold, replayed=replayed):
            return Reserved(hold.hold_id, replayed)
        case InsufficientTokens():
            return None
        case _:
            raise AssertionError(f"a reserve came to {outcome!r}")
