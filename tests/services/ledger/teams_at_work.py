"""Thirty days of three teams at work, for reports to be compared with: all kinds of spending, days of all lengths."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from models.database import Database
from rules.ledger.commands import AdjustAccount, AnyCommand, Charge, Commit, Line, Refund, Release, Reserve
from rules.ledger.kinds import Mutation, WorkOutcome
from rules.ledger.line_codec import encode_lines
from rules.ledger.local_days import local_day_of
from rules.ledger.outcomes import AccountEffect, HoldEffect
from rules.ledger.state import UNLIMITED
from services.ledger.sweeper import ensure_journal_months
from tests.services.ledger.cashier import Cashier, a_key, held, move_clock, rows_of

DAYS = 30
STEP = timedelta(hours=5, minutes=37)
"""So that every hour of a day comes up, midnights among them."""

MODELS = (("flux", "image"), ("sdxl", "image"), ("llm", "text"))
PROJECTS = (None, "film", "фильм", "=SUM(A1)")
REFS = (None, "draft", "final, “cut”")


@dataclass(frozen=True, slots=True)
class Fact:
    """What one entry says of usage, and what stands beside it."""

    day: date
    ref: str | None
    model: str | None
    category: str | None
    member_id: UUID | None
    project: str | None
    charged: int
    refunded: int
    uses: int
    operations: int


@dataclass(slots=True)
class Team:
    """An account, its members, and its time zones with the versions from which on they were in force."""

    account_id: UUID
    zones: list[tuple[int, str]]
    members: tuple[UUID, ...]
    committed: list[int] = field(default_factory=list)

    def day_of(self, version: int, at: datetime) -> date:
        """The local day of an entry, by the zone then in force."""
        zone = [name for since, name in self.zones if since <= version][-1]
        return at.astimezone(ZoneInfo(zone)).date()


async def three_teams(database: Database, cashier: Cashier) -> list[Team]:
    """Opens them on the eve of a day of 23 hours in New York, some weeks before one of 25 hours in Sydney."""
    year = datetime.now(UTC).year + 1
    eve = _short_day("America/New_York", year) - timedelta(hours=20)
    await move_clock(database, cashier.tenant_id, (eve - datetime.now(UTC)).total_seconds())
    await ensure_journal_months(database)
    teams = []
    for name, zone, members in (
        ("york", "America/New_York", 2),
        ("sydney", "Australia/Sydney", 3),
        ("flying", "Asia/Kathmandu", 1),
    ):
        account_id = await cashier.open(name)
        ids = tuple(uuid5(account_id, f"member {number}") for number in range(members))
        await rows_of(
            database,
            "INSERT INTO member (account_id, member_id, tenant_id, external_id, name, role, active, created_at)"
            " SELECT $1, m, $2, m::text, 'a member', 'MEMBER', true, now() FROM unnest($3::uuid[]) m",
            account_id,
            cashier.tenant_id,
            list(ids),
        )
        team = Team(account_id, [(0, "UTC")], ids)
        await fly(cashier, team, zone)
        await cashier.writer.submit(AdjustAccount(cashier.tenant_id, account_id, credit_limit=UNLIMITED))
        teams.append(team)
    return teams


async def work_for_thirty_days(database: Database, cashier: Cashier, teams: list[Team]) -> None:
    """Charges, partial captures, rounding, releases, forgotten holds, refunds; the last team flies around the world."""
    chance = random.Random(30)
    steps = timedelta(days=DAYS) // STEP
    flights = {steps // 3: "Pacific/Kiritimati", steps // 2: "Pacific/Honolulu", 2 * steps // 3: "America/New_York"}
    for step in range(steps):
        await move_clock(database, cashier.tenant_id, STEP.total_seconds())
        if step in flights:
            await fly(cashier, teams[-1], flights[step])
        commands = [(team, _work(cashier, team, chance)) for team in teams for _ in range(2)]
        outcomes = await asyncio.gather(*(cashier.writer.submit(command) for _, command in commands))
        ends: list[AnyCommand] = []
        for (team, command), outcome in zip(commands, outcomes, strict=True):
            effect = held(outcome)
            if isinstance(command, Charge):
                team.committed.append(effect.hold.hold_id)
            elif isinstance(command, Reserve):
                ends += _end(cashier, team, effect, chance)
        for outcome in await asyncio.gather(*map(cashier.writer.submit, ends)):
            held(outcome)


async def fly(cashier: Cashier, team: Team, zone: str) -> None:
    """Moves a team to another time zone."""
    outcome = await cashier.writer.submit(AdjustAccount(cashier.tenant_id, team.account_id, zone))
    assert isinstance(outcome, AccountEffect)
    team.zones.append((outcome.balance.version, zone))


async def facts_of(database: Database, team: Team) -> list[Fact]:
    """What the journal says, entry by entry; days are worked out here."""
    found = await rows_of(
        database,
        "SELECT e.version, e.at, e.kind, e.spent, e.member_id, e.project, e.model, e.category, x.ref, l.count"
        "  FROM entry e LEFT JOIN entry_text x USING (account_id, version)"
        "  LEFT JOIN captured_line l USING (account_id, version)"
        " WHERE e.account_id = $1 AND e.spent <> 0",
        team.account_id,
    )
    return [
        Fact(
            team.day_of(row["version"], row["at"]),
            row["ref"],
            row["model"],
            row["category"],
            row["member_id"],
            row["project"],
            charged=max(0, row["spent"]),
            refunded=max(0, -row["spent"]),
            uses=row["count"] if row["kind"] == "CAPTURE" else 0,
            operations=int(row["kind"] == "CAPTURE"),
        )
        for row in found
    ]


def _work(cashier: Cashier, team: Team, chance: random.Random) -> AnyCommand:
    """A charge, a hold with metered lines, or, when there is something to give back, a refund."""
    account = (cashier.tenant_id, team.account_id)
    if team.committed and chance.random() < 0.25:
        hold_id = team.committed.pop(chance.randrange(len(team.committed)))
        return Refund(*account, a_key(Mutation.REFUND), hold_id, chance.choice((None, 7)))
    lines = tuple(_line(chance) for _ in range(chance.randint(1, 3)))
    spender: dict[str, Any] = {"member_id": chance.choice((None, *team.members)), "project": chance.choice(PROJECTS)}
    cost = sum(line.cost for line in lines)
    if chance.random() < 0.5:
        return Charge(*account, a_key(Mutation.CHARGE), cost, lines, encode_lines(lines), 1, **spender)
    bound = cost + -cost % 1_000
    key = a_key(Mutation.RESERVE)
    return Reserve(*account, key, bound, lines, encode_lines(lines), 1, rounding_unit=1_000, **spender)


def _end(cashier: Cashier, team: Team, effect: HoldEffect, chance: random.Random) -> list[AnyCommand]:
    """Most are committed and rounded up, some in two steps; others are released, and some are forgotten."""
    account, hold_id = (cashier.tenant_id, team.account_id), effect.hold.hold_id
    way = chance.random()
    if way < 0.1:
        return []
    if way < 0.3:
        return [Release(*account, a_key(Mutation.RELEASE), hold_id, chance.choice(tuple(WorkOutcome)))]
    team.committed.append(hold_id)
    part = Line("draft", "llm", "text", "{}", 2, 1 + chance.randrange(9), 1, rounds_at_end=True)
    first = [Commit(*account, a_key(Mutation.COMMIT), hold_id, (part,), final=False)] if way < 0.6 else []
    last = Line("draft", "llm", "text", "{}", 1, 1 + chance.randrange(9), 1, rounds_at_end=True)
    return [*first, Commit(*account, a_key(Mutation.COMMIT), hold_id, (last,), rounding_unit=1_000)]


def _line(chance: random.Random) -> Line:
    model, category = chance.choice(MODELS)
    count = chance.randint(1, 4)
    cost = count * chance.randint(20, 1_000_000)
    return Line(chance.choice(REFS), model, category, "{}", count, cost, 1, rounds_at_end=True)


def _short_day(zone: str, year: int) -> datetime:
    """When the day of 23 hours begins that this zone has in March."""
    instant = datetime(year, 3, 1, 12, tzinfo=UTC)
    while (day := local_day_of(zone, instant)).ends_at - day.starts_at != timedelta(hours=23):
        instant += timedelta(days=1)
    return day.starts_at
