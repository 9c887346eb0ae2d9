"""Members: taking them in, changing them and letting them go, one at a time or many at once."""

from __future__ import annotations

from typing import Final, assert_never
from uuid import UUID

from rules.changes import Change
from rules.identity import IdKind, member_id_of, public_id
from rules.ledger.commands import ManageMembers
from rules.ledger.member_changes import AddMember, MemberChange, RemoveMember, UpdateMember
from rules.ledger.outcomes import MembersEffect, MembersOutcome
from rules.ledger.refusals import NotFound
from rules.ledger.requests import ChangedMember, GoneMember, MembersRequest, NewMember
from rules.pricing.refusals import InvalidInput
from services.accounts import fault_of_external_id
from services.change_log import change_of
from services.ledger.submission import Riders, unkeyed
from services.ledger.writer import Writer
from services.names import fault_of_name
from services.principal import OPERATOR, Principal

CHANGES_MAX: Final = 1_000
"""Changes of members at once: they are one transaction, and others wait for it."""

_NO_SUCH_MEMBER = UUID(int=0)
"""No member has this id: the ledger finds nobody, after it has found the account."""

_NO_MEMBER_TO_BE = UUID(int=1)
"""Nor this one, by which who cannot be added is judged: another, lest a change of nobody take it for the new member."""


class Members:
    """addMember, updateMember, removeMember, manageMembers. Raises `LedgerUnavailable` when nobody could judge."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def manage(
        self, request: MembersRequest, *, act: str = "manageMembers", by: Principal = OPERATOR
    ) -> MembersOutcome:
        """Makes every change or none. Where they came as a list, everything that is wrong is named by its place.

        `act`: by which name the change log has it.
        """
        changes: list[MemberChange] = []
        refusal: InvalidInput | None = None
        faults: dict[int, InvalidInput] = {}
        if len(request.changes) > CHANGES_MAX:
            refusal = InvalidInput("members", f"at most {CHANGES_MAX} changes at once, not {len(request.changes)}")
        else:
            for index, asked in enumerate(request.changes):
                fault = _fault_of(asked)
                if fault is not None:
                    place = f"members[{index}]." if request.listed else ""
                    faults[index] = InvalidInput(place + fault.field, fault.message)
                changes.append(_change_of(request.account_id, asked))
        outcome = await self._writer.submit(
            ManageMembers(request.tenant_id, request.account_id, tuple(changes), request.listed, refusal, faults),
            Riders(change=_logged(by, act, request), itself=unkeyed()),
        )
        match outcome:
            case MembersEffect() | NotFound() | InvalidInput():
                return outcome
            case _:
                raise AssertionError(f"a change of members came to {type(outcome).__name__}")


def _logged(by: Principal, act: str, request: MembersRequest) -> Change:
    """The line of the log: about the one member, or how many; what people are called can be erased, and is left out."""
    if request.listed:
        return change_of(by, act, public_id(IdKind.ACCOUNT, request.account_id), {"changes": len(request.changes)})
    (asked,) = request.changes
    match asked:
        case NewMember():
            # What cannot be an external id is refused, and refusals are not logged.
            sound = fault_of_external_id(asked.external_id) is None
            member_id = member_id_of(request.account_id, asked.external_id) if sound else None
        case ChangedMember() | GoneMember():
            member_id = asked.member_id
        case _:
            assert_never(asked)
    subject = None if member_id is None else public_id(IdKind.MEMBER, request.account_id, part=member_id)
    role = None if isinstance(asked, GoneMember) else asked.role
    return change_of(by, act, subject, {"role": None if role is None else role.value})


def _fault_of(asked: NewMember | ChangedMember | GoneMember) -> InvalidInput | None:
    match asked:
        case NewMember():
            return fault_of_external_id(asked.external_id) or fault_of_name("name", asked.name)
        case ChangedMember():
            if asked.nulls:
                return InvalidInput(asked.nulls[0], "must not be null; leave it out to keep what it is")
            return fault_of_name("name", asked.name) if asked.name is not None else None
        case GoneMember():
            return None
        case _:
            assert_never(asked)


def _change_of(account_id: UUID, asked: NewMember | ChangedMember | GoneMember) -> MemberChange:
    """What the ledger is to do; of what is wrong, whom it is about, so that the others can be judged."""
    match asked:
        case NewMember():
            sound = fault_of_external_id(asked.external_id) is None
            member_id = member_id_of(account_id, asked.external_id) if sound else _NO_MEMBER_TO_BE
            return AddMember(member_id, asked.external_id, asked.name, asked.role)
        case ChangedMember():
            return UpdateMember(asked.member_id or _NO_SUCH_MEMBER, asked.name, asked.role)
        case GoneMember():
            return RemoveMember(asked.member_id or _NO_SUCH_MEMBER)
        case _:
            assert_never(asked)
