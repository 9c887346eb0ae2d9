from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from models.unavailable import DatabaseBusy
from rules.ledger.kinds import MemberRole
from rules.ledger.outcomes import HoldEffect
from server.edge import credential_watch, event_stream
from services.live.watched_account import TooManyViews
from tests.patience import eventually
from tests.resolvers.stage import ACCOUNT_ID, SECRET_KEY, a_balance, a_client_token, a_hold
from tests.server.edge.serving import (
    ALLOWED,
    BALANCE,
    COST_OF_ONE,
    PATIENCE_SECONDS,
    VIEWER,
    Served,
    a_narrow_connection,
)

EVENTS = "text/event-stream"
JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
URQL = f"{GRAPHQL}, application/graphql+json, {JSON}, {EVENTS}, multipart/mixed"
COMPLETE = ("complete", None)

Event = tuple[str, Any]


class Stream:
    """A response as its client reads it: events, and comments apart."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.comments = 0
        self._chunks = response.aiter_text()
        self._text = ""

    async def event(self) -> Event | None:
        """The next one; None when the server has ended the stream."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                while "\n\n" not in self._text:
                    chunk = await anext(self._chunks, None)
                    if chunk is None:
                        assert self._text == ""
                        return None
                    self._text += chunk
                block, _, self._text = self._text.partition("\n\n")
                if block == ":":
                    self.comments += 1
                    continue
                name, data = block.split("\n")
                assert (name[:7], data[:5]) == ("event: ", "data:")
                return name[7:], json.loads(data[5:]) if data[5:] else None

    async def rest(self) -> list[Event]:
        events = []
        while (event := await self.event()) is not None:
            events.append(event)
        return events


@asynccontextmanager
async def streamed(
    served: Served, query: str = BALANCE, *, accept: str = EVENTS, method: str = "POST", key: str | None = SECRET_KEY
) -> AsyncIterator[Stream]:
    headers = {"accept": accept} | ({} if key is None else {"authorization": f"Bearer {key}"})
    async with httpx.AsyncClient(base_url=f"http://{served.host}", timeout=PATIENCE_SECONDS) as client:
        if method == "POST":
            request = client.build_request("POST", "/graphql", json={"query": query}, headers=headers)
        else:
            request = client.build_request(method, "/graphql", params={"query": query}, headers=headers)
        response = await client.send(request, stream=True)
        try:
            yield Stream(response)
        finally:
            await response.aclose()


def the_code(event: Event | None) -> str:
    assert event is not None
    (error,) = event[1]["errors"]
    assert error["extensions"]["requestId"]
    return str(error["extensions"]["code"])


async def listening(served: Served, count: int = 1) -> None:
    await eventually(lambda: len(served.stage.live.listeners) == count)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_subscription_is_streamed_until_its_source_ends(served: Served, method: str) -> None:
    async with streamed(served, method=method) as stream:
        assert stream.response.status_code == 200
        await listening(served)
        served.stage.live.push(a_balance(version=1))
        first = await stream.event()
        served.stage.live.push(a_balance(version=2, available=0))
        second = await stream.event()
        served.stage.live.push(None)
        rest = await stream.rest()

    assert first == ("next", {"data": {"balance": {"version": 1, "available": "65"}}, "extensions": COST_OF_ONE})
    assert second == ("next", {"data": {"balance": {"version": 2, "available": "0"}}, "extensions": COST_OF_ONE})
    assert rest == [COMPLETE]


async def test_no_cache_and_no_proxy_keeps_events_back(served: Served) -> None:
    async with streamed(served) as stream:
        headers = stream.response.headers

    assert headers["content-type"] == f"{EVENTS}; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert "Accept" in headers["vary"]
    assert headers["x-request-id"]


@pytest.mark.parametrize("accept", [EVENTS, f"{EVENTS}, */*", f"{EVENTS};q=0.1"])
async def test_a_query_is_one_event_where_only_events_are_asked_for(served: Served, accept: str) -> None:
    async with streamed(served, VIEWER, accept=accept) as stream:
        assert await stream.rest() == [
            ("next", {"data": {"viewer": {"kind": "SECRET"}}, "extensions": COST_OF_ONE}),
            COMPLETE,
        ]


@pytest.mark.parametrize("accept", [URQL, f"{EVENTS}, {JSON}", f"{EVENTS}, {JSON};q=0.1"])
async def test_where_both_are_listed_a_query_is_json_and_a_subscription_is_streamed(
    served: Served, accept: str
) -> None:
    async with streamed(served, VIEWER, accept=accept) as stream:
        await stream.response.aread()
        assert "json" in stream.response.headers["content-type"]
        assert stream.response.json() == {"data": {"viewer": {"kind": "SECRET"}}, "extensions": COST_OF_ONE}
    async with streamed(served, accept=accept) as stream:
        await listening(served)
        served.stage.live.push(a_balance(version=1))
        assert (await stream.event()) == (
            "next",
            {"data": {"balance": {"version": 1, "available": "65"}}, "extensions": COST_OF_ONE},
        )


async def test_a_mutation_takes_post(served: Served) -> None:
    served.stage.fares.answers["reserve"] = HoldEffect(a_hold(), a_balance())
    reserve = """mutation { reserve(input: {idempotencyKey: "k", accountExternalId: "alice", work: {amount: 1}}) {
        __typename } }"""
    async with streamed(served, reserve, method="GET") as stream:
        assert stream.response.status_code == 405
        assert served.stage.fares.calls == []
    async with streamed(served, reserve) as stream:
        assert await stream.rest() == [
            ("next", {"data": {"reserve": {"__typename": "ReserveSuccess"}}, "extensions": COST_OF_ONE}),
            COMPLETE,
        ]


async def test_asked_about_by_head_nothing_is_begun(served: Served) -> None:
    async with streamed(served, method="HEAD") as stream:
        assert stream.response.status_code == 200
        assert stream.response.headers["content-type"].startswith(EVENTS)
        assert await stream.rest() == []
    assert served.stage.live.listeners == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "BAD_USER_INPUT"),
        ("subscription { nothing }", "BAD_USER_INPUT"),
        ("subscription { balance {" + " version" * 3000 + "}}", "QUERY_TOO_COMPLEX"),
        ('subscription { balance(accountId: "acc_AAAAAAAAAAAAAAAAAAAAAg") { version } }', "BAD_USER_INPUT"),
    ],
)
async def test_what_is_refused_is_told_as_an_event_because_a_client_of_events_reads_nothing_else(
    served: Served, query: str, code: str
) -> None:
    async with streamed(served, query) as stream:
        refused, *rest = await stream.rest()

    assert stream.response.status_code == 200
    assert (refused[0], the_code(refused), "data" in refused[1]) == ("next", code, False)
    assert rest == [COMPLETE]


async def test_without_a_key_the_event_says_what_is_needed(served: Served) -> None:
    async with streamed(served, key=None) as stream:
        refused, *rest = await stream.rest()

    assert (the_code(refused), rest) == ("UNAUTHENTICATED", [COMPLETE])


async def test_what_is_wrong_with_the_request_itself_has_its_status(served: Served) -> None:
    async with streamed(served, key="nonsense") as stream:
        await stream.response.aread()
        assert stream.response.status_code == 401
        assert stream.response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    async with httpx.AsyncClient(base_url=f"http://{served.host}", headers={"accept": EVENTS}) as client:
        form = await client.post("/graphql", data={"query": VIEWER})
        batch = await client.post("/graphql", json=[{"query": VIEWER}])
        large = await client.post("/graphql", json={"query": "#" * 600_000})
        nothing = await client.get("/graphql", params={"token": "of a reservation"})
    served.stage.credentials.failure = DatabaseBusy()
    async with streamed(served) as stream:
        assert stream.response.status_code == 503
        assert stream.response.headers["retry-after"]

    assert [answer.status_code for answer in (form, batch, large, nothing)] == [415, 400, 413, 400]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_the_mode_of_a_single_connection_is_refused_with_what_to_do_instead(served: Served, method: str) -> None:
    async with httpx.AsyncClient(base_url=f"http://{served.host}") as client:
        refused = await client.request(method, "/graphql")

    assert refused.status_code == 405
    assert "Accept: text/event-stream" in refused.json()["errors"][0]["message"]


@pytest.mark.parametrize("accept", ["*/*", JSON, GRAPHQL, f"{EVENTS};q=0, {JSON}"])
async def test_who_does_not_take_events_is_told_where_subscriptions_are(served: Served, accept: str) -> None:
    async with streamed(served, accept=accept) as stream:
        await stream.response.aread()
        (error,) = stream.response.json()["errors"]

    assert stream.response.status_code == 400
    assert "websocket" in error["message"]
    assert f"Accept: {EVENTS}" in error["message"]


async def test_a_failing_source_is_masked_and_logged(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    async with streamed(served) as stream:
        await listening(served)
        served.stage.live.push(RuntimeError("the password is swordfish"))
        failed, *rest = await stream.rest()

    assert (the_code(failed), rest) == ("INTERNAL", [COMPLETE])
    assert "swordfish" not in json.dumps(failed)
    assert "swordfish" in caplog.text
    assert failed[1]["errors"][0]["extensions"]["requestId"] == stream.response.headers["x-request-id"]


async def test_a_page_of_an_allowed_origin_may_read_and_no_other(served: Served) -> None:
    async with httpx.AsyncClient(base_url=f"http://{served.host}") as client:
        for origin, allowed in ((ALLOWED, ALLOWED), ("https://evil.example.com", None)):
            headers = {"origin": origin, "accept": EVENTS, "authorization": f"Bearer {SECRET_KEY}"}
            answer = await client.post("/graphql", json={"query": VIEWER}, headers=headers)
            assert answer.headers.get("access-control-allow-origin") == allowed


async def test_silence_is_filled_with_comments(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert event_stream.KEEP_ALIVE_SECONDS <= 15
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_SECONDS", 0.05)
    async with streamed(served) as stream:
        await listening(served)
        await asyncio.sleep(0.5)
        served.stage.live.push(a_balance(version=1))
        assert (await stream.event()) == (
            "next",
            {"data": {"balance": {"version": 1, "available": "65"}}, "extensions": COST_OF_ONE},
        )

    assert stream.comments >= 2


async def test_who_leaves_is_forgotten(served: Served) -> None:
    async with streamed(served), streamed(served):
        await listening(served, 2)
    await listening(served, 0)


@pytest.mark.parametrize(
    ("now", "code"), [(None, "UNAUTHENTICATED"), (a_client_token(role=MemberRole.VIEWER), "FORBIDDEN")]
)
async def test_a_credential_that_ends_or_changes_ends_its_streams_and_says_so(
    served: Served, monkeypatch: pytest.MonkeyPatch, now: Any, code: str
) -> None:
    monkeypatch.setattr(credential_watch, "CREDENTIAL_CHECK_SECONDS", 0.05)
    served.stage.credentials.known[SECRET_KEY] = a_client_token(role=MemberRole.ADMIN)
    async with streamed(served) as stream:
        await listening(served)
        served.stage.credentials.failure = DatabaseBusy()
        await asyncio.sleep(0.15)
        served.stage.live.push(a_balance(version=1))
        assert (await stream.event()) == (
            "next",
            {"data": {"balance": {"version": 1, "available": "65"}}, "extensions": COST_OF_ONE},
        )
        served.stage.credentials.known[SECRET_KEY] = now
        served.stage.credentials.failure = None
        ended, *rest = await stream.rest()

    assert (the_code(ended), rest) == (code, [COMPLETE])
    await listening(served, 0)


async def test_a_client_that_does_not_read_is_bounded_in_memory_and_time(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_stream, "SEND_SECONDS_MAX", 0.5)
    aliases = " ".join(f"{'field' * 20}{number}: asOf" for number in range(50))
    body = json.dumps({"query": BALANCE.replace("version", aliases)}).encode()
    request = (
        f"POST /graphql HTTP/1.1\r\nHost: here\r\nAccept: {EVENTS}\r\nContent-Type: {JSON}\r\n"
        f"Authorization: Bearer {SECRET_KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    sleeper = a_narrow_connection(served.host)
    try:
        await asyncio.get_running_loop().sock_sendall(sleeper, request)
        await listening(served)
        (connection,) = served.connections
        unsent_bytes = 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while served.connections:
                for _ in range(20):
                    served.stage.live.push(a_balance(version=1))
                await asyncio.sleep(0.01)
                unsent_bytes = max(unsent_bytes, connection.transport.get_write_buffer_size())
    finally:
        sleeper.close()

    assert 0 < unsent_bytes < 500_000
    await listening(served, 0)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_the_servers_stop_ends_streams_without_completing_them(served: Served) -> None:
    async with streamed(served) as stream, streamed(served):
        await listening(served, 2)
        served.stage.live.push(a_balance(version=1))
        assert (await stream.event()) == (
            "next",
            {"data": {"balance": {"version": 1, "available": "65"}}, "extensions": COST_OF_ONE},
        )
        served.server.should_exit = True

        assert await stream.rest() == []
    await listening(served, 0)


async def test_what_ends_before_the_head_of_the_answer_is_out_has_one_all_the_same() -> None:
    sent: list[str] = []
    first_waits = asyncio.Event()

    async def send(message: Any) -> None:
        if not first_waits.is_set():
            # As behind an answer before this one that the client has not read yet.
            first_waits.set()
            await asyncio.Event().wait()
        sent.append(message["type"])

    async def receive() -> Any:
        await asyncio.Event().wait()

    def watch(end: Callable[[credential_watch.CredentialEnd], None]) -> Callable[[], None]:
        async def soon() -> None:
            await first_waits.wait()
            end(credential_watch.NO_LONGER_VALID)

        ending = asyncio.create_task(soon())
        return lambda: ending.done() or ending.cancel()

    stream = event_stream.EventStream(event_stream.known_answers(), "r", lives_on=True, watch=watch)
    await stream({"type": "http"}, receive, send)

    assert sent == ["http.response.start", "http.response.body"]


async def test_who_asks_for_one_view_too_many_is_told_so(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def full(*_: Any, **__: Any) -> AsyncIterator[None]:
        raise TooManyViews
        yield

    monkeypatch.setattr(served.stage.live, "watch", full)
    for field, selected in (("balance", "version"), ("lowBalance", "id")):
        query = f'subscription {{ {field}(accountId: "{ACCOUNT_ID}") {{ {selected} }} }}'
        async with streamed(served, query) as stream:
            refused, *rest = await stream.rest()

        assert (the_code(refused), rest) == ("TOO_MANY_REQUESTS", [COMPLETE])
        assert "Too many different members and projects" in refused[1]["errors"][0]["message"]


async def test_an_accept_header_in_two_lines_is_one(served: Served) -> None:
    headers = [("accept", "image/png"), ("accept", EVENTS), ("authorization", f"Bearer {SECRET_KEY}")]
    async with httpx.AsyncClient(base_url=f"http://{served.host}") as client:
        answer = await client.post("/graphql", json={"query": VIEWER}, headers=headers)

    assert answer.headers["content-type"].startswith(EVENTS)


async def test_many_streams_are_held_by_one_process_and_all_hear_of_a_change(served: Served) -> None:
    count = 100
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(streamed(served)) for _ in range(count)]
        await listening(served, count)
        served.stage.live.push(a_balance(version=2))
        events = [await stream.event() for stream in streams]

    assert (
        events
        == [("next", {"data": {"balance": {"version": 2, "available": "65"}}, "extensions": COST_OF_ONE})] * count
    )
    await listening(served, 0)
