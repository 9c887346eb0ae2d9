from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from models.unavailable import DatabaseBusy
from rules.ledger.kinds import MemberRole
from rules.ledger.outcomes import HoldEffect
from rules.ledger.records import Page
from server.edge import credential_watch, graphql_socket
from server.edge.configuration import FRAME_BYTES_MAX
from server.edge.execution import Execution
from server.edge.graphql_socket import OPERATION_ID_LENGTH_MAX, OPERATIONS_MAX, PROTOCOL
from server.edge.http_requests import JSON_DEPTH_MAX
from tests.patience import eventually
from tests.resolvers.stage import SECRET, SECRET_KEY, a_balance, a_client_token, a_hold
from tests.server.edge.serving import (
    ALLOWED,
    BALANCE,
    COST_OF_ONE,
    VIEWER,
    Served,
)
from tests.server.edge.socket_client import KEY, close_code, close_reason, initialise, receive, send, subscribe


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


async def test_a_log_of_all_that_libraries_say_holds_no_key(
    served: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key comes with `connection_init`, or in a header of the handshake."""
    # The client's own log is its own affair.
    quiet = {"logger": logging.getLogger("quiet"), "additional_headers": {"Authorization": f"Bearer {SECRET_KEY}"}}
    monkeypatch.setattr(quiet["logger"], "disabled", True)
    caplog.set_level(1)
    async with served.open(**quiet) as client:
        await initialise(client)
        await subscribe(client, "a", VIEWER)
        assert (await receive(client))["payload"]["data"] == {"viewer": {"kind": "SECRET"}}
    assert "connection open" in caplog.text
    assert SECRET_KEY not in caplog.text


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


async def test_a_failure_outside_of_every_field_is_no_reason_to_close_the_socket(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError("the password is swordfish")

    async with served.open() as client:
        await initialise(client)
        with monkeypatch.context() as broken:
            broken.setattr(Execution, "run", fail)
            await subscribe(client, "a", VIEWER)
            failed = await receive(client)
        await subscribe(client, "b", VIEWER)
        assert (await receive(client))["type"] == "next"

    assert (failed["type"], failed["payload"][0]["extensions"]["code"]) == ("error", "INTERNAL")
    assert "swordfish" not in json.dumps(failed)
    assert "swordfish" in caplog.text


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
    ('{"type": "ping", "payload": {"a": 1e400}}', 4400),
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
