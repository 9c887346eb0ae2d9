"""Members: who is taken in, changed and let go, and what the journal says of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rules.ledger.commands import ManageMembers
from rules.ledger.kinds import EntryKind, MemberRole
from rules.ledger.members import manage_members
from rules.ledger.outcomes import MembersEffect
from rules.ledger.refusals import NotFound
from rules.ledger.state import AccountState
from rules.ledger.team import Member
from rules.pricing.refusals import InvalidInput
from tests.rules.ledger.notation import ACCOUNT, START, TENANT, Refused, after, refusal
from tests.rules.ledger.workbench import Workbench, adding, an_account, member_named, removing, updating

ADMIN, MEMBER, VIEWER = MemberRole.ADMIN, MemberRole.MEMBER, MemberRole.VIEWER


def notes(bench: Workbench) -> list[tuple[object, str | None]]:
    """Who is concerned by each ADJUSTMENT entry so far, and what it says."""
    return [(entry.member_id, entry.note) for entry in bench.entries if entry.kind is EntryKind.ADJUSTMENT]


class TestAdding:
    def test_takes_somebody_in_with_name_and_role(self) -> None:
        bench = an_account()
        bench.wait(5)
        [member] = bench.manage(adding("anna", ADMIN, called="Anna K.")).members
        assert member == Member(member_named("anna") or TENANT, "anna", "Anna K.", ADMIN, after(5))
        assert notes(bench) == [(member.member_id, "member added, role ADMIN")]

    def test_the_same_one_again_changes_nothing(self) -> None:
        bench = an_account()
        first = bench.add_member("anna")
        [again] = bench.manage(adding("anna", ADMIN, called="Somebody")).members
        assert again == first
        assert len(bench.entries) == 1

    def test_who_was_removed_comes_back_as_the_same_member(self) -> None:
        bench = an_account()
        first = bench.add_member("anna")
        bench.remove_member("anna")
        bench.wait(60)
        [back] = bench.manage(adding("anna", VIEWER, called="Anna")).members
        assert (back.member_id, back.created_at) == (first.member_id, START)
        assert (back.name, back.role, back.active, back.removed_at) == ("Anna", VIEWER, True, None)

    def test_ids_of_two_accounts_differ(self) -> None:
        assert member_named("anna") != member_named("ben")


class TestChanging:
    def test_writes_an_entry_for_each_setting_that_changes(self) -> None:
        bench = an_account()
        bench.add_member("anna")
        [member] = bench.manage(updating("anna", called="Anna", role=ADMIN)).members
        assert (member.name, member.role) == ("Anna", ADMIN)
        assert [note for _, note in notes(bench)[1:]] == ["member renamed", "member role MEMBER -> ADMIN"]

    def test_to_what_it_is_writes_nothing(self) -> None:
        bench = an_account()
        bench.add_member("anna")
        bench.manage(updating("anna", called="anna", role=MEMBER))
        bench.manage(updating("anna"))
        assert len(bench.entries) == 1

    def test_the_journal_keeps_no_names_of_people(self) -> None:
        bench = an_account()
        bench.manage(adding("x-17", called="Anna Kowalska"), updating("x-17", called="Anna Nowak"))
        assert not [note for _, note in notes(bench) if "Anna" in (note or "") or "x-17" in (note or "")]

    @pytest.mark.parametrize("was_there", [True, False])
    def test_one_who_is_not_there(self, was_there: bool) -> None:
        bench = an_account()
        if was_there:
            bench.add_member("anna")
            bench.remove_member("anna")
        with refusal(NotFound("member")):
            bench.manage(updating("anna", role=ADMIN), listed=False)

    def test_the_last_admin_may_go(self) -> None:
        bench = an_account()
        bench.add_member("anna", ADMIN)
        bench.manage(updating("anna", role=MEMBER))
        bench.add_member("ben", ADMIN)
        assert not bench.remove_member("ben").active


class TestRemoving:
    def test_ends_a_membership_and_keeps_the_row(self) -> None:
        bench = an_account()
        bench.add_member("anna")
        bench.wait(9)
        removed = bench.remove_member("anna")
        assert (removed.active, removed.removed_at, removed.external_id) == (False, after(9), "anna")
        assert notes(bench)[-1] == (removed.member_id, "member removed")

    def test_is_known_for_the_end_of_its_tokens_also_when_it_comes_back_at_once(self) -> None:
        state = AccountState(an_account().account)
        anna = adding("anna")
        manage_members(state, ManageMembers(TENANT, ACCOUNT, (anna, adding("ben"), anna)), START)
        assert state.removed_members == set()
        manage_members(state, ManageMembers(TENANT, ACCOUNT, (removing("anna"), anna)), START)
        assert state.members[anna.member_id].active
        assert state.removed_members == {anna.member_id}

    def test_again_changes_nothing(self) -> None:
        bench = an_account()
        bench.add_member("anna")
        first = bench.remove_member("anna")
        bench.wait(60)
        assert bench.remove_member("anna") == first
        assert len(bench.entries) == 2

    def test_a_stranger(self) -> None:
        with refusal(NotFound("member")):
            an_account().remove_member("anna")


class TestManyAtOnce:
    def test_are_changed_one_after_the_other(self) -> None:
        bench = an_account()
        effect = bench.manage(adding("anna"), adding("ben"), updating("anna", role=ADMIN), removing("ben"))
        assert [(member.external_id, member.role, member.active) for member in effect.members] == [
            ("anna", ADMIN, True),
            ("ben", MEMBER, False),
            ("anna", ADMIN, True),
            ("ben", MEMBER, False),
        ]

    @pytest.mark.parametrize("stranger", [updating("carl", role=ADMIN), removing("carl")])
    def test_are_changed_all_or_none_and_the_place_of_the_fault_is_named(self, stranger: object) -> None:
        bench = an_account()
        with refusal(InvalidInput("members[1].memberId", "there is no such member")):
            bench.manage(adding("anna"), stranger)
        assert not bench.shelf.members

    def test_nobody_can_change_whom_the_same_list_removes(self) -> None:
        bench = an_account()
        with refusal(InvalidInput("members[2].memberId", "there is no such member")):
            bench.manage(adding("anna"), removing("anna"), updating("anna", role=ADMIN))

    def test_everything_that_is_wrong_is_named_by_its_place(self) -> None:
        bench = an_account()
        with pytest.raises(Refused) as refused:
            bench.manage(
                removing("carl"),
                adding("anna"),
                removing("anna"),
                updating("anna", role=ADMIN),
                adding("ben"),
                faults={4: InvalidInput("members[4].name", "must not be empty")},
            )
        stranger = "there is no such member"
        assert isinstance(refused.value.refusal, InvalidInput)
        assert refused.value.refusal.faults == (
            InvalidInput("members[0].memberId", stranger),
            InvalidInput("members[3].memberId", stranger),
            InvalidInput("members[4].name", "must not be empty"),
        )
        assert not bench.shelf.members

    def test_none_at_all_is_nothing(self) -> None:
        bench = an_account()
        assert bench.manage().members == ()
        assert bench.entries == []

    def test_bad_input_found_before_counts_where_everybody_is_known(self) -> None:
        bench = an_account()
        bench.add_member("anna")
        fault = InvalidInput("name", "must not be empty")
        with refusal(fault):
            bench.manage(updating("anna"), listed=False, refused=fault)
        with refusal(NotFound("member")):
            bench.manage(updating("ben"), listed=False, refused=fault)


def test_members_have_one_balance_with_the_account() -> None:
    bench = an_account(tokens=100)
    effect = bench.manage(adding("anna"))
    assert isinstance(effect, MembersEffect)
    assert (effect.balance.account_id, effect.balance.version) == (ACCOUNT, 2)
    assert bench.entries[-1].at == START + timedelta(0)
