"""The hand-made websocket client, held against the websockets library and a real server."""

from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode

from benchmarks import live_client
from benchmarks.live_bare import BARE_SOCKET
from benchmarks.live_client import Audience, Subscription, SubscriptionFailed, frame_of, split_frames
from benchmarks.live_sources import Source, ToldSource
from benchmarks.live_strawberry import STRAWBERRY
from benchmarks.web_server import web_server

MESSAGE = (
    b'{"id":"1","type":"next","payload":{"data":{"balance":{"id":"bal_1","accountId":"acc_1","version":1234,'
    b'"asOf":"2026-11-21T10:00:00.000000Z","total":"100","held":"1","owed":"0","available":"99","level":"GREEN",'
    b'"remainingPercent":99,"unlimited":false}}}}'
)


def from_a_server(opcode: Opcode, payload: bytes) -> bytes:
    return Frame(opcode, payload).serialize(mask=False)


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_a_frame_is_read_however_it_is_cut(length: int) -> None:
    frame = from_a_server(Opcode.TEXT, b"x" * length)
    for cut in {1, 2, 3, 9, len(frame) // 2, len(frame) - 1}:
        frames, rest = split_frames(frame[:cut])
        assert (frames, rest) == ([], frame[:cut]) or cut >= len(frame)

    assert split_frames(frame + frame[:1]) == ([(Opcode.TEXT, b"x" * length)], frame[:1])


def test_several_frames_come_in_their_order() -> None:
    frames = [(Opcode.TEXT, b"one"), (Opcode.PING, b""), (Opcode.TEXT, b"two" * 100)]

    assert split_frames(b"".join(from_a_server(*frame) for frame in frames)) == (frames, b"")


@pytest.mark.parametrize("length", [0, 125, 126, 1_000])
def test_what_is_sent_is_a_masked_frame_as_the_protocol_has_it(length: int) -> None:
    head = from_a_server(Opcode.TEXT, b"x" * length)[: 2 if length < 126 else 4]
    sent = frame_of(Opcode.TEXT, b"x" * length)

    assert sent[1] == head[1] | 0x80
    assert sent == bytes((head[0], sent[1])) + head[2:] + bytes(4) + b"x" * length


def subscriptions(source: Source, number: int) -> list[Subscription]:
    return [source.subscription("an account")] * number


@pytest.mark.parametrize("application", [BARE_SOCKET, STRAWBERRY])
async def test_rivals_send_what_they_are_told_to_everyone(application: str) -> None:
    with web_server(application) as served:
        async with (
            ToldSource("rival", served, MESSAGE) as source,
            await Audience.gather(served.port, subscriptions(source, 5)) as audience,
        ):
            for _ in range(3):
                change = await source.change("an account")
                heard = await audience.hear("an account", change.version, 5)
                begun_ns = await source.committed_ns(change)

                assert change.asked_ns < begun_ns < min(heard)
                assert len(heard) == 5
            message = audience.subscribers[0].last_message
            assert b"bal_1" in message
            assert 0.9 < len(message) / len(MESSAGE) < 1.3


async def test_who_is_not_told_in_time_ends_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    with web_server(BARE_SOCKET) as served:
        async with (
            ToldSource("rival", served, MESSAGE) as source,
            await Audience.gather(served.port, subscriptions(source, 2)) as audience,
        ):
            monkeypatch.setattr(live_client, "PATIENCE_SECONDS", 0.3)
            change = await source.change("an account")
            with pytest.raises(SubscriptionFailed, match="2 of 3 subscribers heard of version"):
                await audience.hear("an account", change.version, 3)


async def test_who_is_cut_off_ends_the_measurement() -> None:
    with web_server(BARE_SOCKET) as served:
        async with ToldSource("rival", served, MESSAGE) as source:
            audience = await Audience.gather(served.port, subscriptions(source, 2))
    with pytest.raises(SubscriptionFailed):
        await audience.hear("an account", 99, 2)


async def test_who_is_refused_ends_the_measurement() -> None:
    refused = Subscription("an account", b'{"type":"connection_init"}', b'{"id":"1","type":"nonsense"}')
    with web_server(STRAWBERRY) as served:
        async with ToldSource("rival", served, MESSAGE):
            with pytest.raises(SubscriptionFailed, match="sent frame 8"):
                await Audience.gather(served.port, [refused])
