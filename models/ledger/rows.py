"""Between the core's rows and the composite types of the newest types.sql. The order of fields is the types' order.

Both directions are positional and written out: this is the hot path, and a change of a type gets a new version.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from rules.changes import Change
from rules.ledger.alerting import AlertEvent, Alerting
from rules.ledger.journal import Entry
from rules.ledger.kinds import (
    AlertKind,
    EntryKind,
    GrantEnd,
    GrantSource,
    HoldState,
    LimitScope,
    MemberRole,
    WorkOutcome,
)
from rules.ledger.spending import ACCOUNT_SCOPE, Scope, Spending, Window
from rules.ledger.state import Account, Allocation, CapturedLine, Grant, Hold, Operation, Outgoing, RefundedLine
from rules.ledger.team import Member
from rules.ledger.usage import UsageKey, UsageSum, WorkKey

Row = tuple[Any, ...]
"""A row on its way to the database; its fields have the types that types.sql names."""


def read_account(row: Sequence[Any]) -> Account:
    """An account from `ledger_account_v2`."""
    return Account(
        account_id=row[0],
        tenant_id=row[1],
        opened=row[2],
        frozen=row[3],
        time_zone=row[4],
        credit_limit=row[5],
        total=row[6],
        held=row[7],
        credit_drawn=row[8],
        clawed_back=row[9],
        grace_days=row[10],
        mark=row[11],
        version=row[12],
        head_hash=row[13],
        due_at=row[14],
        created_at=row[15],
        last_at=row[16],
        plan_id=row[17],
        closed_at=row[18],
        assigned=row[19],
        spending=read_spending(row[20]) if row[20] is not None else None,
        alerting=read_alerting(row[21]) if row[21] is not None else None,
    )


def account_row(account: Account) -> Row:
    """`ledger_account_v2` of an account."""
    return (
        account.account_id,
        account.tenant_id,
        account.opened,
        account.frozen,
        account.time_zone,
        account.credit_limit,
        account.total,
        account.held,
        account.credit_drawn,
        account.clawed_back,
        account.grace_days,
        account.mark,
        account.version,
        account.head_hash,
        account.due_at,
        account.created_at,
        account.last_at,
        account.plan_id,
        account.closed_at,
        account.assigned,
        spending_row(account.spending) if account.spending is not None else None,
        alerting_row(account.alerting) if account.alerting is not None else None,
    )


def read_grant(row: Sequence[Any]) -> Grant:
    """A grant from `ledger_grant_v2`."""
    return Grant(
        grant_id=row[1],
        source=GrantSource(row[3]),
        source_ref=row[4],
        granted=row[5],
        remaining=row[6],
        held=row[7],
        spent=row[8],
        settled=row[9],
        moved=row[10],
        transferred=row[11],
        expired=row[12],
        revoked=row[13],
        ended=GrantEnd(row[14]) if row[14] is not None else None,
        grace=row[15],
        priority=row[16],
        expires_at=row[17],
        created_at=row[18],
        member_id=row[19],
        project=row[20],
        parent_id=row[21],
        paid_minor_units=row[22],
        paid_currency=row[23],
        note=row[24],
        notice_at=row[25],
    )


def grant_row(account: Account, grant: Grant) -> Row:
    """`ledger_grant_v2` of a grant."""
    return (
        account.account_id,
        grant.grant_id,
        account.tenant_id,
        grant.source,
        grant.source_ref,
        grant.granted,
        grant.remaining,
        grant.held,
        grant.spent,
        grant.settled,
        grant.moved,
        grant.transferred,
        grant.expired,
        grant.revoked,
        grant.ended,
        grant.grace,
        grant.priority,
        grant.expires_at,
        grant.created_at,
        grant.member_id,
        grant.project,
        grant.parent_id,
        grant.paid_minor_units,
        grant.paid_currency,
        grant.note,
        grant.notice_at,
    )


def read_hold(row: Sequence[Any]) -> Hold:
    """A hold from `ledger_hold_v2`, without its allocations."""
    return Hold(
        hold_id=row[1],
        state=HoldState(row[3]),
        amount=row[4],
        remaining=row[5],
        captured=row[6],
        returned=row[7],
        refunded=row[8],
        overrun=row[9],
        rounding=row[10],
        rounding_unit=row[11],
        metered=row[12],
        captures=row[13],
        price_book_version=row[14],
        member_id=row[15],
        project=row[16],
        lines_json=row[17],
        created_at=row[18],
        expires_at=row[19],
        ended_at=row[20],
        outcome=WorkOutcome(row[21]) if row[21] is not None else None,
        description=row[22],
        ended_day=row[23],
    )


def hold_row(account: Account, hold: Hold) -> Row:
    """`ledger_hold_v2` of a hold."""
    return (
        account.account_id,
        hold.hold_id,
        account.tenant_id,
        hold.state,
        hold.amount,
        hold.remaining,
        hold.captured,
        hold.returned,
        hold.refunded,
        hold.overrun,
        hold.rounding,
        hold.rounding_unit,
        hold.metered,
        hold.captures,
        hold.price_book_version,
        hold.member_id,
        hold.project,
        hold.lines_json,
        hold.created_at,
        hold.expires_at,
        hold.ended_at,
        hold.outcome,
        hold.description,
        hold.ended_day,
    )


def read_allocation(row: Sequence[Any]) -> Allocation:
    """An allocation from `ledger_allocation_v1`."""
    return Allocation(
        ordinal=row[2],
        grant_id=row[4],
        held=row[5],
        captured=row[6],
        returned=row[7],
        refunded=row[8],
        redirected=row[9],
    )


def allocation_row(account: Account, hold_id: int, allocation: Allocation) -> Row:
    """`ledger_allocation_v1` of an allocation."""
    return (
        account.account_id,
        hold_id,
        allocation.ordinal,
        account.tenant_id,
        allocation.grant_id,
        allocation.held,
        allocation.captured,
        allocation.returned,
        allocation.refunded,
        allocation.redirected,
    )


def read_line(row: Sequence[Any]) -> CapturedLine:
    """A captured line from `ledger_line_v2`."""
    return CapturedLine(
        version=row[1],
        hold_id=row[3],
        call=row[4],
        rounding=row[5],
        at=row[6],
        amount=row[7],
        cost=row[8],
        refunded=row[9],
        count=row[10],
        price_book_version=row[11],
        member_id=row[12],
        project=row[13],
        model=row[14],
        category=row[15],
        params_json=row[16],
        ref=row[17],
        day=row[18],
    )


def line_row(account: Account, line: CapturedLine) -> Row:
    """`ledger_line_v2` of a captured line."""
    return (
        account.account_id,
        line.version,
        account.tenant_id,
        line.hold_id,
        line.call,
        line.rounding,
        line.at,
        line.amount,
        line.cost,
        line.refunded,
        line.count,
        line.price_book_version,
        line.member_id,
        line.project,
        line.model,
        line.category,
        line.params_json,
        line.ref,
        line.day,
    )


def refund_row(account: Account, refund: RefundedLine) -> Row:
    """`ledger_refund_v2` of what a refund gave back of a line."""
    return (account.account_id, refund.version, account.tenant_id, refund.line, refund.amount, refund.day)


def entry_row(account: Account, entry: Entry) -> Row:
    """`ledger_entry_v1` of an entry."""
    return (
        entry.account_id,
        entry.version,
        entry.at,
        account.tenant_id,
        entry.kind,
        entry.total_change,
        entry.held_change,
        entry.owed_change,
        entry.clawed_change,
        entry.spent,
        entry.available_after,
        entry.credit_limit,
        entry.member_id,
        entry.project,
        entry.model,
        entry.category,
        entry.hold_id,
        entry.grant_id,
        entry.text_digest,
        entry.hash,
    )


def text_row(account: Account, entry: Entry) -> Row:
    """`ledger_text_v1` of an entry's free text."""
    return (entry.account_id, entry.version, account.tenant_id, entry.text_salt, entry.ref, entry.note)


def read_operation(row: Sequence[Any]) -> Operation:
    """An operation from `ledger_operation_v1`."""
    return Operation(
        mutation=row[1],
        key=row[2],
        fingerprint=row[4],
        at=row[5],
        hold_id=row[6],
        grant_id=row[7],
        amount=row[8],
        uncovered=row[9],
    )


def operation_row(account: Account, operation: Operation) -> Row:
    """`ledger_operation_v1` of an operation."""
    return (
        account.account_id,
        operation.mutation,
        operation.key,
        account.tenant_id,
        operation.fingerprint,
        operation.at,
        operation.hold_id,
        operation.grant_id,
        operation.amount,
        operation.uncovered,
    )


def message_row(account: Account, origin: str, message_id: str, received_at: datetime) -> Row:
    """`ledger_message_v1` of an applied message."""
    return (account.account_id, origin, message_id, account.tenant_id, received_at)


def profile_row(account_id: UUID, tenant_id: UUID, external_id: str, name: str, kind: str, created_at: datetime) -> Row:
    """`ledger_profile_v1` of a new account's profile."""
    return (account_id, tenant_id, external_id, name, kind, created_at)


def read_entry(row: Sequence[Any]) -> Entry:
    """An entry with its text, from the columns of list_entries.sql."""
    return Entry(
        account_id=row[0],
        version=row[1],
        kind=EntryKind(row[2]),
        at=row[3],
        total_change=row[4],
        held_change=row[5],
        owed_change=row[6],
        clawed_change=row[7],
        spent=row[8],
        available_after=row[9],
        credit_limit=row[10],
        member_id=row[11],
        project=row[12],
        model=row[13],
        category=row[14],
        hold_id=row[15],
        grant_id=row[16],
        ref=row[17],
        note=row[18],
        text_salt=row[19] or b"",
        text_digest=row[20],
        hash=row[21],
    )


MEMBER_DEFAULT_SCOPE = "MEMBER_DEFAULT"
"""How the default for members is named among the scopes of `ledger_scope`."""


def scope_name(scope: Scope) -> tuple[str, str]:
    """The scope and subject under which a row of `ledger_scope` is kept; the account's own stands in its own row."""
    if scope.kind is LimitScope.PROJECT:
        return LimitScope.PROJECT, scope.project or ""
    if scope.kind is LimitScope.MEMBER:
        return (MEMBER_DEFAULT_SCOPE, "") if scope.member_id is None else (LimitScope.MEMBER, str(scope.member_id))
    raise ValueError("the account's spending is kept in the account's row")


def read_scope(scope: str, subject: str) -> Scope:
    """The reverse of `scope_name`."""
    if scope == MEMBER_DEFAULT_SCOPE:
        return Scope(LimitScope.MEMBER)
    if scope == LimitScope.MEMBER:
        return Scope(LimitScope.MEMBER, UUID(subject))
    return Scope(LimitScope.PROJECT, None, subject)


def event_scope_name(scope: Scope) -> tuple[str, str]:
    """The scope and subject under which an event is kept: as in `scope_name`, and ACCOUNT for the account's own."""
    return (LimitScope.ACCOUNT, "") if scope.kind is LimitScope.ACCOUNT else scope_name(scope)


def read_event_scope(scope: str, subject: str) -> Scope:
    """The reverse of `event_scope_name`."""
    return ACCOUNT_SCOPE if scope == LimitScope.ACCOUNT else read_scope(scope, subject)


def read_spending(row: Sequence[Any]) -> Spending:
    """A scope's counts from the type `spending`."""
    return Spending(
        Window(row[0], row[1], row[2], row[3]),
        Window(row[6], row[7], row[8], row[9]),
        Window(row[10], row[11], row[12], row[13]),
        Window(row[14], None, None, row[15]),
        row[4],
        row[5],
        row[16],
    )


def spending_row(spending: Spending) -> Row:
    """`spending` of a scope's counts."""
    day, week, month, total = spending.day, spending.week, spending.month, spending.total
    return (
        day.limit,
        day.starts_at,
        day.ends_at,
        day.consumed,
        spending.day_warned,
        spending.day_warned_limit,
        week.limit,
        week.starts_at,
        week.ends_at,
        week.consumed,
        month.limit,
        month.starts_at,
        month.ends_at,
        month.consumed,
        total.limit,
        total.consumed,
        spending.runs,
    )


def scope_row(account: Account, scope: Scope, spending: Spending) -> Row:
    """`ledger_scope_v2` of a member's or a project's counts."""
    kind, subject = scope_name(scope)
    return (account.account_id, kind, subject, account.tenant_id, spending_row(spending))


def read_alerting(row: Sequence[Any]) -> Alerting:
    """An account's thresholds from the type `alerting`."""
    return Alerting(tuple(row[0]), tuple(row[1]), tuple(row[2]), dict(zip(row[3], row[4], strict=True)), row[5])


def alerting_row(alerting: Alerting) -> Row:
    """`alerting` of an account's thresholds."""
    return (
        alerting.balance_percents,
        alerting.balance_tokens,
        alerting.day_limit_percents,
        list(alerting.crossed),
        list(alerting.crossed.values()),
        alerting.events,
    )


def read_member(row: Sequence[Any]) -> Member:
    """A member from `ledger_member_v2`."""
    return Member(
        member_id=row[1],
        external_id=row[3],
        name=row[4],
        role=MemberRole(row[5]),
        active=row[6],
        created_at=row[7],
        removed_at=row[8],
    )


def member_row(account: Account, member: Member) -> Row:
    """`ledger_member_v2` of a member."""
    return (
        account.account_id,
        member.member_id,
        account.tenant_id,
        member.external_id,
        member.name,
        member.role,
        member.active,
        member.created_at,
        member.removed_at,
    )


def alert_row(account: Account, event: AlertEvent) -> Row:
    """`ledger_alert_v2` of an event."""
    kind, subject = (None, None) if event.scope is None else event_scope_name(event.scope)
    return (
        account.account_id,
        event.event_id,
        account.tenant_id,
        event.kind,
        event.at,
        event.version,
        event.available,
        event.threshold_percent,
        event.threshold_tokens,
        kind,
        subject,
        event.consumed,
        event.limit,
        event.grant_id,
        event.amount,
        event.expires_at,
    )


def read_alert(row: Sequence[Any]) -> AlertEvent:
    """An event, from the columns of list_alert_events.sql."""
    return AlertEvent(
        event_id=row[0],
        kind=AlertKind(row[1]),
        at=row[2],
        version=row[3],
        available=row[4],
        threshold_percent=row[5],
        threshold_tokens=row[6],
        scope=read_event_scope(row[7], row[8]) if row[7] is not None else None,
        consumed=row[9],
        limit=row[10],
        grant_id=row[11],
        amount=row[12],
        expires_at=row[13],
        rearmed_at=row[14],
    )


def usage_row(account: Account, key: UsageKey, added: UsageSum) -> Row:
    """`ledger_usage_v2` of what is added to a sum."""
    return (
        account.account_id,
        key.day,
        key.member_id,
        key.project,
        key.model,
        key.category,
        account.tenant_id,
        added.charged,
        added.refunded,
        added.uses,
        added.operations,
    )


def work_row(account: Account, key: WorkKey, works: int) -> Row:
    """`ledger_work_v2` of works that ended."""
    return (account.account_id, key.day, key.member_id, key.project, key.outcome, account.tenant_id, works)


def change_row(account: Account, change: Change, at: datetime) -> Row:
    """`ledger_change_v2` of an administrative act."""
    return (
        account.account_id,
        account.tenant_id,
        at,
        change.actor,
        change.key_id,
        change.member_id,
        change.act,
        change.subject,
        change.detail_json,
    )


def outgoing_row(account: Account, message: Outgoing) -> Row:
    """`ledger_outgoing_v2` of a message on its way."""
    return (account.account_id, message.message_id, message.topic, account.tenant_id, message.payload_json, message.at)
