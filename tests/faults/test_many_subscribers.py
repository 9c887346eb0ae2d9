"""Five thousand who watch one server process, each by a token of its own: real sockets, a real hub, a real Postgres."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from models.account import AccountKind
from models.api_key import ApiKeyKind
from models.tenant import TenantMode
from rules.identity import IdKind, public_id
from server.composition import Services, open_services
from server.edge.graphql_socket import PROTOCOL
from services.accounts import AccountRecord
from services.client_tokens import CreatedClientToken
from services.credentials import CreatedApiKey
from services.principal import Principal
from services.tenants import CreatedTenant
from tests.faults.healing_time import healed_after
from tests.faults.live_clients import ask_any, in_background
from tests.faults.served import Server, served
from tests.patience import eventually

T = TypeVar("T")

SUBSCRIBERS: Final = 5_000
MAKING_AT_ONCE: Final = 8
"""Accounts and tokens: as many as a process has connections."""
CONNECTING_AT_ONCE: Final = 20
RETRY_SECONDS: Final = 1.0
FIRST_SNAPSHOT_SECONDS_MAX: Final = 400.0
"""Some ten seconds of processor time for the server and as many for these clients, where others have the rest."""
WATCHED_SECONDS: Final = 10.0
ENDED_SECONDS_MAX: Final = 5.0
"""For those whose key was revoked."""
MEMORY_BYTES_MAX: Final = 48 * 1024
"""Of the server, for a socket with its subscription, its token and its share of the account that it watches."""
CORE_SHARE_MAX: Final = 0.5
"""Of the server while nothing happens: credentials are looked at, accounts compared, sockets pinged."""
CREDENTIAL_ENDED: Final = 4403
INIT_TIMEOUT: Final = 4408
A_ROOT_KEY: Final = "a-root-key-that-is-long-enough-to-be-one"

BALANCE = "subscription { balance { version available } }"
GRANT = """mutation ($account: ID!, $key: String!) {
  grantTokens(input: {idempotencyKey: $key, accountId: $account, amount: "1"}) {
    ... on GrantSuccess { balance { accountId version } } ... on Problem { message }
  }
}"""


async def some_at_once(work: Iterable[Awaitable[T]]) -> list[T]:
    """All of it, in order, a few at once."""
    made: list[T] = []
    waiting = iter(work)
    while some := [*islice(waiting, MAKING_AT_ONCE)]:
        made += await asyncio.gather(*some)
    return made


@dataclass(slots=True)
class Viewer:
    """One socket, what it was shown and how it ended."""

    account_id: UUID
    token: str
    versions: list[int] = field(default_factory=list)
    closed_with: int | None = None

    async def watch(self, url: str, turn: asyncio.Semaphore) -> None:
        while self.closed_with is None:
            try:
                await self._watch_once(url, turn)
            except ConnectionClosed as closed:
                code = CloseCode.ABNORMAL_CLOSURE if closed.rcvd is None else closed.rcvd.code
                if code in (CloseCode.TRY_AGAIN_LATER, INIT_TIMEOUT):
                    # As clients do: on a busy machine a credential is not looked up in time, or asked for too late.
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    self.closed_with = code
            except (OSError, InvalidHandshake):
                self.closed_with = CloseCode.ABNORMAL_CLOSURE

    async def _watch_once(self, url: str, turn: asyncio.Semaphore) -> None:
        async with turn:
            client = await connect(
                url, subprotocols=[Subprotocol(PROTOCOL)], compression=None, ping_interval=None, open_timeout=60
            )
            payload = {"authorization": f"Bearer {self.token}"}
            await client.send(json.dumps({"type": "connection_init", "payload": payload}))
            assert json.loads(await client.recv()) == {"type": "connection_ack"}
            await client.send(json.dumps({"type": "subscribe", "id": "a", "payload": {"query": BALANCE}}))
            first = await client.recv()
            if json.loads(first)["type"] == "error":
                await client.close()
                refusals = {refusal["extensions"]["code"] for refusal in json.loads(first)["payload"]}
                assert refusals == {"UNAVAILABLE"}, first
                await asyncio.sleep(RETRY_SECONDS)
                return
            self._take(first)
        async for text in client:
            self._take(text)

    def _take(self, text: str | bytes) -> None:
        message: dict[str, Any] = json.loads(text)
        assert message["type"] == "next", message
        self.versions.append(message["payload"]["data"]["balance"]["version"])


@dataclass(frozen=True, slots=True)
class Crowd:
    """A tenant with accounts, and viewers by tokens of two keys in turn."""

    services: Services
    secret_key: str
    backend: Principal
    second_key_id: UUID
    viewers: list[Viewer]

    @property
    def of_first_key(self) -> list[Viewer]:
        return self.viewers[::2]

    @property
    def of_second_key(self) -> list[Viewer]:
        return self.viewers[1::2]


@asynccontextmanager
async def a_crowd(dsn: str, accounts: int) -> AsyncIterator[Crowd]:
    async with open_services(dsn, root_key=A_ROOT_KEY) as services:
        tenant = await services.tenants.create_tenant(
            slug="ours", name="Ours", mode=TenantMode.TEST, price_book="node-studio"
        )
        assert isinstance(tenant, CreatedTenant)
        first = await services.credentials.authenticate(tenant.secret_key)
        assert first is not None
        made = await services.credentials.create_api_key(first, name="second", kind=ApiKeyKind.SECRET)
        assert isinstance(made, CreatedApiKey)
        second = await services.credentials.authenticate(made.key)
        assert second is not None

        async def an_account(number: int) -> UUID:
            name = f"a{number}"
            created = await services.accounts.create(
                tenant.tenant_id, external_id=name, name=name, kind=AccountKind.PERSONAL, time_zone="UTC"
            )
            assert isinstance(created, AccountRecord)
            return created.account_id

        async def a_viewer(account_id: UUID, issuer: Principal) -> Viewer:
            created = await services.client_tokens.create(issuer, account_id)
            assert isinstance(created, CreatedClientToken)
            return Viewer(account_id, created.token)

        account_ids = await some_at_once(map(an_account, range(accounts)))
        whose = zip(islice(cycle(account_ids), SUBSCRIBERS), cycle((first, second)), strict=False)
        viewers = await some_at_once(a_viewer(*one) for one in whose)
        yield Crowd(services, tenant.secret_key, first, made.key_id, viewers)


def memory_of(process_id: int) -> int:
    """Bytes that are its own."""
    lines = Path(f"/proc/{process_id}/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def seconds_of_a_core(process_id: int) -> float:
    """Of the processor's time, what it had so far."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def server(dsn: str, memory_path: Path) -> Iterator[Server]:
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if 0 <= descriptors < SUBSCRIBERS + 1_000:
        pytest.skip(f"a process may have {descriptors} descriptors here; raise `ulimit -Hn`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    with served(memory_path / "data", processes=1, DATABASE_URL=dsn, FAREBOX_ROOT_KEY=A_ROOT_KEY) as server:
        yield server


@pytest.mark.soak
@pytest.mark.parametrize("accounts", [50, SUBSCRIBERS])
async def test_five_thousand_idle_subscribers_cost_little_and_each_is_told_what_is_its_own(
    dsn: str, server: Server, accounts: int, record_property: Callable[[str, object], None]
) -> None:
    await server.is_ready()
    probe = server.url.replace("/graphql", "/healthz")
    async with a_crowd(dsn, accounts) as crowd:
        viewers, turn = crowd.viewers, asyncio.Semaphore(CONNECTING_AT_ONCE)
        url = server.url.replace("http://", "ws://")
        async with in_background([Viewer(viewers[0].account_id, viewers[0].token).watch(url, turn)]):
            # What is made once, with the first of all, is no connection's.
            await ask_any([server], crowd.secret_key, GRANT, grant_of(viewers[0], "first of all"))
        before_bytes = memory_of(server.process_id)
        async with in_background(viewer.watch(url, turn) for viewer in viewers) as watching:
            await eventually(
                lambda: any(task.done() for task in watching) or all(viewer.versions for viewer in viewers),
                within_seconds=FIRST_SNAPSHOT_SECONDS_MAX,
                what="everybody has a first snapshot",
            )
            assert not [task for task in watching if task.done()], {viewer.closed_with for viewer in viewers}
            memory_bytes = (memory_of(server.process_id) - before_bytes) / SUBSCRIBERS
            begun_seconds = seconds_of_a_core(server.process_id)
            await asyncio.sleep(WATCHED_SECONDS)
            core_share = (seconds_of_a_core(server.process_id) - begun_seconds) / WATCHED_SECONDS
            assert all(len(viewer.versions) == 1 for viewer in viewers), "nobody is told of nothing"
            assert not [task for task in watching if task.done()]

            changed = viewers[0]
            told = [viewer for viewer in viewers if viewer.account_id == changed.account_id]
            granted = await ask_any([server], crowd.secret_key, GRANT, grant_of(changed, "of one"))
            version = granted["balance"]["version"]
            shown_seconds = await healed_after(
                lambda: all(viewer.versions[-1] == version for viewer in told), probe, lambda: f"{version} is shown"
            )
            assert sum(len(viewer.versions) for viewer in viewers) == SUBSCRIBERS + len(told), "and nobody else"

            loop = asyncio.get_running_loop()
            revoked_at = loop.time()
            assert await crowd.services.credentials.revoke_api_key(crowd.backend, crowd.second_key_id)
            await eventually(
                lambda: all(viewer.closed_with for viewer in crowd.of_second_key),
                within_seconds=ENDED_SECONDS_MAX,
                what="those of the key that was revoked have ended",
            )
            ended_seconds = loop.time() - revoked_at
            assert {viewer.closed_with for viewer in crowd.of_second_key} == {CREDENTIAL_ENDED}
            assert {viewer.closed_with for viewer in crowd.of_first_key} == {None}

            stopping_at = loop.time()
            assert await asyncio.to_thread(server.end, signal.SIGTERM) == 0
            await eventually(
                lambda: all(viewer.closed_with for viewer in viewers), what="everybody is told of the stop"
            )
            stop_seconds = loop.time() - stopping_at
            assert {viewer.closed_with for viewer in crowd.of_first_key} == {CloseCode.SERVICE_RESTART}
    measured = {
        "KiB a subscriber": round(memory_bytes / 1024, 1),
        "share of a core while idle": round(core_share, 3),
        "seconds to show a change": round(shown_seconds, 2),
        "seconds to end half of them": round(ended_seconds, 2),
        "seconds to stop": round(stop_seconds, 2),
    }
    print(f"{accounts} accounts: {measured}")
    for name, figure in measured.items():
        record_property(name, figure)
    assert memory_bytes < MEMORY_BYTES_MAX
    assert core_share < CORE_SHARE_MAX


def grant_of(viewer: Viewer, key: str) -> dict[str, str]:
    return {"account": public_id(IdKind.ACCOUNT, viewer.account_id), "key": key}
