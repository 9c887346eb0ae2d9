"""Members: taking them in, changing them, letting them go. Their rows are kept for good, with their ids."""

from __future__ import annotations

from copy import copy
from datetime import datetime
from typing import assert_never

from rules.ledger.assignments import hand_back_all
from rules.ledger.burn_down import Spender
from rules.ledger.commands import ManageMembers
from rules.ledger.entries import append
from rules.ledger.kinds import EntryKind
from rules.ledger.member_changes import AddMember, MemberChange, RemoveMember, UpdateMember
from rules.ledger.refusals import CLOSED, NotFound, Refusal
from rules.ledger.state import AccountState
from rules.ledger.team import Member
from rules.pricing.refusals import InvalidInput, invalid_inputs


def manage_members(state: AccountState, command: ManageMembers, now: datetime) -> tuple[Member, ...] | Refusal:
    """Makes every change, one after the other, or none; the members as they then are, in the order of the changes.

    One ADJUSTMENT entry for each setting that really changes. Who is removed again stays removed; nobody can change one
    who is not there. Of a list everything that is wrong is told, by its place.
    """
    strangers = _strangers(state, command.changes)
    if strangers and not command.listed:
        return NotFound("member")
    unknown = {index: InvalidInput(f"members[{index}].memberId", "there is no such member") for index in strangers}
    fault = command.refusal or invalid_inputs({**unknown, **command.faults})
    if fault is not None:
        return fault
    if state.account.closed_at is not None:
        return InvalidInput("accountId", CLOSED)
    # From here on it succeeds.
    for change in command.changes:
        _apply(state, change, now)
    return tuple(copy(state.members[change.member_id]) for change in command.changes)


def _strangers(state: AccountState, changes: tuple[MemberChange, ...]) -> list[int]:
    """The indices of the changes that concern nobody, given those before them."""
    strangers: list[int] = []
    is_active = {member.member_id: member.active for member in state.members.values()}
    for index, change in enumerate(changes):
        match change:
            case AddMember():
                is_active[change.member_id] = True
            case UpdateMember():
                if not is_active.get(change.member_id, False):
                    strangers.append(index)
            case RemoveMember():
                if change.member_id not in is_active:
                    strangers.append(index)
                else:
                    is_active[change.member_id] = False
            case _:
                assert_never(change)
    return strangers


def _apply(state: AccountState, change: MemberChange, now: datetime) -> None:
    match change:
        case AddMember():
            _add(state, change, now)
        case UpdateMember():
            _update(state, change, now)
        case RemoveMember():
            _remove(state, change, now)
        case _:
            assert_never(change)


def _add(state: AccountState, change: AddMember, now: datetime) -> None:
    member = state.members.get(change.member_id)
    if member is None:
        state.members[change.member_id] = Member(change.member_id, change.external_id, change.name, change.role, now)
    elif member.active:
        return
    else:
        member.name, member.role, member.active, member.removed_at = change.name, change.role, True, None
    _record(state, state.members[change.member_id], f"member added, role {change.role}", now)


def _update(state: AccountState, change: UpdateMember, now: datetime) -> None:
    member = state.members[change.member_id]
    if change.name is not None and change.name != member.name:
        member.name = change.name
        # The journal is for good; a person's name stands in the member's row alone.
        _record(state, member, "member renamed", now)
    if change.role is not None and change.role is not member.role:
        before, member.role = member.role, change.role
        _record(state, member, f"member role {before} -> {change.role}", now)


def _remove(state: AccountState, change: RemoveMember, now: datetime) -> None:
    member = state.members[change.member_id]
    if not member.active:
        return
    member.active, member.removed_at = False, now
    state.removed_members.add(member.member_id)
    _record(state, member, "member removed", now)
    hand_back_all(state, Spender(member.member_id), now)


def _record(state: AccountState, member: Member, note: str, now: datetime) -> None:
    state.changed_members.add(member.member_id)
    append(state, EntryKind.ADJUSTMENT, now, member_id=member.member_id, note=note)
