"""The form of client tokens: what is written is read, and nothing else is."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tenant import TenantMode
from rules.ledger.kinds import MemberRole
from services.client_token import ClientToken, new_signing_secret, read_token, signed_token
from services.secret_key import KEY_LENGTH_MAX

SECRET = bytes(range(32))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


def a_token(**changes: object) -> ClientToken:
    facts: dict[str, object] = {
        "key_id": UUID(int=1),
        "tenant_id": UUID(int=2),
        "account_id": UUID(int=3),
        "member_id": None,
        "role": MemberRole.MEMBER,
        "issued_at": NOON,
        "expires_at": NOON + timedelta(hours=1),
    }
    return ClientToken(**facts | changes)


@given(
    st.uuids(),
    st.uuids(),
    st.uuids(),
    st.none() | st.uuids(),
    st.sampled_from(MemberRole),
    INSTANTS,
    INSTANTS,
    st.sampled_from(TenantMode),
)
def test_what_was_signed_is_read_as_it_was(
    key_id: UUID,
    tenant_id: UUID,
    account_id: UUID,
    member_id: UUID | None,
    role: MemberRole,
    issued_at: datetime,
    expires_at: datetime,
    mode: TenantMode,
) -> None:
    token = ClientToken(key_id, tenant_id, account_id, member_id, role, issued_at, expires_at)
    text = signed_token(token, mode, SECRET)
    read = read_token(text)
    assert read is not None
    assert read.claims == token
    assert read.is_signed_with(SECRET)
    assert not read.is_signed_with(new_signing_secret())
    assert len(text) < KEY_LENGTH_MAX
    assert text.isascii()


@given(st.integers(0, 200), st.integers(0, 255))
def test_no_changed_character_passes(place: int, replacement: int) -> None:
    text = signed_token(a_token(), TenantMode.TEST, SECRET)
    place %= len(text)
    changed = text[:place] + chr(replacement) + text[place + 1 :]
    read = read_token(changed)
    assert changed == text or read is None or not read.is_signed_with(SECRET)


def test_a_token_of_test_does_not_pass_for_live() -> None:
    text = signed_token(a_token(), TenantMode.TEST, SECRET)
    read = read_token(text.replace("_test_", "_live_"))
    assert read is not None
    assert not read.is_signed_with(SECRET)


def test_a_role_is_not_raised_without_the_secret() -> None:
    prefix, _, signature = signed_token(a_token(role=MemberRole.VIEWER), TenantMode.TEST, SECRET).rpartition(".")
    admins = signed_token(a_token(role=MemberRole.ADMIN), TenantMode.TEST, bytes(32)).rpartition(".")[0]
    read = read_token(f"{admins}.{signature}")
    assert prefix != admins
    assert read is not None
    assert read.claims.role is MemberRole.ADMIN
    assert not read.is_signed_with(SECRET)


def _json_web_token(algorithm: str) -> str:
    parts = [{"alg": algorithm, "typ": "JWT"}, {"role": "ADMIN"}]
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*texts, ""])


GOOD = signed_token(a_token(), TenantMode.TEST, SECRET)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fbx_client_",
        "fbx_client_test_.",
        _json_web_token("none"),
        "fbx_client_test_" + _json_web_token("HS256"),
        GOOD + "=",
        GOOD + "\n",
        " " + GOOD,
        GOOD[:-1],
        GOOD + "A",
        GOOD.replace(".", ".."),
        GOOD.replace("fbx_client_test_", "fbx_client_prod_"),
        GOOD.replace("fbx_client_test_", "fbx_client_test_" + "٣"),
        GOOD[:-1] + "é",
        GOOD[:20] + "\x00" + GOOD[21:],
        GOOD[:20] + "\ud800" + GOOD[21:],
        GOOD * 1000,
    ],
    ids=range(17),
)
def test_nothing_else_is_a_token(text: str) -> None:
    assert read_token(text) is None


def test_another_spelling_of_the_same_bytes_is_none() -> None:
    # The last character of a signature carries four bits that count and two that do not.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    place = alphabet.index(GOOD[-1])
    spellings = [GOOD[:-1] + alphabet[place // 4 * 4 + offset] for offset in range(4)]
    assert [text for text in spellings if read_token(text) is not None] == [GOOD]


@pytest.mark.parametrize(("version", "role"), [(0, 0), (2, 0), (1, 3), (1, 255)])
def test_an_unknown_version_or_role_is_none(version: int, role: int) -> None:
    body = GOOD.removeprefix("fbx_client_test_").partition(".")[0]
    packed = bytes([version, role]) + base64.urlsafe_b64decode(body + "==")[2:]
    assert read_token(GOOD.replace(body, base64.urlsafe_b64encode(packed).rstrip(b"=").decode())) is None


def test_an_instant_beyond_all_calendars_is_none() -> None:
    body = GOOD.removeprefix("fbx_client_test_").partition(".")[0]
    packed = base64.urlsafe_b64decode(body + "==")[:-8] + b"\x7f" + b"\xff" * 7
    assert read_token(GOOD.replace(body, base64.urlsafe_b64encode(packed).rstrip(b"=").decode())) is None


def test_secrets_are_not_alike() -> None:
    assert len({new_signing_secret() for _ in range(100)} | {uuid4().bytes * 2}) == 101
