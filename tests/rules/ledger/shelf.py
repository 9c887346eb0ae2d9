"""An account's rows in memory, loaded and written as a batch does it: only what is needed, only what changed."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from datetime import datetime

from rules.ledger.commands import AnyCommand, Commit, Extend, GrantTokens, Refund, Release, RevokeGrant
from rules.ledger.journal import Entry
from rules.ledger.kinds import HoldState
from rules.ledger.state import Account, AccountState, CapturedLine, Grant, Hold, Operation


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
        if isinstance(command, GrantTokens):
            grants |= {grant_id for grant_id, grant in self.grants.items() if grant.source_ref == command.source_ref}
        for hold_id in wanted & self.holds.keys():
            hold = state.holds[hold_id] = copy_of_hold(self.holds[hold_id])
            grants |= {part.grant_id for part in hold.allocations if part.grant_id is not None}
        for grant_id in sorted(grants & self.grants.keys()):
            grant = state.grants[grant_id] = copy(self.grants[grant_id])
            state.source_refs[grant.source_ref] = grant_id
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
