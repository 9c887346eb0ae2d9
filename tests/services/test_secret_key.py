"""The form of keys."""

from __future__ import annotations

import hashlib
import re

import pytest

from models.api_key import ApiKeyKind
from models.tenant import TenantMode
from services.secret_key import hash_of, hint_of, is_well_formed, new_root_key, new_secret_key


def test_a_key_says_what_it_is() -> None:
    assert re.fullmatch(r"fbx_secret_live_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", new_secret_key(TenantMode.LIVE))
    assert re.fullmatch(r"fbx_secret_test_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", new_secret_key(TenantMode.TEST))
    partner = new_secret_key(TenantMode.LIVE, ApiKeyKind.PARTNER)
    assert re.fullmatch(r"fbx_partner_live_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", partner)
    assert is_well_formed(partner)
    assert re.fullmatch(r"fbx_root_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", new_root_key())


def test_no_two_keys_are_alike() -> None:
    assert len({new_secret_key(TenantMode.LIVE) for _ in range(1000)}) == 1000


def test_every_new_key_is_well_formed() -> None:
    assert all(is_well_formed(new_secret_key(TenantMode.TEST)) for _ in range(1000))
    assert is_well_formed(new_root_key())


def test_one_wrong_character_anywhere_is_noticed() -> None:
    key = new_secret_key(TenantMode.LIVE)
    for place in range(len(key)):
        wrong = "x" if key[place] != "x" else "y"
        assert not is_well_formed(key[:place] + wrong + key[place + 1 :]), place


def test_two_exchanged_characters_are_noticed() -> None:
    key = new_secret_key(TenantMode.LIVE)
    start = len("fbx_secret_live_")
    for place in range(start, start + 42):
        if key[place] != key[place + 1]:
            assert not is_well_formed(key[:place] + key[place + 1] + key[place] + key[place + 2 :]), place


@pytest.mark.parametrize("text", ["", "fbx", "fbx_secret_live_", "\ud800" * 60, "\x00", "x" * 10_000_000, "fbx_root_ä"])
def test_anything_else_is_not_a_key(text: str) -> None:
    assert not is_well_formed(text)


def test_surrounding_space_is_not_forgiven() -> None:
    assert not is_well_formed(new_root_key() + "\n")
    assert not is_well_formed(" " + new_root_key())


def test_what_is_kept_of_a_key_is_its_sha256() -> None:
    key = new_root_key()
    assert hash_of(key) == hashlib.sha256(key.encode()).digest()


def test_a_hint_tells_four_random_characters() -> None:
    key = new_secret_key(TenantMode.LIVE)
    assert hint_of(key) == key[: len("fbx_secret_live_") + 4]
    with pytest.raises(ValueError, match="not a well-formed key"):
        hint_of("anything")
