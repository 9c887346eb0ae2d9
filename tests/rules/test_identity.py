"""Ids: names that carry their account and can be spelled in one way only."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.identity import (
    IdKind,
    PublicId,
    account_id_of,
    member_id_of,
    parse_public_id,
    public_id,
    scope_id_of,
)

steady = settings(deadline=None, derandomize=True, database=None)
TENANT, OTHER_TENANT = UUID(int=1), UUID(int=2)
ROWS = [IdKind.GRANT, IdKind.HOLD, IdKind.ENTRY, IdKind.QUOTE, IdKind.ALERT, IdKind.CHANGE]
PARTS = [IdKind.MEMBER, IdKind.BALANCE]
WHOLES = [kind for kind in IdKind if kind not in ROWS and kind is not IdKind.MEMBER]
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class TestAccountId:
    def test_is_the_same_for_ever(self) -> None:
        assert account_id_of(TENANT, "user-1") == UUID("09bc4cd8-1ff5-89a7-bb66-1cf6e75a1eff")

    def test_derives_from_tenant_and_external_id(self) -> None:
        ids = {account_id_of(tenant, name) for tenant in (TENANT, OTHER_TENANT) for name in ("a", "b", "A", "a ", "")}
        assert len(ids) == 10

    @steady
    @given(st.text(st.characters(codec="utf-8"), max_size=20))
    def test_is_a_uuid_of_version_8(self, external_id: str) -> None:
        account_id = account_id_of(TENANT, external_id)
        assert (account_id.version, account_id.variant) == (8, "specified in RFC 4122")


class TestMemberId:
    def test_is_the_same_for_ever(self) -> None:
        assert member_id_of(TENANT, "anna") == UUID("68011ea0-07fd-8c52-ad6e-ab19c6c6b062")

    def test_derives_from_account_and_external_id(self) -> None:
        ids = {member_id_of(account, name) for account in (TENANT, OTHER_TENANT) for name in ("a", "b", "A", "a ", "")}
        assert len(ids | {account_id_of(TENANT, "a")}) == 11

    def test_is_a_uuid_of_version_8(self) -> None:
        assert member_id_of(TENANT, "anna").version == 8


class TestScopeId:
    def test_names_each_member_and_project_apart(self) -> None:
        members = [None, UUID(int=1), UUID(int=2)]
        scopes = {scope_id_of(member, project) for member in members for project in (None, "", "a", "b")}
        assert len(scopes) == 12

    def test_of_a_member_alone_is_the_member(self) -> None:
        assert scope_id_of(UUID(int=1), None) == UUID(int=1)


class TestPublicId:
    @steady
    @given(st.sampled_from(PARTS), st.uuids(), st.uuids())
    def test_of_a_part_carries_its_account_too(self, kind: IdKind, account_id: UUID, part: UUID) -> None:
        assert parse_public_id(public_id(kind, account_id, None, part)) == PublicId(kind, account_id, None, part)

    @steady
    @given(st.sampled_from(ROWS), st.uuids(), st.integers(1, 2**63 - 1))
    def test_of_a_row_carries_its_account_and_number(self, kind: IdKind, account_id: UUID, local: int) -> None:
        assert parse_public_id(public_id(kind, account_id, local)) == PublicId(kind, account_id, local)

    @steady
    @given(st.sampled_from(WHOLES), st.uuids())
    def test_of_anything_else_carries_its_uuid_alone(self, kind: IdKind, owner: UUID) -> None:
        assert parse_public_id(public_id(kind, owner)) == PublicId(kind, owner, None)

    @pytest.mark.parametrize("local", [1, 255, 256, 2**53 + 1, 2**63 - 1])
    def test_numbers_are_read_back_at_every_length(self, local: int) -> None:
        parsed = parse_public_id(public_id(IdKind.HOLD, TENANT, local))
        assert parsed is not None
        assert parsed.local == local

    def test_can_stand_in_an_address(self) -> None:
        text = public_id(IdKind.HOLD, UUID(int=2**128 - 1), 2**63 - 1)
        assert set(text) <= set(BASE64)
        assert len(text) <= 64

    @steady
    @given(st.text(max_size=70))
    def test_any_other_text_names_nothing(self, text: str) -> None:
        parsed = parse_public_id(text)
        assert parsed is None or public_id(parsed.kind, parsed.owner, parsed.local, parsed.part) == text

    @steady
    @given(st.uuids(), st.integers(1, 2**40), st.integers(0, 60), st.sampled_from(BASE64))
    def test_no_two_spellings_name_the_same(self, account_id: UUID, local: int, place: int, letter: str) -> None:
        text = public_id(IdKind.HOLD, account_id, local)
        changed = text[:place] + letter + text[place + 1 :]
        parsed = parse_public_id(changed)
        assert parsed is None or changed == text or parsed != parse_public_id(text)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "hold",
            "hold_",
            "hold_!",
            "hold_AA",
            "gold_AAAAAAAAAAAAAAAAAAAAAQE",
            public_id(IdKind.HOLD, TENANT, 1) + "=",
            public_id(IdKind.HOLD, TENANT, 1) + "\n",
            " " + public_id(IdKind.HOLD, TENANT, 1),
            public_id(IdKind.HOLD, TENANT, 1).upper(),
            public_id(IdKind.HOLD, UUID(int=2**128 - 1), 1).replace("_", "/").replace("hold/", "hold_"),
            public_id(IdKind.HOLD, TENANT),
            public_id(IdKind.ACCOUNT, TENANT, 1),
            public_id(IdKind.HOLD, TENANT, 0),
            public_id(IdKind.MEMBER, TENANT),
            public_id(IdKind.MEMBER, TENANT, 1),
            public_id(IdKind.BALANCE, TENANT, 1),
            public_id(IdKind.ACCOUNT, TENANT, None, TENANT),
            public_id(IdKind.HOLD, TENANT, None, TENANT),
            public_id(IdKind.MEMBER, TENANT, None, TENANT)[:-1],
            public_id(IdKind.MEMBER, TENANT, None, TENANT) + "A",
            public_id(IdKind.HOLD, TENANT, 2**63),
            public_id(IdKind.HOLD, TENANT, 2**64),
            "hold_" + "A" * 10_000,
            "höld_AAAAAAAAAAAAAAAAAAAAAQE",
            "hold_" + "\ud800" * 8,
        ],
    )
    def test_what_was_not_made_here_names_nothing(self, text: str) -> None:
        assert parse_public_id(text) is None
