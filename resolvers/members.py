"""Members: adding, changing and removing them."""

from __future__ import annotations

from uuid import UUID

import strawberry
from strawberry import Some

from resolvers.context import Info
from resolvers.scope import ScopedAccount, account_in_scope, member_in_account, member_in_scope, principal_of
from rules.ledger.kinds import MemberRole
from rules.ledger.outcomes import MembersEffect
from rules.ledger.refusals import NotFound
from rules.ledger.requests import ChangedMember, GoneMember, MembersRequest, NewMember
from schema.described import output
from schema.inputs import (
    AddMemberInput,
    ManageMembersInput,
    MemberChangeInput,
    NewMemberInput,
    RemoveMemberInput,
    UpdateMemberInput,
)
from schema.members import shown_member
from schema.refusals import problem_of
from schema.results import ManageMembersResult, ManageMembersSuccess, MemberResult, MemberSuccess
from services.principal import Scope


@output
class MemberMutations:
    """The verbs that change who belongs to an account."""

    @strawberry.mutation
    async def add_member(self, info: Info, input: AddMemberInput) -> MemberResult | None:
        """Adds a member, or returns the one who already has this external id: its name and role are left alone.

        One that was removed comes back with its id and history, by the name and role given.

        input: the member
        """
        account = account_in_scope(info, Scope.ADMINISTER, input.account_id)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        return await _change_one(info, "addMember", account.tenant_id, account.account_id, _added(input))

    @strawberry.mutation
    async def update_member(self, info: Info, input: UpdateMemberInput) -> MemberResult | None:
        """Changes a member's name or role; what is absent stays as it is.

        input: which member, and what to change
        """
        member = member_in_scope(info, Scope.ADMINISTER, input.member_id)
        if isinstance(member, NotFound):
            return problem_of(member)
        return await _change_one(
            info, "updateMember", member.tenant_id, member.account_id, _changed(input, member.member_id)
        )

    @strawberry.mutation
    async def remove_member(self, info: Info, input: RemoveMemberInput) -> MemberResult | None:
        """Removes a member and keeps its history. What was assigned to it goes back to the pool: what is on hold, as it
        comes back; its open holds are committed and released as usual.

        input: whom
        """
        member = member_in_scope(info, Scope.ADMINISTER, input.member_id)
        if isinstance(member, NotFound):
            return problem_of(member)
        return await _change_one(
            info, "removeMember", member.tenant_id, member.account_id, GoneMember(member.member_id)
        )

    @strawberry.mutation
    async def manage_members(self, info: Info, input: ManageMembersInput) -> ManageMembersResult | None:
        """Adds, changes and removes many members at once: all of it, or nothing.

        input: the changes
        """
        account = account_in_scope(info, Scope.ADMINISTER, input.account_id)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        tenant_id, account_id = account.tenant_id, account.account_id
        changes = tuple(_change_of(account_id, change) for change in input.members)
        request = MembersRequest(tenant_id, account_id, changes, listed=True)
        outcome = await info.context.services.members.manage(request, act="manageMembers", by=principal_of(info))
        if not isinstance(outcome, MembersEffect):
            return problem_of(outcome)
        return ManageMembersSuccess(members=[shown_member(tenant_id, account_id, member) for member in outcome.members])


async def _change_one(
    info: Info, act: str, tenant_id: UUID, account_id: UUID, change: NewMember | ChangedMember | GoneMember
) -> MemberResult:
    outcome = await info.context.services.members.manage(
        MembersRequest(tenant_id, account_id, (change,)), act=act, by=principal_of(info)
    )
    if not isinstance(outcome, MembersEffect):
        # A member of an account that is not there is not there either, and its id is all that was given.
        return problem_of(outcome if isinstance(change, NewMember) or not isinstance(outcome, NotFound) else _NOBODY)
    return MemberSuccess(member=shown_member(tenant_id, account_id, outcome.members[0]))


_NOBODY = NotFound("member")


def _change_of(account_id: UUID, given: MemberChangeInput) -> NewMember | ChangedMember | GoneMember:
    if given.add is not None:
        return _added(given.add)
    if given.update is not None:
        return _changed(given.update, member_in_account(account_id, given.update.member_id))
    return GoneMember(member_in_account(account_id, given.remove or ""))


def _added(given: AddMemberInput | NewMemberInput) -> NewMember:
    return NewMember(given.external_id, given.name, given.role or MemberRole.MEMBER)


def _changed(given: UpdateMemberInput, member_id: UUID | None) -> ChangedMember:
    fields: dict[str, Some[str | None] | Some[MemberRole | None] | None] = {"name": given.name, "role": given.role}
    return ChangedMember(
        member_id,
        None if given.name is None else given.name.value,
        None if given.role is None else given.role.value,
        nulls=tuple(field for field, value in fields.items() if value is not None and value.value is None),
    )
