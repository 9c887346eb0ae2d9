"""One batch: load the rows of its commands under lock, decide each in order, write what changed; one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final
from uuid import UUID

import asyncpg

from models.ledger import rows, short_rows
from models.statements import statement
from rules.ledger.commands import (
    AdjustAccount,
    AssignTokens,
    Commit,
    Extend,
    GrantTokens,
    ManageMembers,
    OpenAccount,
    PlanAssignment,
    ReceiveTransfer,
    Refund,
    Release,
    Reserve,
    RevokeGrant,
    SetLimits,
    Settle,
)
from rules.ledger.decide import as_it_stands, decide
from rules.ledger.due import settle_due
from rules.ledger.kinds import LimitScope
from rules.ledger.limit_settings import scope_of
from rules.ledger.outcomes import AccountEffect, RepriceAt
from rules.ledger.refusals import NotFound, Refusal
from rules.ledger.spending import MEMBER_DEFAULT, Scope
from rules.ledger.state import AccountState
from rules.ledger.transfers import source_ref
from services.ledger.known_accounts import NEVER_WRITTEN, KnownAccounts, LoadedAccount
from services.ledger.referral_rows import ReferralRows
from services.ledger.submission import AlreadyApplied, InboxMessage, LedgerOutcome, Submission

DUE_HOLDS_MAX: Final = 500
"""Outlived holds settled for one account in one batch; with more it is loaded again before anything is decided."""

LOAD: Final = "SELECT * FROM ledger_load_v3($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
WRITTEN_COLUMNS: Final = 28
WRITE: Final = f"SELECT ledger_write_v3({', '.join(f'${number}' for number in range(1, WRITTEN_COLUMNS + 1))})"


@dataclass(frozen=True, slots=True)
class Decided:
    """A batch's answers, in the order of its submissions; None where the account must be loaded again first."""

    outcomes: list[LedgerOutcome | None]
    changed: list[LoadedAccount]
    """Every account that has new entries, as the last of them left it."""
    accounts: Collection[LoadedAccount]
    """As this transaction leaves them, once it has committed."""


async def run_batch(connection: asyncpg.Connection, submissions: Sequence[Submission], known: KnownAccounts) -> Decided:
    """Loads what is not known, decides and writes, inside the transaction that is open on the connection."""
    accounts = await _load(connection, submissions, known)
    referrals = ReferralRows()
    outcomes = [_decide(accounts.get(submission.account_id), submission, referrals) for submission in submissions]
    await _write(connection, accounts.values())
    await referrals.write(connection)
    changed = [loaded for loaded in accounts.values() if loaded.state.entries]
    return Decided(outcomes, changed, accounts.values())


async def _load(
    connection: asyncpg.Connection, submissions: Sequence[Submission], known: KnownAccounts
) -> dict[UUID, LoadedAccount]:
    wanted_holds: set[tuple[UUID, int]] = set()
    wanted_lines: set[tuple[UUID, int]] = set()
    wanted_grants: set[tuple[UUID, int]] = set()
    wanted_keys: set[tuple[UUID, str, str]] = set()
    wanted_refs: set[tuple[UUID, str]] = set()
    wanted_messages: set[tuple[UUID, str, str]] = set()
    wanted_members: set[tuple[UUID, UUID]] = set()
    wanted_scopes: set[tuple[UUID, str, str]] = set()
    openings: dict[UUID, UUID] = {}
    for submission in submissions:
        command = submission.command
        account_id = command.account_id
        match command:
            case Commit() | Release() | Extend():
                wanted_holds.add((account_id, command.hold_id))
            case Refund():
                wanted_holds.add((account_id, command.hold_id))
                wanted_lines.add((account_id, command.hold_id))
            case RevokeGrant():
                wanted_grants.add((account_id, command.grant_id))
            case GrantTokens():
                wanted_refs.add((account_id, command.source_ref))
            case AdjustAccount(plan=PlanAssignment() as plan):
                wanted_refs.add((account_id, plan.source_ref))
            case ReceiveTransfer():
                wanted_refs |= {(account_id, source_ref(command.source_id, part.version)) for part in command.parts}
            case OpenAccount():
                openings[account_id] = command.tenant_id
            case Reserve():
                if command.member_id is not None:
                    wanted_members.add((account_id, command.member_id))
                    wanted_scopes.add((account_id, *rows.scope_name(Scope(LimitScope.MEMBER, command.member_id))))
                    wanted_scopes.add((account_id, *rows.scope_name(MEMBER_DEFAULT)))
                if command.project is not None:
                    wanted_scopes.add((account_id, *rows.scope_name(Scope(LimitScope.PROJECT, None, command.project))))
            case SetLimits():
                for setting in command.settings:
                    if setting.scope is LimitScope.ACCOUNT:
                        continue
                    wanted_scopes.add((account_id, *rows.scope_name(scope_of(setting))))
                    if setting.scope is LimitScope.MEMBER and setting.member_id is not None:
                        wanted_members.add((account_id, setting.member_id))
                        wanted_scopes.add((account_id, *rows.scope_name(MEMBER_DEFAULT)))
            case AssignTokens():
                if command.member_id is not None:
                    wanted_members.add((account_id, command.member_id))
            case ManageMembers():
                wanted_members |= {(account_id, change.member_id) for change in command.changes}
            case _:
                pass
        once = getattr(command, "once", None)
        if once is not None:
            wanted_keys.add((account_id, once.mutation, once.key))
        for message in submission.riders.all_messages:
            wanted_messages.add((account_id, message.origin, message.message_id))
    remembered = {
        account_id: known.take(account_id) for account_id in {submission.account_id for submission in submissions}
    }
    loaded = await connection.fetchrow(
        LOAD,
        list(remembered),
        [NEVER_WRITTEN if one is None else one.mark for one in remembered.values()],
        list(openings.items()),
        list(wanted_holds),
        list(wanted_lines),
        list(wanted_grants),
        list(wanted_keys),
        list(wanted_refs),
        list(wanted_messages),
        list(wanted_members),
        list(wanted_scopes),
        DUE_HOLDS_MAX,
    )
    accounts = _assemble(loaded, remembered)
    for account_id, hold_id in wanted_lines:
        if account_id in accounts:
            accounts[account_id].state.captured_lines.setdefault(hold_id, [])
    for account in accounts.values():
        account.drained = settle_due(account.state, account.now)
    return accounts


def _assemble(
    loaded: asyncpg.Record | None, remembered: Mapping[UUID, LoadedAccount | None]
) -> dict[UUID, LoadedAccount]:
    """The loader's columns as one state per account; what it left out is as it was remembered."""
    accounts: dict[UUID, LoadedAccount] = {}
    if loaded is None:
        raise AssertionError("the loader always gives one row")
    observed_at, loaded_at_seconds = loaded["observed_at"], monotonic()
    clocks = {clock[0]: (clock[1], clock[2]) for clock in loaded["clocks"] or ()}
    for row, mark in zip(loaded["accounts"] or (), loaded["marks"] or (), strict=True):
        read = rows.read_account(row)
        now, next_due_at = clocks.get(read.account_id) or (max(observed_at, read.last_at), None)
        state = AccountState(read, next_due_at=next_due_at)
        accounts[read.account_id] = LoadedAccount(state, now, mark, short_rows.account_rest(read))
    for account_id, known in remembered.items():
        if known is not None and account_id not in accounts:
            last_at = known.state.account.last_at
            known.now, known.state.next_due_at = clocks.get(account_id) or (max(observed_at, last_at), None)
            known.loaded_at_seconds = loaded_at_seconds
            accounts[account_id] = known
    for row in loaded["grants"] or ():
        accounts[row[0]].add_grant(rows.read_grant(row))
    for row in loaded["holds"] or ():
        hold = rows.read_hold(row)
        accounts[row[0]].state.holds[hold.hold_id] = hold
        accounts[row[0]].allocations_loaded[hold.hold_id] = 0
    for row in loaded["allocations"] or ():
        account = accounts[row[0]]
        account.state.holds[row[1]].allocations.append(rows.read_allocation(row))
        account.allocations_loaded[row[1]] += 1
    for row in loaded["lines"] or ():
        accounts[row[0]].state.captured_lines.setdefault(row[3], []).append(rows.read_line(row))
    for row in loaded["operations"] or ():
        operation = rows.read_operation(row)
        accounts[row[0]].state.operations[(operation.mutation, operation.key)] = operation
    for row in loaded["messages"] or ():
        accounts[row[0]].messages.add(InboxMessage(row[1], row[2]))
    for row in loaded["members"] or ():
        member = rows.read_member(row)
        accounts[row[0]].state.members[member.member_id] = member
    for row in loaded["scopes"] or ():
        accounts[row[0]].state.scopes[rows.read_scope(row[1], row[2])] = rows.read_spending(row[4])
    return accounts


def _decide(account: LoadedAccount | None, submission: Submission, referrals: ReferralRows) -> LedgerOutcome | None:
    command, riders = submission.command, submission.riders
    if account is None:
        return NotFound("account")
    if not account.drained:
        return None
    state = account.state
    once = getattr(command, "once", None)
    is_replay = once is not None and (once.mutation, once.key) in state.operations
    # What the account was told is not another tenant's to know; the core says to it that there is no such account.
    if not is_replay and state.account.tenant_id == command.tenant_id:
        for message in riders.messages:
            if message in account.messages:
                return AlreadyApplied(message)
        if riders.itself in account.messages:
            # Its answer was lost. It is not done again: others may have set something else since.
            return as_it_stands(state, command, account.now)
    remembered, opened = len(state.new_operations), state.account.opened
    outcome = decide(state, command, account.now)
    # A settlement only notes its messages, so that whatever else would ride with one of them comes too late.
    if len(state.new_operations) > remembered or (isinstance(command, Settle) and isinstance(outcome, AccountEffect)):
        account.new_messages += riders.messages
        account.messages.update(riders.messages)
    if riders.itself is not None and not isinstance(outcome, Refusal):
        account.new_messages.append(riders.itself)
    referrals.note(command, riders, outcome)
    if riders.name is not None and isinstance(outcome, AccountEffect):
        account.name = riders.name
    # Opening an account that is open does nothing, like a replay, and leaves no line in the log either.
    did_nothing = is_replay or (isinstance(command, OpenAccount) and opened) or isinstance(outcome, Refusal | RepriceAt)
    if riders.change is not None and not did_nothing:
        account.changes.append(rows.change_row(state.account, riders.change, account.now))
    if riders.profile is not None and state.account.opened and not opened:
        profile = riders.profile
        if profile.referrer_id is not None:
            referrals.referred.append(
                (state.account.account_id, state.account.tenant_id, profile.referrer_id, account.now)
            )
        account.profile = rows.profile_row(
            state.account.account_id,
            state.account.tenant_id,
            profile.external_id,
            profile.name,
            profile.kind,
            account.now,
        )
    return outcome


async def _write(connection: asyncpg.Connection, accounts: Collection[LoadedAccount]) -> None:
    """One call for everything that changed; none at all when nothing did."""
    changed = [
        loaded
        for loaded in accounts
        if loaded.state.account_changed or loaded.name is not None or loaded.changes or loaded.new_messages
    ]
    if not changed:
        return
    columns: list[list[rows.Row]] = [[] for _ in range(WRITTEN_COLUMNS)]
    for loaded in changed:
        _collect(loaded, columns)
    mark = await connection.fetchval(WRITE, *columns)
    for loaded in changed:
        loaded.mark = mark
    removed = [
        (state.account.account_id, member_id, state.account.tenant_id)
        for state in (loaded.state for loaded in changed)
        for member_id in state.removed_members
    ]
    if removed:
        # After the members' rows are locked: whoever made a token under the same lock made it before, or finds nobody.
        await connection.execute(statement("end_tokens_of_members"), *map(list, zip(*removed, strict=True)))


def _collect(loaded: LoadedAccount, columns: list[list[rows.Row]]) -> None:
    state = loaded.state
    account = state.account
    (
        account_rows,
        new_grants,
        changed_grants,
        new_holds,
        changed_holds,
        new_allocations,
        changed_allocations,
        new_lines,
        changed_lines,
        entries,
        texts,
        operations,
        messages,
        profiles,
        names,
        members,
        scopes,
        alerts,
        rearmed,
        used,
        worked,
        outgoing,
        changes,
        refunds,
        tallies,
        burned,
        begun,
        set_aside,
    ) = columns
    rest, tally = short_rows.account_rest(account), short_rows.tally_row(account)
    if tally is not None and rest == loaded.rest:
        tallies.append(tally)
    else:
        account_rows.append(rows.account_row(account))
        loaded.rest = rest
    for grant_id in state.new_grants:
        grant = state.grants[grant_id]
        new_grants.append(rows.grant_row(account, grant))
        loaded.grant_rests[grant_id] = short_rows.grant_rest(grant)
    for grant_id in state.changed_grants - state.new_grants:
        grant = state.grants[grant_id]
        rest = short_rows.grant_rest(grant)
        if rest == loaded.grant_rests[grant_id]:
            burned.append(short_rows.burned_row(account, grant))
        else:
            changed_grants.append(rows.grant_row(account, grant))
            loaded.grant_rests[grant_id] = rest
    for hold_id in state.changed_holds:
        hold = state.holds[hold_id]
        if hold_id not in state.new_holds:
            changed_holds.append(rows.hold_row(account, hold))
        elif short_rows.has_only_begun(hold):
            begun.append(short_rows.begun_row(account, hold))
        else:
            new_holds.append(rows.hold_row(account, hold))
        known = loaded.allocations_loaded.get(hold_id, 0)
        for allocation in hold.allocations[:known]:
            changed_allocations.append(rows.allocation_row(account, hold_id, allocation))
        for allocation in hold.allocations[known:]:
            if short_rows.is_only_set_aside(allocation):
                set_aside.append(short_rows.set_aside_row(account, hold_id, allocation))
            else:
                new_allocations.append(rows.allocation_row(account, hold_id, allocation))
    created = {line.version for line in state.new_lines}
    new_lines += [rows.line_row(account, line) for line in state.new_lines]
    changed_lines += [
        rows.line_row(account, line) for line in state.changed_lines.values() if line.version not in created
    ]
    refunds += [rows.refund_row(account, refund) for refund in state.new_refunds]
    entries += [rows.entry_row(account, entry) for entry in state.entries]
    texts += [rows.text_row(account, entry) for entry in state.entries if entry.text_digest]
    operations += [rows.operation_row(account, operation) for operation in state.new_operations]
    messages += [
        rows.message_row(account, message.origin, message.message_id, loaded.now) for message in loaded.new_messages
    ]
    if loaded.profile is not None:
        profiles.append(loaded.profile)
    if loaded.name is not None:
        names.append((account.account_id, loaded.name))
    members += [rows.member_row(account, state.members[member_id]) for member_id in state.changed_members]
    scopes += [rows.scope_row(account, scope, state.scopes[scope]) for scope in state.changed_scopes]
    alerts += [rows.alert_row(account, event) for event in state.new_alerts]
    rearmed += [(account.account_id, event_id, at) for event_id, at in state.rearmed_alerts.items()]
    used += [rows.usage_row(account, key, added) for key, added in state.used.items()]
    worked += [rows.work_row(account, key, works) for key, works in state.worked.items()]
    outgoing += [rows.outgoing_row(account, message) for message in state.outgoing]
    changes += loaded.changes
