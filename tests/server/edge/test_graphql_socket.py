from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from models.unavailable import DatabaseBusy
from rules.ledger.kinds import MemberRole
from rules.ledger.outcomes import HoldEffect
from rules.ledger.records import Page
from server.edge import connections, credential_watch, graphql_socket
from server.edge.configuration import FRAME_BYTES_MAX
from server.edge.connections import PINGS_MAX
from server.edge.graphql_socket import OPERATION_ID_LENGTH_MAX, OPERATIONS_MAX, PROTOCOL
from server.edge.http_requests import JSON_DEPTH_MAX
from tests.resolvers.stage import SECRET, SECRET_KEY, Stage, a_balance, a_client_token, a_hold
from tests.server.edge.serving import (
    ALLOWED,
    BALANCE,
    COST_OF_ONE,
    PATIENCE_SECONDS,
    VIEWER,
    Served,
    a_narrow_connection,
    eventually,
    serving,
)

KEY = {"authorization": f"Bearer {SECRET_KEY}"}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(Stage()) as served:
        yield served


async def send(client: ClientConnection, **message: Any) -> None:
    await client.send(json.dumps(message))


async def receive(client: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        message: dict[str, Any] = json.loads(await client.recv())
    return message


async def initialise(client: ClientConnection, payload: Any = KEY) -> None:
    await send(client, type="connection_init", payload=payload)
    assert await receive(client) == {"type": "connection_ack"}


async def subscribe(client: ClientConnection, id: str, query: str = BALANCE, **members: Any) -> None:
    await send(client, type="subscribe", id=id, payload={"query": query, **members})


async def close_reason(client: ClientConnection) -> str:
    """Reads to the end; why the server closed."""
    await close_code(client)
    assert client.close_reason is not None
    return client.close_reason


async def close_code(client: ClientConnection) -> int:
    """Reads to the end; the code that the server closed with."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        with suppress(ConnectionClosed):
            while True:
                await client.recv()
    assert client.close_code is not None
    return client.close_code


async def test_a_subscription_shows_every_change_until_the_client_has_had_enough(served: Served) -> None:
    async with served.open() as client:
        await initialise(client)
        await subscribe(client, "a")
        await eventually(lambda: len(served.stage.live.listeners) == 1)
        served.stage.live.push(a_balance(version=1))
        served.stage.live.push(a_balance(version=2, available=0))

        assert await receive(client) == {
            "id": "a",
            "type": "next",
            "payload": {"data": {"balance": {"version": 1, "available": "65"}}, "extensions": COST_OF_ONE},
        }
        assert (await receive(client))["payload"] == {
            "data": {"balance": {"version": 2, "available": "0"}},
            "extensions": COST_OF_ONE,
        }
        await send(client, type="complete", id="a")
        await eventually(lambda: served.stage.live.listeners == [])
        await subscribe(client, "a", VIEWER)
        assert (await receive(client))["payload"]["data"] == {"viewer": {"kind": "SECRET"}}


async def test_a_source_that_ends_completes_the_subscription(served: Served) -> None:
    async with served.open() as client:
        await initialise(client)
        await subscribe(client, "a")
        await eventually(lambda: len(served.stage.live.listeners) == 1)
        served.stage.live.push(None)

        assert await receive(client) == {"id": "a", "type": "complete"}


async def test_queries_and_mutations_run_on_a_socket_too(served: Served) -> None:
    served.stage.fares.answers["reserve"] = HoldEffect(a_hold(), a_balance())
    reserve = """mutation R($work: WorkInput!) {
        reserve(input: {idempotencyKey: "k", accountExternalId: "alice", work: $work}) { __typename }
    }"""
    async with served.open() as client:
        await initialise(client)
        await subscribe(client, "m", reserve, variables={"work": {"amount": "1"}}, operationName="R")

        assert (await receive(client))["payload"]["data"] == {"reserve": {"__typename": "ReserveSuccess"}}
        assert await receive(client) == {"id": "m", "type": "complete"}


async def test_the_python_client_gql_gets_its_balance(served: Served) -> None:
    transport = WebsocketsTransport(url=served.url, init_payload=KEY, subprotocols=[Subprotocol(PROTOCOL)])
    async with Client(transport=transport) as session:
        events = session.subscribe(gql(BALANCE))
        first = asyncio.ensure_future(anext(events))
        await eventually(lambda: len(served.stage.live.listeners) == 1)
        served.stage.live.push(a_balance(version=7))

        assert await first == {"balance": {"version": 7, "available": "65"}}
        await events.aclose()


@pytest.mark.parametrize("name", ["authorization", "Authorization"])
async def test_a_key_comes_with_the_connections_parameters(served: Served, name: str) -> None:
    async with served.open() as client:
        await initialise(client, {name: f"Bearer {SECRET_KEY}"})
        await subscribe(client, "a", VIEWER)

        assert (await receive(client))["payload"]["data"] == {"viewer": {"kind": "SECRET"}}


async def test_the_handshakes_own_header_serves_where_the_parameters_have_no_key(served: Served) -> None:
    async with served.open(additional_headers={"Authorization": f"Bearer {SECRET_KEY}"}) as client:
        await initialise(client, {})
        await subscribe(client, "a", VIEWER)

        assert (await receive(client))["payload"]["data"] == {"viewer": {"kind": "SECRET"}}


async def test_a_key_in_the_parameters_goes_before_the_handshakes_header(served: Served) -> None:
    async with served.open(additional_headers={"Authorization": "Bearer nonsense"}) as client:
        await initialise(client)
        await subscribe(client, "a", VIEWER)

        assert (await receive(client))["payload"]["data"] == {"viewer": {"kind": "SECRET"}}


async def test_a_wrong_key_in_the_handshakes_header_closes_the_socket(served: Served) -> None:
    async with served.open(additional_headers={"Authorization": "Bearer nonsense"}) as client:
        await send(client, type="connection_init")

        assert await close_code(client) == 4403


@pytest.mark.parametrize(
    ("authorization", "said"), [("Bearer nonsense", "unknown, revoked or expired"), (SECRET_KEY, "Bearer <key>")]
)
async def test_who_is_sent_away_learns_what_is_wrong_with_the_key(
    served: Served, authorization: str, said: str
) -> None:
    async with served.open() as client:
        await send(client, type="connection_init", payload={"authorization": authorization})

        assert said in await close_reason(client)


@pytest.mark.parametrize("payload", [None, {}])
async def test_without_a_key_the_field_says_what_is_needed(served: Served, payload: Any) -> None:
    async with served.open() as client:
        await initialise(client, payload)
        await subscribe(client, "q", VIEWER)
        answered = (await receive(client))["payload"]
        await receive(client)
        await subscribe(client, "s")
        refused = await receive(client)

    assert answered["data"] == {"viewer": None}
    assert answered["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHENTICATED")
    assert refused["payload"][0]["extensions"]["requestId"]


@pytest.mark.parametrize("authorization", ["Bearer nonsense", SECRET_KEY, "", 5, [], {}])
async def test_a_credential_that_is_none_closes_the_socket(served: Served, authorization: Any) -> None:
    async with served.open() as client:
        await send(client, type="connection_init", payload={"authorization": authorization})

        assert await close_code(client) == 4403


async def test_an_outage_while_the_key_is_looked_at_asks_to_come_again(served: Served) -> None:
    served.stage.credentials.failure = DatabaseBusy()
    async with served.open() as client:
        await send(client, type="connection_init", payload=KEY)

        assert await close_code(client) == 1013


async def test_another_tenants_account_is_an_error_and_not_a_null_event(served: Served) -> None:
    async with served.open() as client:
        await initialise(client)
        await subscribe(client, "a", 'subscription { balance(accountId: "acc_AAAAAAAAAAAAAAAAAAAAAg") { version } }')
        refused = await receive(client)

    assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "BAD_USER_INPUT")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "BAD_USER_INPUT"),
        ("{ nothing }", "BAD_USER_INPUT"),
        ("{ viewer {" + " kind" * 3000 + "}}", "QUERY_TOO_COMPLEX"),
    ],
)
async def test_a_refused_document_is_an_error_and_frees_its_id(served: Served, query: str, code: str) -> None:
    async with served.open() as client:
        await initialise(client)
        for _ in range(2):
            await subscribe(client, "a", query)
            refused = await receive(client)
            assert (refused["id"], refused["type"]) == ("a", "error")
            assert refused["payload"][0]["extensions"]["code"] == code


async def test_an_operation_that_costs_too_much_is_told_by_how_much_and_others_what_they_cost(served: Served) -> None:
    accounts = "query ($n: Int) { accounts(first: $n) { nodes { holds(first: $n) { nodes { id } } } } }"
    served.stage.accounts.answers |= {"list": Page((), has_more=False)}
    async with served.open() as client:
        await initialise(client)
        await subscribe(client, "a", accounts, variables={"n": 100})
        refused = await receive(client)
        await subscribe(client, "a", accounts, variables={"n": 2})
        answered = await receive(client)

    assert refused["type"] == "error"
    assert refused["payload"][0]["extensions"]["cost"] == {"requested": 12_120, "maximum": 10_000, "remaining": 0}
    assert answered["payload"]["extensions"]["cost"] == {"requested": 66, "maximum": 10_000, "remaining": 9_934}


async def test_a_failing_source_is_masked_and_logged(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    async with served.open() as client:
        await initialise(client)
        await subscribe(client, "a")
        await eventually(lambda: len(served.stage.live.listeners) == 1)
        served.stage.live.push(RuntimeError("the password is swordfish"))
        failed = await receive(client)

    assert (failed["type"], failed["payload"][0]["extensions"]["code"]) == ("error", "INTERNAL")
    assert "swordfish" not in json.dumps(failed)
    assert "swordfish" in caplog.text
    assert failed["payload"][0]["extensions"]["requestId"] in caplog.text


SUBSCRIBE = {"type": "subscribe", "id": "a", "payload": {"query": BALANCE}}
BAD_MESSAGES: list[tuple[str | bytes, int]] = [
    ("[]", 4400),
    ("5", 4400),
    ("null", 4400),
    ('"subscribe"', 4400),
    ("{", 4400),
    ("[" * 100_000, 4400),
    *(
        (f'{{"type": "{kind}", "id": "a", "payload": {"[" * depth}{inner}{"]" * depth}}}', 4400)
        for kind, depth, inner in (
            ("ping", JSON_DEPTH_MAX, "1"),
            ("ping", 450, "1"),
            ("ping", 900, "1"),
            ("pong", 450, '"\\u0000"'),
            ("subscribe", 450, '"\\u0000"'),
        )
    ),
    (b'{"type": "ping"}', 4400),
    ("{}", 4400),
    ('{"type": 5}', 4400),
    ('{"type": "start"}', 4400),
    ('{"type": "subscribe"}', 4400),
    ('{"type": "complete"}', 4400),
    (json.dumps({**SUBSCRIBE, "id": 5}), 4400),
    (json.dumps({**SUBSCRIBE, "id": ""}), 4400),
    (json.dumps({**SUBSCRIBE, "id": "a" * (OPERATION_ID_LENGTH_MAX + 1)}), 4400),
    (json.dumps({**SUBSCRIBE, "payload": []}), 4400),
    (json.dumps({**SUBSCRIBE, "payload": {}}), 4400),
    (json.dumps({**SUBSCRIBE, "payload": {"query": 5}}), 4400),
    (json.dumps({**SUBSCRIBE, "payload": {"query": BALANCE, "variables": []}}), 4400),
    (json.dumps({**SUBSCRIBE, "payload": {"query": BALANCE, "variables": {"a": "\x00"}}}), 4400),
    ('{"type": "connection_init"}', 4429),
    ('{"type": "ping", "payload": "' + "a" * FRAME_BYTES_MAX + '"}', 1009),
]


@pytest.mark.parametrize(("message", "code"), BAD_MESSAGES, ids=lambda part: ascii(part)[:60])
async def test_a_message_out_of_form_closes_the_socket_with_its_code(
    served: Served, message: str | bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with served.open() as client:
        await initialise(client)
        await client.send(message)

        assert await close_code(client) == code
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("message", ["[]", "{", "5", b"x", '{"type": "connection_init", "payload": []}'])
async def test_a_message_out_of_form_closes_the_socket_before_it_is_initialised_too(
    served: Served, message: str | bytes
) -> None:
    async with served.open() as client:
        await client.send(message)

        assert await close_code(client) == 4400


async def test_who_subscribes_before_the_handshake_is_unauthorized(served: Served) -> None:
    async with served.open() as client:
        await send(client, **SUBSCRIBE)

        assert await close_code(client) == 4401


async def test_who_never_initialises_is_sent_away(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert graphql_socket.INIT_SECONDS_MAX <= 10
    monkeypatch.setattr(graphql_socket, "INIT_SECONDS_MAX", 0.1)
    async with served.open() as client:
        await send(client, type="ping")
        assert await receive(client) == {"type": "pong"}

        assert await close_code(client) == 4408


async def test_pings_are_answered_with_what_they_bring(served: Served) -> None:
    async with served.open() as client:
        await initialise(client)
        await send(client, type="ping", payload={"at": 5})
        await send(client, type="pong")

        assert await receive(client) == {"type": "pong", "payload": {"at": 5}}


async def test_an_id_is_used_once_at_a_time(served: Served) -> None:
    async with served.open() as client:
        await initialise(client)
        await subscribe(client, "a")
        await subscribe(client, "a")

        assert await close_code(client) == 4409
    await eventually(lambda: served.stage.live.listeners == [])


async def test_a_socket_runs_no_more_operations_at_once_than_the_bound(served: Served) -> None:
    async with served.open() as client:
        await initialise(client)
        for number in range(OPERATIONS_MAX):
            await subscribe(client, str(number))
        for number in range(2_000):
            await subscribe(client, f"more {number}")
            refused = await receive(client)
            assert refused["payload"][0]["extensions"]["code"] == "TOO_MANY_REQUESTS"
        await send(client, type="complete", id="0")
        await eventually(lambda: len(served.stage.live.listeners) == OPERATIONS_MAX - 1)
        await subscribe(client, "again")
        await eventually(lambda: len(served.stage.live.listeners) == OPERATIONS_MAX)


async def test_who_leaves_is_forgotten(served: Served) -> None:
    async with served.open() as client:
        await initialise(client)
        for number in range(3):
            await subscribe(client, str(number))
        await eventually(lambda: len(served.stage.live.listeners) == 3)
        client.transport.abort()

    await eventually(lambda: served.stage.live.listeners == [])


@pytest.mark.parametrize("offered", [["graphql-ws"], ["nonsense"], None])
async def test_no_other_protocol_is_spoken(served: Served, offered: list[str] | None) -> None:
    subprotocols = None if offered is None else [Subprotocol(name) for name in offered]
    async with connect(served.url, subprotocols=subprotocols) as client:
        assert client.subprotocol is None
        assert await close_code(client) == 4406
        assert PROTOCOL in await close_reason(client)


async def test_the_protocol_is_chosen_from_several(served: Served) -> None:
    offered = [Subprotocol("graphql-ws"), Subprotocol(PROTOCOL)]
    async with connect(served.url, subprotocols=offered) as client:
        assert client.subprotocol == PROTOCOL


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null"])
async def test_a_page_of_a_foreign_origin_does_not_get_a_socket(served: Served, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with served.open(additional_headers={"Origin": origin}):
            pass

    assert refused.value.response.status_code == 403


async def test_pages_of_this_server_and_of_allowed_origins_get_one(served: Served) -> None:
    own = served.url.replace("ws://", "http://").removesuffix("/graphql")
    for origin in (own, ALLOWED):
        async with served.open(additional_headers={"Origin": origin}) as client:
            await initialise(client)


async def test_a_member_with_another_role_connects_anew(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credential_watch, "CREDENTIAL_CHECK_SECONDS", 0.05)
    served.stage.credentials.known[SECRET_KEY] = a_client_token(role=MemberRole.ADMIN)
    async with served.open() as client:
        await initialise(client)
        served.stage.credentials.known[SECRET_KEY] = a_client_token(role=MemberRole.VIEWER)

        assert "role has changed" in await close_reason(client)
        assert client.close_code == 4403


async def test_a_revoked_key_ends_its_sockets(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert credential_watch.CREDENTIAL_CHECK_SECONDS < 5
    monkeypatch.setattr(credential_watch, "CREDENTIAL_CHECK_SECONDS", 0.05)
    async with served.open() as client:
        await initialise(client)
        await subscribe(client, "a")
        await eventually(lambda: len(served.stage.live.listeners) == 1)
        served.stage.credentials.failure = DatabaseBusy()
        await asyncio.sleep(0.15)
        await send(client, type="ping")
        assert await receive(client) == {"type": "pong"}
        served.stage.credentials.failure = None
        del served.stage.credentials.known[SECRET_KEY]

        assert await close_code(client) == 4403
    await eventually(lambda: served.stage.live.listeners == [])
    served.stage.credentials.known[SECRET_KEY] = SECRET


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


async def test_the_servers_stop_ends_what_is_watched_and_waits_for_what_was_asked(served: Served) -> None:
    asked = asyncio.Event()
    answered = asyncio.Event()

    class Fares:
        async def reserve(self, _: Any) -> HoldEffect:
            asked.set()
            await answered.wait()
            return HoldEffect(a_hold(), a_balance())

    served.stage.fares = Fares()  # type: ignore[assignment]
    reserve = """mutation {
        reserve(input: {idempotencyKey: "k", accountExternalId: "alice", work: {amount: 1}}) { __typename }
    }"""
    async with served.open() as busy, served.open() as idle, served.open():
        for client in (busy, idle):
            await initialise(client)
            await subscribe(client, "live")
        await subscribe(busy, "asked", reserve)
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
async def test_many_idle_subscribers_are_held_by_one_process_and_all_hear_of_a_change(
    served: Served, count: int
) -> None:
    """Clients in this process too, so that two descriptors are needed for each."""
    async with asynccontextmanager(hold_open)(served, count) as clients:
        await eventually(lambda: len(served.stage.live.listeners) == count)
        served.stage.live.push(a_balance(version=2))
        events = [await receive(client) for client in clients]
        balance = {"version": 2, "available": "65"}
        payload = {"data": {"balance": balance}, "extensions": COST_OF_ONE}
        expected = {"id": "a", "type": "next", "payload": payload}

        assert all(event == expected for event in events)
        assert all(client.close_code is None for client in clients)

    await eventually(lambda: served.stage.live.listeners == [])
