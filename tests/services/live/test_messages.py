from uuid import UUID, uuid4

import pytest

from services.live.messages import MESSAGE_BYTES_MAX, RESYNC_TEXT, Changes, Resync, decode, encode_changes


def test_what_is_encoded_is_decoded_again() -> None:
    changes = {UUID(int=0): 1, UUID(int=2**128 - 1): 2**53 - 1, uuid4(): 42}

    (text,) = encode_changes(changes)

    assert decode(text) == Changes(tuple(changes.items()))


def test_nothing_changed_is_no_message() -> None:
    assert list(encode_changes({})) == []


@pytest.mark.parametrize("version", [1, 9_999, 2**53 - 1])
def test_many_accounts_are_cut_into_messages_that_fit_a_notify(version: int) -> None:
    changes = {uuid4(): version for _ in range(2_000)}

    texts = list(encode_changes(changes))

    assert all(len(text.encode()) <= MESSAGE_BYTES_MAX for text in texts)
    assert all(len(text) > MESSAGE_BYTES_MAX - 60 for text in texts[:-1])
    decoded = [decode(text) for text in texts]
    assert [pair for message in decoded if isinstance(message, Changes) for pair in message.pairs] == list(
        changes.items()
    )


def test_a_resync_is_read_as_one() -> None:
    assert decode(RESYNC_TEXT) == Resync()


@pytest.mark.parametrize("text", ["", "c", "c,", "cAAAA", "x1", "c" + "A" * 22, "c" + "A" * 22 + "x", "c" + "é" * 30])
def test_what_cannot_be_read_may_have_named_anyone_and_is_a_resync(text: str) -> None:
    assert decode(text) == Resync()
