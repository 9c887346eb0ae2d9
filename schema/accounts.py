"""Accounts: a person's or a team's pool of tokens, and the lists that belong to it."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Annotated
from uuid import UUID

import strawberry

from rules.identity import IdKind, referral_code_of
from rules.ledger.records import AlertFilter, EntryFilter, Page
from rules.ledger.state import UNLIMITED
from rules.pricing.tokens import MICROS
from schema.alerts import AlertEvent, AlertSettings, shown_alert_events, shown_alert_settings
from schema.balances import Balance, Grant, shown_balance, shown_grant
from schema.connections import FIRST_DEFAULT, Connection, Listing, connection, slice_of_names, slice_of_numbers
from schema.described import output
from schema.holds import Entry, Hold, shown_entry, shown_hold
from schema.limits import LimitStatus, shown_limit
from schema.members import Member, shown_member
from schema.money import Plan, shown_plan
from schema.nodes import Node, shown_id
from schema.reads import AccountRecord, Info, LedgerReads
from schema.scalars import TimeZone, Tokens, Version
from schema.scopes import member_of, spender_seen
from schema.usage import Forecast, shown_forecast
from schema.words import AccountKind, AlertKind, EntryKind, EntryOrder, HoldState

UNLIMITED_SHOWN = Tokens(-MICROS)
"""-1 token on the wire: no limit."""


@output
class Account(Node):
    """A pool of tokens."""

    external_id: str
    """The tenant's own name for it; unique per tenant, never changed."""
    name: str
    """What people call it."""
    kind: AccountKind
    """Whether it is one person's or a team's."""
    time_zone: TimeZone
    """Where its days begin and end."""
    credit_limit: Tokens
    """How many tokens it may go below zero: 0 prepaid, N postpaid or hybrid, -1 unlimited."""
    frozen: bool
    """Whether it takes no new work."""
    closed_at: datetime | None
    """When it was closed, for good; null: it is open."""
    referral_code: str
    """What others give as `referredBy` when their account is made; their first purchase then earns this one a share."""
    tenant_id: strawberry.Private[UUID]
    account_id: strawberry.Private[UUID]
    plan_id: strawberry.Private[str | None]

    @strawberry.field
    async def plan(self, info: Info) -> Plan | None:
        """The plan that it is on, as the price book in force has it; null: none, or one that is offered no more."""
        if self.plan_id is None:
            return None
        book = (await info.context.price_books.current(self.tenant_id)).book
        plan = book.plan(self.plan_id)
        return None if plan is None else shown_plan(plan, book.currency)

    @strawberry.field
    async def balance(self, info: Info, member_id: strawberry.ID | None = None, project: str | None = None) -> Balance:
        """What it has now, for everyone, or with what is assigned to a member or project. Whatever is due has happened.

        member_id: as this member sees it
        project: as it is for work on this project
        """
        spender = await spender_seen(
            info.context.reads, info.context.members_seen, self.tenant_id, self.account_id, member_id, project
        )
        snapshot = await info.context.reads.balance(self.tenant_id, self.account_id, spender)
        if snapshot is None:
            raise LookupError(f"account {self.account_id} has no row in the ledger")
        return shown_balance(snapshot)

    @strawberry.field
    async def limits(
        self, info: Info, member_id: strawberry.ID | None = None, project: str | None = None
    ) -> list[LimitStatus]:
        """What it has consumed in the running day, week and month and in total, beside its limits, whether or not one
        is set; then the same of a member and of a project.

        member_id: also the limits of this member
        project: also the limits of this project
        """
        reads = info.context.reads
        spender = await spender_seen(
            reads, info.context.members_seen, self.tenant_id, self.account_id, member_id, project
        )
        return [shown_limit(status) for status in await reads.limits(self.tenant_id, self.account_id, spender)]

    @strawberry.field
    async def members(
        self,
        info: Info,
        first: int | None = FIRST_DEFAULT,
        after: str | None = None,
        active_only: bool | None = True,
    ) -> Connection[Member]:
        """Its members, by external id: to keys and admins all, to other members themselves.

        first: how many, 1 to 100
        after: the cursor that the page follows
        active_only: only those who belong to it now; false: those who were removed too
        """
        reads, seen, active = info.context.reads, info.context.members_seen, active_only is not False
        if not seen.everyone:
            return await self._only_member(
                reads, seen.member_id, slice_of_names(Listing.MEMBERS, first, after).after, active
            )
        page = await reads.members(
            self.tenant_id, self.account_id, slice_of_names(Listing.MEMBERS, first, after), active_only=active
        )
        return connection(
            Listing.MEMBERS,
            page,
            partial(shown_member, self.tenant_id, self.account_id),
            attrgetter("external_id"),
            partial(reads.count_members, self.tenant_id, self.account_id, active_only=active),
            follows=after is not None,
        )

    @strawberry.field
    async def forecast(self, info: Info) -> Forecast:
        """How long what is available lasts at the pace of the last days."""
        found = await info.context.usage.forecast(self.tenant_id, self.account_id)
        if found is None:
            raise LookupError(f"account {self.account_id} has no row in the ledger")
        return shown_forecast(found)

    @strawberry.field
    async def grants(
        self,
        info: Info,
        active_only: bool | None = True,
        first: int | None = FIRST_DEFAULT,
        after: str | None = None,
    ) -> Connection[Grant]:
        """Its lots of tokens, newest first.

        active_only: only those that still have tokens and have not ended
        first: how many, 1 to 100
        after: the cursor that the page follows
        """
        reads, seen, active = info.context.reads, info.context.members_seen, active_only is not False
        page = await reads.grants(
            self.tenant_id,
            self.account_id,
            slice_of_numbers(Listing.GRANTS, first, after),
            active_only=active,
            seen=seen,
        )
        return connection(
            Listing.GRANTS,
            page,
            partial(shown_grant, self.tenant_id, self.account_id),
            attrgetter("grant_id"),
            partial(reads.count_grants, self.tenant_id, self.account_id, active_only=active, seen=seen),
            follows=after is not None,
        )

    @strawberry.field
    async def holds(
        self,
        info: Info,
        state: HoldState | None = None,
        first: int | None = FIRST_DEFAULT,
        after: str | None = None,
    ) -> Connection[Hold]:
        """Its holds, newest first.

        state: only those in this state
        first: how many, 1 to 100
        after: the cursor that the page follows
        """
        reads, seen = info.context.reads, info.context.members_seen
        page = await reads.holds(
            self.tenant_id, self.account_id, slice_of_numbers(Listing.HOLDS, first, after), state=state, seen=seen
        )
        return connection(
            Listing.HOLDS,
            page,
            partial(shown_hold, self.tenant_id, self.account_id),
            attrgetter("hold_id"),
            partial(reads.count_holds, self.tenant_id, self.account_id, state=state, seen=seen),
            follows=after is not None,
        )

    @strawberry.field
    async def entries(
        self,
        info: Info,
        first: int | None = FIRST_DEFAULT,
        after: str | None = None,
        after_version: Version | None = None,
        kinds: list[EntryKind] | None = None,
        project: str | None = None,
        model: str | None = None,
        since: Annotated[datetime | None, strawberry.argument(name="from")] = None,
        before: Annotated[datetime | None, strawberry.argument(name="to")] = None,
        member_id: strawberry.ID | None = None,
        order: EntryOrder | None = EntryOrder.NEWEST_FIRST,
    ) -> Connection[Entry]:
        """The journal, newest first unless `order` says otherwise. Every part of the filter that is given must hold.

        Versions rise one by one, and none appears below one that was seen. `afterVersion` with OLDEST_FIRST therefore
        reads all that has happened since, page by page, without a gap. A member sees its own entries and the pool's:
        for it others' versions are missing.

        first: how many, 1 to 100
        after: the cursor that the page follows
        after_version: only entries beyond this version
        kinds: only entries of these kinds
        project: only entries of this project
        model: only entries of this model
        since: only entries at this instant or later
        before: only entries before this instant
        member_id: only entries of this member
        order: from the latest down, or from the lowest up
        """
        wanted = EntryFilter(
            after_version=after_version,
            kinds=None if kinds is None else frozenset(kinds),
            project=project,
            model=model,
            since=since,
            before=before,
            member_id=None if member_id is None else member_of(info.context.members_seen, self.account_id, member_id),
        )
        reads, seen = info.context.reads, info.context.members_seen
        part = slice_of_numbers(Listing.ENTRIES, first, after)
        page = await reads.entries(
            self.tenant_id, self.account_id, part, wanted, order=order or EntryOrder.NEWEST_FIRST, seen=seen
        )
        return connection(
            Listing.ENTRIES,
            page,
            shown_entry,
            attrgetter("version"),
            partial(reads.count_entries, self.tenant_id, self.account_id, wanted, seen=seen),
            follows=after is not None,
        )

    @strawberry.field
    async def alerts(self, info: Info) -> AlertSettings:
        """What it is warned of."""
        settings = await info.context.reads.alert_settings(self.tenant_id, self.account_id)
        if settings is None:
            raise LookupError(f"account {self.account_id} has no row in the ledger")
        return shown_alert_settings(settings)

    @strawberry.field
    async def alert_events(
        self,
        info: Info,
        first: int | None = FIRST_DEFAULT,
        after: str | None = None,
        kinds: list[AlertKind] | None = None,
        active_only: bool | None = False,
    ) -> Connection[AlertEvent]:
        """What it was warned of, newest first.

        first: how many, 1 to 100
        after: the cursor that the page follows
        kinds: only events of these kinds
        active_only: only what is still so: a threshold still crossed, free tokens still to be lost, a day not over
        """
        wanted = AlertFilter(
            None if kinds is None else frozenset(kinds), active_only is True, info.context.members_seen
        )
        part = slice_of_numbers(Listing.ALERT_EVENTS, first, after)
        return await shown_alert_events(info.context.reads, self.tenant_id, self.account_id, part, wanted)

    async def _only_member(
        self, reads: LedgerReads, member_id: UUID | None, after: str | None, active_only: bool
    ) -> Connection[Member]:
        """The list of members for one of them, who sees nobody else."""
        member = None if member_id is None else await reads.member(self.tenant_id, self.account_id, member_id)
        listed = () if member is None or (active_only and not member.active) else (member,)

        async def count() -> int:
            return len(listed)

        return connection(
            Listing.MEMBERS,
            Page(tuple(one for one in listed if after is None or one.external_id > after), has_more=False),
            partial(shown_member, self.tenant_id, self.account_id),
            attrgetter("external_id"),
            count,
            follows=after is not None,
        )


def shown_account(tenant_id: UUID, record: AccountRecord) -> Account:
    """An account as it is shown to its tenant."""
    limit = record.credit_limit
    return Account(
        id=shown_id(IdKind.ACCOUNT, record.account_id),
        external_id=record.external_id,
        name=record.name,
        kind=record.kind,
        time_zone=TimeZone(record.time_zone),
        credit_limit=UNLIMITED_SHOWN if limit == UNLIMITED else Tokens(limit),
        frozen=record.frozen,
        closed_at=record.closed_at,
        referral_code=referral_code_of(record.account_id),
        tenant_id=tenant_id,
        account_id=record.account_id,
        plan_id=record.plan_id,
    )
