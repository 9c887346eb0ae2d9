"""An account's rows in memory, loaded and written as a batch does it: only what is needed, only what changed."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from rules.ledger.alerting import AlertEvent
from rules.ledger.commands import (
    AdjustAccount,
    AnyCommand,
    AssignTokens,
    Commit,
    Extend,
    GrantTokens,
    ManageMembers,
    ReceiveTransfer,
    Refund,
    Release,
    Reserve,
    RevokeGrant,
    SetLimits,
)
from rules.ledger.journal import Entry
from rules.ledger.kinds import HoldState, LimitScope
from rules.ledger.limit_settings import scope_of
from rules.ledger.spending import MEMBER_DEFAULT, Scope, Spending
from rules.ledger.state import Account, AccountState, CapturedLine, Grant, Hold, Operation, Outgoing, RefundedLine
from rules.ledger.team import Member
from rules.ledger.transfers import source_ref
from rules.ledger.usage import UsageKey, UsageSum, WorkKey


def copy_of_hold(hold: Hold) -> Hold:
    """A hold with its own allocations."""
    twin = copy(hold)
    twin.allocations = [copy(allocation) for allocation in hold.allocations]
    return twin


@dataclass(slots=True)
class Shelf:
    """Every row of one account, as the database would keep it."""

    account: Account
    grants: dict[int, Grant] = field(default_factory=dict)
    holds: dict[int, Hold] = field(default_factory=dict)
    lines: dict[int, list[CapturedLine]] = field(default_factory=dict)
    operations: dict[tuple[str, str], Operation] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    members: dict[UUID, Member] = field(default_factory=dict)
    scopes: dict[Scope, Spending] = field(default_factory=dict)
    alerts: dict[int, AlertEvent] = field(default_factory=dict)
    outgoing: list[Outgoing] = field(default_factory=list)
    refunds: list[RefundedLine] = field(default_factory=list)
    usage: dict[UsageKey, UsageSum] = field(default_factory=dict)
    works: dict[WorkKey, int] = field(default_factory=dict)

    def load(self, command: AnyCommand, now: datetime, due_holds_max: int) -> AccountState:
        """Copies of the rows that this command needs, and of the holds that are due, soonest first."""
        state = AccountState(self.account.snapshot())
        wanted: set[int] = set()
        if self.account.due_at is not None and self.account.due_at <= now:
            still_open = sorted(
                (hold.expires_at, hold.hold_id) for hold in self.holds.values() if hold.state is HoldState.OPEN
            )
            wanted |= {hold_id for instant, hold_id in still_open[:due_holds_max] if instant <= now}
            state.next_due_at = min((instant for instant, hold_id in still_open if hold_id not in wanted), default=None)
        once = getattr(command, "once", None)
        known = self.operations.get((once.mutation, once.key)) if once is not None else None
        grants = {grant_id for grant_id, grant in self.grants.items() if grant.remaining > 0}
        if known is not None:
            state.operations[(known.mutation, known.key)] = copy(known)
            wanted |= {known.hold_id} if known.hold_id is not None else set()
            grants |= {known.grant_id} if known.grant_id is not None else set()
        if isinstance(command, Commit | Release | Extend | Refund):
            wanted.add(command.hold_id)
        if isinstance(command, Refund):
            state.captured_lines[command.hold_id] = [copy(line) for line in self.lines.get(command.hold_id, [])]
        if isinstance(command, RevokeGrant):
            grants.add(command.grant_id)
            grants |= {
                grant_id
                for grant_id, grant in self.grants.items()
                if grant.parent_id == command.grant_id and (grant.spent or grant.settled)
            }
        refs = {command.source_ref} if isinstance(command, GrantTokens) else set()
        if isinstance(command, AdjustAccount) and command.plan is not None:
            refs.add(command.plan.source_ref)
        if isinstance(command, ReceiveTransfer):
            refs |= {source_ref(command.source_id, part.version) for part in command.parts}
        grants |= {grant_id for grant_id, grant in self.grants.items() if grant.source_ref in refs}
        members, scopes = _of_whom(command)
        for hold_id in wanted & self.holds.keys():
            scopes |= _scopes_of(self.holds[hold_id].member_id, self.holds[hold_id].project)
            hold = state.holds[hold_id] = copy_of_hold(self.holds[hold_id])
            grants |= {part.grant_id for part in hold.allocations if part.grant_id is not None}
        if self.account.assigned or isinstance(command, Refund | RevokeGrant):
            parents = {self.grants[grant_id].parent_id for grant_id in grants & self.grants.keys()}
            grants |= {parent for parent in parents if parent is not None}
        members |= {hold.member_id for hold in state.holds.values() if hold.member_id is not None}
        for grant_id in sorted(grants & self.grants.keys()):
            grant = state.grants[grant_id] = copy(self.grants[grant_id])
            state.source_refs[grant.source_ref] = grant_id
        state.members = {member_id: copy(self.members[member_id]) for member_id in members & self.members.keys()}
        state.scopes = {scope: self.scopes[scope].snapshot() for scope in scopes & self.scopes.keys()}
        return state

    def write(self, state: AccountState) -> None:
        """Keeps what the state says has changed, and nothing else."""
        if not state.account_changed:
            return
        self.account = state.account.snapshot()
        for grant_id in state.new_grants | state.changed_grants:
            assert (grant_id in self.grants) is (grant_id not in state.new_grants), f"grant {grant_id} is written twice"
            self.grants[grant_id] = copy(state.grants[grant_id])
        for hold_id in state.changed_holds:
            assert (hold_id in self.holds) is (hold_id not in state.new_holds), f"hold {hold_id} is written twice"
            self.holds[hold_id] = copy_of_hold(state.holds[hold_id])
        assert state.removed_members <= state.changed_members
        for member_id in state.changed_members:
            self.members[member_id] = copy(state.members[member_id])
        for line in state.new_lines:
            self.lines.setdefault(line.hold_id, []).append(copy(line))
        for line in state.changed_lines.values():
            kept = self.lines[line.hold_id]
            kept[[other.version for other in kept].index(line.version)] = copy(line)
        for operation in state.new_operations:
            name = (operation.mutation, operation.key)
            assert name not in self.operations, f"key {name} took effect twice"
            self.operations[name] = copy(operation)
        self.entries += state.entries
        self.outgoing += state.outgoing
        for scope in state.changed_scopes:
            self.scopes[scope] = state.scopes[scope].snapshot()
        for event in state.new_alerts:
            assert event.event_id not in self.alerts, f"event {event.event_id} is written twice"
            self.alerts[event.event_id] = event
        for event_id, at in state.rearmed_alerts.items():
            assert self.alerts[event_id].rearmed_at is None, f"event {event_id} is armed again twice"
            self.alerts[event_id] = replace(self.alerts[event_id], rearmed_at=at)
        self.refunds += state.new_refunds
        for key, added in state.used.items():
            used = self.usage.setdefault(key, UsageSum())
            used.charged += added.charged
            used.refunded += added.refunded
            used.uses += added.uses
            used.operations += added.operations
        for work, ended in state.worked.items():
            self.works[work] = self.works.get(work, 0) + ended


def _of_whom(command: AnyCommand) -> tuple[set[UUID], set[Scope]]:
    """The members and scopes that a command names."""
    members: set[UUID] = set()
    scopes: set[Scope] = set()
    if isinstance(command, Reserve):
        members |= {command.member_id} if command.member_id is not None else set()
        scopes |= _scopes_of(command.member_id, command.project)
    if isinstance(command, AssignTokens) and command.member_id is not None:
        members.add(command.member_id)
    if isinstance(command, ManageMembers):
        members |= {change.member_id for change in command.changes}
    if isinstance(command, SetLimits):
        for setting in command.settings:
            if setting.scope is not LimitScope.ACCOUNT:
                scopes.add(scope_of(setting))
            if setting.scope is LimitScope.MEMBER and setting.member_id is not None:
                members.add(setting.member_id)
                scopes.add(MEMBER_DEFAULT)
    return members, scopes


def _scopes_of(member_id: UUID | None, project: str | None) -> set[Scope]:
    """Those that a hold counts for, and the default for members."""
    scopes = {Scope(LimitScope.MEMBER, member_id), MEMBER_DEFAULT} if member_id is not None else set()
    return scopes | ({Scope(LimitScope.PROJECT, None, project)} if project is not None else set())
