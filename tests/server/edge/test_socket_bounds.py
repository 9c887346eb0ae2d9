from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from rules.ledger.outcomes import HoldEffect
from server.edge import connections, graphql_socket, subscriptions
from server.edge.answers import Answer
from server.edge.configuration import FRAME_BYTES_MAX
from server.edge.connections import PINGS_MAX
from server.edge.execution import Execution
from server.edge.graphql_socket import OPERATIONS_MAX
from server.edge.socket_operations import OPERATIONS_ENDING_MAX
from tests.patience import eventually
from tests.resolvers.stage import a_balance, a_hold
from tests.server.edge.serving import (
    BALANCE,
    COST_OF_ONE,
    PATIENCE_SECONDS,
    VIEWER,
    Served,
    a_narrow_connection,
)
from tests.server.edge.socket_client import close_code, initialise, receive, send, subscribe

RESERVE = """mutation {
    reserve(input: {idempotencyKey: "k", accountExternalId: "alice", work: {amount: 1}}) { __typename }
}"""


async def test_a_client_that_does_not_read_is_let_go_and_the_others_are_not_delayed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphql_socket, "SEND_SECONDS_MAX", 0.3)
    for module in (graphql_socket, connections):
        monkeypatch.setattr(module, "CLOSE_SECONDS_MAX", 0.3)
    document = VIEWER + " #" + "a" * 1000
    async with served.open() as reader, served.open(max_queue=1) as sleeper:
        for client in (reader, sleeper):
            await initialise(client)
        sleeper.transport.pause_reading()
        pinger = asyncio.create_task(ping_for_ever(sleeper, payload="a" * 100_000))
        for number in range(20):
            await subscribe(reader, str(number), document)
            assert (await receive(reader))["type"] == "next"
            assert (await receive(reader))["type"] == "complete"
        # It never reads again, and what is unsent must not keep its connection either.
        await eventually(lambda: len(served.connections) == 1)
        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(ConnectionClosed):
                await pinger


async def ping_for_ever(client: ClientConnection, payload: str) -> None:
    while True:
        await send(client, type="ping", payload=payload)


async def test_a_client_that_does_not_read_its_events_costs_less_than_a_megabyte_and_is_let_go(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphql_socket, "SEND_SECONDS_MAX", 1.0)
    for module in (graphql_socket, connections):
        monkeypatch.setattr(module, "CLOSE_SECONDS_MAX", 0.3)
    aliases = " ".join(f"{'field' * 20}{number}: asOf" for number in range(50))
    async with served.open(max_queue=1, sock=a_narrow_connection(served.host)) as sleeper:
        await initialise(sleeper)
        await subscribe(sleeper, "a", BALANCE.replace("version", aliases))
        await eventually(lambda: len(served.stage.live.listeners) == 1)
        sleeper.transport.pause_reading()
        (connection,) = served.connections
        transport: asyncio.Transport = connection.transport
        kernel_bytes = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        unsent_bytes = 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while served.connections:
                for _ in range(20):
                    served.stage.live.push(a_balance(version=1))
                await asyncio.sleep(0.01)
                unsent_bytes = max(unsent_bytes, transport.get_write_buffer_size())
        sleeper.transport.abort()

    assert unsent_bytes > 0
    assert unsent_bytes + kernel_bytes < 1_000_000
    await eventually(lambda: served.stage.live.listeners == [])


async def test_an_event_for_a_client_that_was_just_lost_is_no_fault(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    async with served.open() as lost, served.open() as other:
        for client in (lost, other):
            await initialise(client)
            await subscribe(client, "a", BALANCE)
        await eventually(lambda: len(served.stage.live.listeners) == 2)
        # Before the socket itself hears of it.
        for connection in served.connections:
            if connection.transport.get_extra_info("peername") == lost.local_address:
                connection.transport.abort()
                assert not connection.write_text(b"{}")
        served.stage.live.push(a_balance(version=2))

        assert (await receive(other))["payload"]["data"]["balance"]["version"] == 2
        await eventually(lambda: len(served.stage.live.listeners) == 1)

    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_flood_of_the_websockets_own_pings_cuts_the_socket(served: Served) -> None:
    async with served.open() as flooder, served.open() as other:
        for client in (flooder, other):
            await initialise(client)
        for _ in range(PINGS_MAX):
            flooder.transport.write(_PING)
        await send(flooder, type="ping")
        assert await receive(flooder) == {"type": "pong"}
        flooder.transport.write(_PING * 100_000)
        await send(other, type="ping")
        assert await receive(other) == {"type": "pong"}
        await eventually(lambda: len(served.connections) == 1)
        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(ConnectionClosed):
                await flooder.recv()


async def test_pings_of_a_client_that_does_not_read_are_not_answered_into_memory(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PINGS_MAX", 10**9)
    async with served.open(max_queue=1) as sleeper:
        await initialise(sleeper)
        sleeper.transport.pause_reading()
        (connection,) = served.connections
        unsent_bytes = 0
        for _ in range(400):
            sleeper.transport.write(_LARGE_PING * 200)
            await asyncio.sleep(0.002)
            unsent_bytes = max(unsent_bytes, connection.transport.get_write_buffer_size())
        sleeper.transport.abort()

    assert 0 < unsent_bytes < 500_000


# Masked with zeros, as a client's frames have to be masked with something.
_PING = b"\x89\x80" + bytes(4)
_LARGE_PING = b"\x89\xfd" + bytes(4) + b"a" * 125


async def test_ten_thousand_subscribes_at_once_are_refused_one_by_one_while_others_are_served(served: Served) -> None:
    async with served.open(max_queue=None) as greedy, served.open() as other:
        for client in (greedy, other):
            await initialise(client)
        asking = asyncio.create_task(_subscribe_often(greedy, 10_000))
        refused = 0
        for number in range(10_000 - OPERATIONS_MAX):
            message = await receive(greedy)
            refused += message["payload"][0]["extensions"]["code"] == "TOO_MANY_REQUESTS"
            if number % 1_000 == 0:
                await subscribe(other, "a", VIEWER)
                assert (await receive(other))["type"] == "next"
                assert (await receive(other))["type"] == "complete"
        await asking

    assert refused == 10_000 - OPERATIONS_MAX
    await eventually(lambda: served.stage.live.listeners == [])


async def _subscribe_often(client: ClientConnection, times: int) -> None:
    for number in range(times):
        await subscribe(client, str(number))


async def test_a_message_in_parts_is_bounded_as_a_whole(served: Served) -> None:
    async def parts() -> AsyncIterator[str]:
        for _ in range(12):
            yield "a" * (FRAME_BYTES_MAX // 10)

    async with served.open() as client:
        await initialise(client)
        with suppress(ConnectionClosed):
            await client.send(parts())

        assert await close_code(client) == 1009


async def test_what_is_asked_and_ended_in_one_go_leaves_nothing_behind(served: Served) -> None:
    async with served.open() as client:
        await initialise(client)
        for number in range(100):
            await subscribe(client, str(number))
            await send(client, type="complete", id=str(number))
        await send(client, type="ping")
        assert await receive(client) == {"type": "pong"}

    await eventually(lambda: served.stage.live.listeners == [])


@pytest.mark.parametrize("document", [VIEWER, BALANCE])
async def test_what_was_completed_and_has_not_ended_yet_is_bounded(
    served: Served, document: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = begun = most = 0
    let_go = asyncio.Event()

    async def slow_to_end(*_: Any) -> Answer:
        nonlocal running, begun, most
        running, begun = running + 1, begun + 1
        most = max(most, running)
        try:
            await let_go.wait()
        finally:
            # As a statement that Postgres has to be asked to give up.
            await let_go.wait()
            running -= 1
        return Answer({"errors": []}, refused=True)

    for name in ("run", "stream"):
        monkeypatch.setattr(Execution, name, slow_to_end)
    async with served.open() as client, served.open() as other:
        for one in (client, other):
            await initialise(one)
        for number in range(OPERATIONS_ENDING_MAX + 1):
            await subscribe(client, str(number), document)
            await eventually(lambda number=number: begun == number + 1)
            await send(client, type="complete", id=str(number))
        for number in range(OPERATIONS_MAX):
            await subscribe(client, f"more {number}", document)
        await send(client, type="ping")
        for _ in range(20):
            await send(other, type="ping")
            assert await receive(other) == {"type": "pong"}
        assert most == OPERATIONS_ENDING_MAX + 1

        let_go.set()
        heard = [await receive(client) for _ in range(OPERATIONS_MAX + 1)]
    assert {message.get("id", "pong") for message in heard} == {
        f"more {number}" for number in range(OPERATIONS_MAX)
    } | {"pong"}


async def test_what_is_completed_comes_to_its_end_unheard_and_its_id_is_free(served: Served) -> None:
    asked, decided, answered = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Fares:
        async def reserve(self, _: Any) -> HoldEffect:
            asked.set()
            await decided.wait()
            answered.set()
            return HoldEffect(a_hold(), a_balance())

    served.stage.fares = Fares()
    async with served.open() as client:
        await initialise(client)
        await subscribe(client, "a", RESERVE)
        await asked.wait()
        await send(client, type="complete", id="a")
        await subscribe(client, "a", VIEWER)
        assert (await receive(client))["payload"]["data"] == {"viewer": {"kind": "SECRET"}}
        assert await receive(client) == {"id": "a", "type": "complete"}
        decided.set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await answered.wait()
        await send(client, type="ping")
        assert await receive(client) == {"type": "pong"}


async def test_what_comes_and_goes_leaves_nothing_behind(served: Served) -> None:
    tasks = len(asyncio.all_tasks())
    for _ in range(30):
        async with served.open() as client:
            await initialise(client)
            for number in range(20):
                await subscribe(client, str(number % 3))
                await send(client, type="complete", id=str(number % 3))
            await subscribe(client, "left behind")
    await eventually(lambda: served.stage.live.listeners == [] and not served.connections)
    # Nor does the watch of credentials look at any more.
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks)


async def test_the_servers_stop_ends_what_is_watched_and_waits_for_what_was_asked(served: Served) -> None:
    asked = asyncio.Event()
    answered = asyncio.Event()

    class Fares:
        async def reserve(self, _: Any) -> HoldEffect:
            asked.set()
            await answered.wait()
            return HoldEffect(a_hold(), a_balance())

    served.stage.fares = Fares()
    async with served.open() as busy, served.open() as idle, served.open():
        for client in (busy, idle):
            await initialise(client)
            await subscribe(client, "live")
        await subscribe(busy, "asked", RESERVE)
        await eventually(lambda: len(served.stage.live.listeners) == 2)
        await asked.wait()
        served.server.should_exit = True

        assert await close_code(idle) == 1012
        await eventually(lambda: served.stage.live.listeners == [])
        await subscribe(busy, "too late")
        answered.set()
        assert (await receive(busy))["payload"]["data"] == {"reserve": {"__typename": "ReserveSuccess"}}
        assert await receive(busy) == {"id": "asked", "type": "complete"}
        assert await close_code(busy) == 1012


async def hold_open(served: Served, count: int) -> AsyncIterator[list[ClientConnection]]:
    """That many sockets, each with a subscription that nothing happens on."""
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(count):
            clients.append(await stack.enter_async_context(served.open(ping_interval=None)))
            await initialise(clients[-1])
            await subscribe(clients[-1], "a")
        yield clients


@pytest.mark.parametrize("count", [300, pytest.param(5_000, marks=pytest.mark.soak)])
async def test_many_idle_subscribers_are_held_by_one_process_and_an_event_is_answered_once_for_all(
    served: Served, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients in this process too, so that two descriptors are needed for each."""
    made = 0
    keep = subscriptions.Subscription._kept

    def counted(subscription: subscriptions.Subscription, event: object, answer: Answer) -> Answer:
        nonlocal made
        made += 1
        return keep(subscription, event, answer)

    monkeypatch.setattr(subscriptions.Subscription, "_kept", counted)
    async with asynccontextmanager(hold_open)(served, count) as clients:
        await eventually(lambda: len(served.stage.live.listeners) == count)
        served.stage.live.push(a_balance(version=2))
        events = [await receive(client) for client in clients]
        balance = {"version": 2, "available": "65"}
        payload = {"data": {"balance": balance}, "extensions": COST_OF_ONE}
        expected = {"id": "a", "type": "next", "payload": payload}

        assert all(event == expected for event in events)
        assert made == 1
        assert all(client.close_code is None for client in clients)

    await eventually(lambda: served.stage.live.listeners == [])
