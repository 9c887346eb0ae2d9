"""Ledgers that have lived: every kind of entry, several accounts and tenants, some of it still in flight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from models.database import Database
from models.statements import statement
from models.tenant import Tenant, TenantMode
from rules.identity import member_id_of
from rules.ledger.commands import (
    AdjustAccount,
    AnyCommand,
    AssignTokens,
    Charge,
    ClawBack,
    CloseAccount,
    LimitSetting,
    Line,
    ManageMembers,
    Refund,
    RevokeGrant,
    SendTokens,
    SetAlerts,
    SetLimits,
    SettleOwed,
)
from rules.ledger.kinds import GrantSource, LimitPeriod, LimitScope, MemberRole, Mutation
from rules.ledger.line_codec import encode_lines
from rules.ledger.member_changes import AddMember, MemberChange, RemoveMember, UpdateMember
from rules.ledger.outcomes import AccountEffect, LimitsEffect, MembersEffect
from rules.ledger.state import UNLIMITED
from services.ledger.due_accounts import settle_due_accounts
from services.ledger.submission import InboxMessage, LedgerOutcome, Riders
from services.ledger.sweeper import ensure_journal_months
from services.ledger.transfers import bring_transfers
from services.ledger.writer import Writer
from tests.services.ledger.cashier import Cashier, a_key, a_member, granted, held

TOKEN = 1_000_000
DAY_SECONDS = 86_400
SALT = b"salt of a test"
A_MEMBER = UUID(int=7)


@dataclass(frozen=True, slots=True)
class LivedIn:
    """Who is who in a ledger that has lived."""

    tenant_id: UUID
    other_tenant_id: UUID
    rider: UUID
    """Grants that expired, were revoked, lived on; holds that ended in every way; one with captures that is open."""
    borrower: UUID
    """Grants first, then a credit line; one open hold on both."""
    debtor: UUID
    """A grant clawed back after it was spent, partly paid since."""
    fleet: UUID
    """Unlimited."""
    team: UUID
    """Members, one of them removed while it had a hold; tokens assigned, taken back, spent, and clawed back."""
    studio: UUID
    """Limits, and work for a member and a project, today's and yesterday's, in a time zone that was changed."""
    giver: UUID
    """Sent tokens that arrived, that came back, and that are still on their way; settled what it owed."""
    heir: UUID
    """Received some."""
    leaver: UUID
    """Closed, with an open hold."""
    newcomer: UUID
    """Nothing happened yet."""
    saver: UUID
    """Thresholds crossed and armed again, some still crossed; the notice of a grant to come, and one given."""
    stranger: UUID
    """Another tenant's."""


class Chronicle:
    """Drives one tenant's history through the writer; whatever it does must go through."""

    def __init__(self, database: Database, writer: Writer, tenant_id: UUID) -> None:
        self._database = database
        self._writer = writer
        self.cashier = Cashier(writer, tenant_id)
        self.tenant_id = tenant_id

    async def advance(self, seconds: float) -> datetime:
        """Moves the tenant's clock and settles what fell due."""
        async with self._database.administration() as connection:
            now: datetime = await connection.fetchval(
                statement("advance_tenant_clock"), self.tenant_id, round(seconds * 1_000_000), 10**18
            )
        await ensure_journal_months(self._database)
        await settle_due_accounts(self._database, self._writer, self.tenant_id)
        return now

    async def grant(self, account_id: UUID, tokens: int, *, riders: Riders | None = None, **more: Any) -> int:
        """The new grant's id."""
        outcome = await self.cashier.grant(account_id, tokens * TOKEN, riders=riders or Riders(), **more)
        return granted(outcome).grant.grant_id

    async def hold(self, account_id: UUID, tokens: int, **more: Any) -> int:
        """The new hold's id."""
        return await self.cashier.hold(account_id, tokens * TOKEN, **more)

    async def commit(self, account_id: UUID, hold_id: int, tokens: int | None = None, **more: Any) -> None:
        amount = tokens * TOKEN if tokens is not None else None
        held(await self.cashier.commit(account_id, hold_id, amount, **more))

    async def charge(self, account_id: UUID, *lines: Line) -> int:
        """The ended hold's id."""
        key = a_key(Mutation.CHARGE)
        amount = sum(line.cost for line in lines)
        command = Charge(self.tenant_id, account_id, key, amount, lines, encode_lines(lines), 1, text_salt=SALT)
        return held(await self.does(command)).hold.hold_id

    async def refund(self, account_id: UUID, hold_id: int, tokens: int | None = None) -> None:
        amount = tokens * TOKEN if tokens is not None else None
        key = a_key(Mutation.REFUND)
        held(await self.does(Refund(self.tenant_id, account_id, key, hold_id, amount, "it was blurred", SALT)))

    async def revoke(self, account_id: UUID, grant_id: int) -> None:
        key = a_key(Mutation.REVOKE_GRANT)
        granted(await self.does(RevokeGrant(self.tenant_id, account_id, key, grant_id, "given in error", SALT)))

    async def claw_back(self, account_id: UUID, grant_id: int) -> None:
        key = a_key(Mutation.CLAW_BACK)
        granted(await self.does(ClawBack(self.tenant_id, account_id, key, grant_id, "disputed", SALT)))

    async def manage(self, account_id: UUID, *changes: MemberChange) -> None:
        outcome = await self.does(ManageMembers(self.tenant_id, account_id, changes))
        assert isinstance(outcome, MembersEffect), outcome

    async def assign(self, account_id: UUID, tokens: int, **owner: Any) -> int:
        """The first part concerned."""
        key = a_key(Mutation.ASSIGN_TOKENS)
        outcome = await self.does(AssignTokens(self.tenant_id, account_id, key, tokens * TOKEN, **owner))
        return granted(outcome).grant.grant_id

    async def adjust(self, account_id: UUID, **settings: Any) -> None:
        await self.does(AdjustAccount(self.tenant_id, account_id, **settings))

    async def enrol(self, account_id: UUID, member_id: UUID) -> None:
        await a_member(self._database, self.tenant_id, account_id, member_id)

    async def settle(self, account_id: UUID, tokens: int) -> None:
        key = a_key(Mutation.SETTLE_OWED)
        outcome = await self.does(SettleOwed(self.tenant_id, account_id, key, tokens * TOKEN, "bank", SALT))
        assert isinstance(outcome, AccountEffect), outcome

    async def send(self, account_id: UUID, target_id: UUID, tokens: int) -> None:
        """Off the one, and on its way to the other."""
        key = a_key(Mutation.TRANSFER_TOKENS)
        granted(
            await self.does(SendTokens(self.tenant_id, account_id, key, tokens * TOKEN, target_id, "heirloom", SALT))
        )

    async def bring(self, database: Database) -> None:
        await bring_transfers(database, self._writer)

    async def does(self, command: AnyCommand) -> LedgerOutcome:
        return await self._writer.submit(command)


def a_line(cost_micros: int, *, ref: str | None = "node", model: str = "flux", rounds_at_end: bool = False) -> Line:
    return Line(ref, model, "image", '{"size":1024}', 1, cost_micros, 1, rounds_at_end)


async def a_tenant_named(database: Database, slug: str) -> UUID:
    async with database.administration():
        tenant = await Tenant.create(
            id=uuid4(), slug=slug, name=slug, mode=TenantMode.TEST, created_at=datetime.now(UTC)
        )
    return tenant.id


async def live_in(database: Database) -> LivedIn:
    """Gives an empty ledger a past."""
    async with Writer(database) as writer:
        home = Chronicle(database, writer, await a_tenant_named(database, "home"))
        abroad = Chronicle(database, writer, await a_tenant_named(database, "abroad"))
        lived_in = LivedIn(
            tenant_id=home.tenant_id,
            other_tenant_id=abroad.tenant_id,
            rider=await home.cashier.open("rider", trial=50 * TOKEN),
            borrower=await home.cashier.open("borrower"),
            debtor=await home.cashier.open("debtor"),
            fleet=await home.cashier.open("fleet"),
            team=await home.cashier.open("team"),
            studio=await home.cashier.open("studio"),
            giver=await home.cashier.open("giver"),
            heir=await home.cashier.open("heir"),
            leaver=await home.cashier.open("leaver"),
            newcomer=await home.cashier.open("newcomer"),
            saver=await home.cashier.open("saver"),
            stranger=await abroad.cashier.open("rider", trial=5 * TOKEN),
        )
        await save(home, lived_in.saver)
        await ride(home, lived_in.rider)
        await borrow(home, lived_in.borrower)
        await fall_into_debt(home, lived_in.debtor)
        await keep_within_limits(home, lived_in.studio)
        await home.adjust(lived_in.fleet, credit_limit=UNLIMITED)
        await home.commit(lived_in.fleet, await home.hold(lived_in.fleet, 1_000), 900)
        await team_up(home, lived_in.team)
        await abroad.charge(lived_in.stranger, a_line(TOKEN))
        await give_away(home, database, lived_in)
    await erase_a_text(database, lived_in.rider)
    return lived_in


async def ride(home: Chronicle, rider: UUID) -> None:
    """A prepaid account in every situation that tokens and holds can be in."""
    now = await home.advance(1)
    purchase = {"source": GrantSource.PURCHASE, "priority": 10, "expires_at": now + timedelta(days=10)}
    paid = Riders(messages=(InboxMessage("stripe", "evt_1"),))
    await home.grant(
        rider,
        200,
        riders=paid,
        paid_minor_units=999,
        paid_currency="usd",
        note="for the film 🎬",
        text_salt=SALT,
        **purchase,
    )
    await home.grant(rider, 100, priority=60)
    lines = (a_line(12 * TOKEN, ref="draft"), a_line(18 * TOKEN, ref="final", model="sdxl"))
    priced = await home.hold(rider, 30, lines=lines, lines_json=encode_lines(lines), project="фильм")
    await home.commit(rider, priced, lines=(a_line(4 * TOKEN), a_line(5 * TOKEN)), final=False)
    await home.cashier.extend(rider, priced, ttl_seconds=3_600, amount=10 * TOKEN, adds_work=True)
    await home.commit(rider, priced, lines=(a_line(20 * TOKEN),))
    exceeded = await home.hold(rider, 5)
    held(await home.cashier.commit_available(rider, exceeded, 9 * TOKEN))
    held(await home.cashier.release(rider, await home.hold(rider, 10)))
    metered = (a_line(3 * TOKEN, rounds_at_end=True),)
    rounded = await home.hold(rider, 3, lines=metered, lines_json=encode_lines(metered), rounding_unit=TOKEN)
    await home.commit(
        rider, rounded, lines=(a_line(2_300_000, rounds_at_end=True), a_line(100_000, rounds_at_end=True))
    )
    charged = await home.charge(rider, a_line(3 * TOKEN), a_line(4 * TOKEN, model="sdxl"))
    await home.refund(rider, priced, 7)
    await home.refund(rider, charged)
    await home.hold(rider, 7, ttl_seconds=60)
    await home.advance(120)
    await home.advance(9.5 * DAY_SECONDS)
    across_expiry = await home.hold(rider, 20, ttl_seconds=DAY_SECONDS - 1)
    await home.advance(0.75 * DAY_SECONDS)
    held(await home.cashier.release(rider, across_expiry))
    await home.refund(rider, exceeded, 2)
    await home.advance(8 * DAY_SECONDS)
    gift = await home.grant(rider, 40, priority=1)
    on_gift = await home.hold(rider, 15)
    await home.revoke(rider, gift)
    await home.commit(rider, on_gift, 5)
    await home.refund(rider, on_gift, 3)
    await home.adjust(rider, time_zone="Asia/Kathmandu", frozen=True)
    await home.adjust(rider, frozen=False)
    in_flight = await home.hold(rider, 120, ttl_seconds=DAY_SECONDS)
    await home.commit(rider, in_flight, 60, final=False)


async def borrow(home: Chronicle, borrower: UUID) -> None:
    """A hybrid account: grants first, then the credit line."""
    await home.adjust(borrower, credit_limit=1_000 * TOKEN)
    await home.grant(borrower, 10)
    mixed = await home.hold(borrower, 50)
    await home.cashier.extend(borrower, mixed, amount=20 * TOKEN, adds_work=True)
    await home.commit(borrower, mixed, 45)
    on_credit = await home.hold(borrower, 30)
    await home.commit(borrower, on_credit)
    await home.refund(borrower, on_credit, 12)
    await home.refund(borrower, mixed)
    await home.grant(borrower, 8)
    await home.hold(borrower, 25, ttl_seconds=DAY_SECONDS)
    await home.adjust(borrower, credit_limit=500 * TOKEN)


async def fall_into_debt(home: Chronicle, debtor: UUID) -> None:
    """A payment that was disputed after it was spent."""
    disputed = await home.grant(debtor, 100, source=GrantSource.PURCHASE)
    spent = await home.hold(debtor, 60)
    await home.commit(debtor, spent)
    on_hold = await home.hold(debtor, 20)
    await home.claw_back(debtor, disputed)
    await home.commit(debtor, on_hold, 15)
    await home.grant(debtor, 30)
    await home.refund(debtor, spent, 10)
    await home.grant(debtor, 50)


async def team_up(home: Chronicle, team: UUID) -> None:
    """A team whose members and projects have tokens of their own."""
    anna, ben = member_id_of(team, "anna"), member_id_of(team, "ben")
    await home.manage(
        team,
        AddMember(anna, "anna", "Anna", MemberRole.ADMIN),
        AddMember(ben, "ben", "Ben", MemberRole.MEMBER),
        UpdateMember(ben, "Benjamin", MemberRole.VIEWER),
    )
    bought: dict[str, Any] = {"source": GrantSource.PURCHASE, "paid_minor_units": 4_000, "paid_currency": "usd"}
    await home.grant(team, 100, **bought)
    await home.assign(team, 40, member_id=anna)
    await home.assign(team, 30, project="film")
    await home.assign(team, 10, member_id=ben)
    mine_and_ours = await home.hold(team, 45, member_id=anna)
    await home.commit(team, mine_and_ours, 25)
    await home.assign(team, -5, member_id=anna)
    await home.hold(team, 6, member_id=anna, ttl_seconds=DAY_SECONDS)
    last_work = await home.hold(team, 8, member_id=ben)
    await home.manage(team, RemoveMember(ben))
    held(await home.cashier.release(team, last_work))
    disputed = await home.grant(team, 20, priority=1)
    await home.assign(team, 15, project="game")
    await home.commit(team, await home.hold(team, 12, project="game"))
    await home.claw_back(team, disputed)


async def keep_within_limits(home: Chronicle, studio: UUID) -> None:
    """An account that counts in every window of every scope."""
    await home.grant(studio, 500)
    await home.enrol(studio, A_MEMBER)
    limits = (
        LimitSetting(LimitScope.ACCOUNT, LimitPeriod.DAY, limit=200 * TOKEN),
        LimitSetting(LimitScope.MEMBER, LimitPeriod.WEEK, limit=150 * TOKEN),
        LimitSetting(LimitScope.PROJECT, LimitPeriod.TOTAL, project="film", limit=90 * TOKEN),
    )
    outcome = await home.does(SetLimits(home.tenant_id, studio, limits, SALT))
    assert isinstance(outcome, LimitsEffect), outcome
    yesterdays = await home.hold(studio, 30, member_id=A_MEMBER, project="film", ttl_seconds=DAY_SECONDS)
    await home.adjust(studio, time_zone="Pacific/Auckland")
    await home.advance(0.9 * DAY_SECONDS)
    await home.hold(studio, 11, project="film", ttl_seconds=DAY_SECONDS)
    await home.commit(studio, await home.hold(studio, 20, member_id=A_MEMBER), 12)
    await home.commit(studio, yesterdays, 25)
    await home.refund(studio, yesterdays, 5)


async def save(home: Chronicle, saver: UUID) -> None:
    """An account that is warned of its balance, up and down, and of tokens that are about to expire."""
    await home.does(SetAlerts(home.tenant_id, saver, (50, 20), (5 * TOKEN,)))
    now = await home.advance(1)
    await home.grant(saver, 100, source=GrantSource.PURCHASE, expires_at=now + timedelta(days=9))
    await home.commit(saver, await home.hold(saver, 85))
    await home.advance(3 * DAY_SECONDS)
    await home.grant(saver, 50, source=GrantSource.PURCHASE, expires_at=now + timedelta(days=300))
    await home.commit(saver, await home.hold(saver, 63))


async def give_away(home: Chronicle, database: Database, lived_in: LivedIn) -> None:
    """Transfers that arrived, came back and are on their way; debts settled elsewhere; an account that was closed."""
    giver, heir, leaver = lived_in.giver, lived_in.heir, lived_in.leaver
    await home.adjust(giver, credit_limit=100 * TOKEN)
    await home.commit(giver, await home.hold(giver, 50), 40)
    await home.settle(giver, 15)
    await home.grant(giver, 60, source=GrantSource.PURCHASE, paid_minor_units=700, paid_currency="usd")
    await home.grant(giver, 20, priority=10)
    await home.hold(giver, 3, ttl_seconds=DAY_SECONDS)
    await home.send(giver, heir, 30)
    await home.send(giver, leaver, 10)
    await home.grant(leaver, 40)
    await home.hold(leaver, 25, ttl_seconds=DAY_SECONDS)
    await home.does(CloseAccount(home.tenant_id, leaver, "moved away", SALT))
    await home.bring(database)
    await home.send(giver, heir, 5)


async def erase_a_text(database: Database, account_id: UUID) -> None:
    """Forgets the free text of one entry, as a person may ask."""
    async with database.owner() as connection:
        await connection.execute(
            "DELETE FROM entry_text WHERE account_id = $1 AND version ="
            " (SELECT min(version) FROM entry_text WHERE account_id = $1 AND note IS NOT NULL)",
            account_id,
        )
