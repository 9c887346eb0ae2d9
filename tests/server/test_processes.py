import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from server.console import address_of, announcement
from server.edge.graphql_socket import PROTOCOL
from server.listener import PortUnavailable, listen
from server.processes import GRACE_SECONDS
from server.settings import Environment, Settings
from tests.resolvers.stage import SECRET_KEY
from tests.server.edge.serving import BALANCE

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30.0

LAUNCHER = """
import sys

from server.logs import configure_logs
from server import processes
from server.listener import listen
from server.processes import run_web_processes
from server.settings import read_settings

if __name__ == "__main__":
    configure_logs()
    settings = read_settings()
    processes.STOP_SECONDS_MAX = int(sys.argv[2])
    with listen(settings) as listener:
        announce = lambda: print(listener.getsockname()[1], flush=True)
        ended_well = run_web_processes(settings, listener, announce, application=sys.argv[1])
    print("after the web server", flush=True)
    sys.exit(0 if ended_well else 2)
"""

APPLICATION = """
import asyncio
import os

from server.parent_watch import watch_parent


def create_app():
    watch_parent(2)

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        if scope["path"] == "/slow":
            await asyncio.sleep(1.5)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(os.getpid()).encode()})

    return app


def with_the_edge():
    from contextlib import asynccontextmanager

    from rules.ledger.outcomes import HoldEffect
    from server.app import build_app
    from server.edge.configuration import Edge
    from services.ledger.live_views import StateEvent
    from tests.resolvers.stage import Stage, a_balance, a_hold

    watch_parent(2)

    class Live:
        @asynccontextmanager
        async def watch(self, tenant_id, account_id, view, since_version, pace):
            async def events():
                yield StateEvent(a_balance(version=1), was_reset=False)
                await asyncio.sleep(3600)

            yield events()

    class Fares:
        async def reserve(self, request):
            await asyncio.sleep(1.5 if request.key == "slow" else 3600)
            return HoldEffect(a_hold(), a_balance())

    stage = Stage()
    stage.live, stage.fares = Live(), Fares()
    return build_app(stage, Edge(introspection=False, graphiql=False))


def with_the_edge_in_haste():
    from server.edge import graphql_socket

    graphql_socket.STOP_SECONDS_MAX = 1.0
    return with_the_edge()


def without_a_database():
    from server.composition import open_services  # The others start without it.

    watch_parent(60)

    async def app(scope, receive, send):
        await receive()
        print(os.getpid(), flush=True)
        async with open_services("postgresql://127.0.0.1:1/none", root_key="farebox_root_of_a_test"):
            await send({"type": "lifespan.startup.complete"})

    return app


def never_ending():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.sleep(3600)

    return app


def broken():
    raise RuntimeError("this application does not start")
"""

RESERVE = """mutation {
    reserve(input: {idempotencyKey: "%s", accountExternalId: "alice", work: {amount: "1"}}) { __typename }
}"""

Launch = Callable[..., "Launched"]


class Launched:
    """A running server of one or several processes, and where it answers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.first_line = process.stdout.readline().strip()

    def get(self, path: str = "/") -> str:
        # One connection each, so that every process gets its turn.
        return httpx.get(f"http://127.0.0.1:{self.first_line}{path}", timeout=PATIENCE_SECONDS).text

    def process_ids(self, count: int) -> set[int]:
        found: set[int] = set()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(found) < count:
            assert time.monotonic() < deadline, found
            found.add(int(self.get()))
        return found

    def rest(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read()


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    (tmp_path / "launcher.py").write_text(LAUNCHER)
    (tmp_path / "small_application.py").write_text(APPLICATION)
    launched: list[Launched] = []

    def start(processes: int, application: str = "small_application:create_app", *, stop_seconds: int = 2) -> Launched:
        process = subprocess.Popen(
            [sys.executable, tmp_path / "launcher.py", application, str(stop_seconds)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}",
                "PORT": "0",
                "WEB_CONCURRENCY": str(processes),
            },
        )
        launched.append(Launched(process))
        return launched[-1]

    yield start
    for server in launched:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait(PATIENCE_SECONDS)
        server.rest()
        if server.process.stdout is not None:
            server.process.stdout.close()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_alive(process_id: int) -> bool:
    try:
        # A process that has ended and waits for its parent's notice is no longer alive.
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class TestStopping:
    @pytest.mark.parametrize(("processes", "number"), [(1, signal.SIGTERM), (1, signal.SIGINT), (2, signal.SIGTERM)])
    def test_a_request_in_flight_is_answered_and_what_follows_the_server_still_runs(
        self, launch: Launch, processes: int, number: signal.Signals
    ) -> None:
        server = launch(processes)
        with socket.create_connection(("127.0.0.1", int(server.first_line)), PATIENCE_SECONDS) as connection:
            connection.sendall(b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n")
            time.sleep(0.5)
            server.process.send_signal(number)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        assert server.process.wait(PATIENCE_SECONDS) == 0
        assert server.rest() == "after the web server\n"

    @pytest.mark.parametrize("processes", [1, 2])
    def test_sockets_and_event_streams_end_in_order(self, launch: Launch, processes: int) -> None:
        """What was asked is answered; what is watched ends so that clients come again, and nobody is waited for."""
        server = launch(processes, "small_application:with_the_edge", stop_seconds=20)
        address = f"127.0.0.1:{server.first_line}/graphql"
        headers = {"authorization": f"Bearer {SECRET_KEY}", "accept": "text/event-stream"}
        socket = connect(f"ws://{address}", subprotocols=[Subprotocol(PROTOCOL)], additional_headers=headers)
        body = {"query": BALANCE}
        stream = httpx.stream("POST", f"http://{address}", json=body, headers=headers, timeout=PATIENCE_SECONDS)
        with socket as client, stream as streamed:

            def received() -> dict[str, Any]:
                return dict(json.loads(client.recv(PATIENCE_SECONDS)))

            client.send('{"type": "connection_init"}')
            assert received() == {"type": "connection_ack"}
            for id, query in (("live", BALANCE), ("slow", RESERVE % "slow")):
                client.send(json.dumps({"type": "subscribe", "id": id, "payload": {"query": query}}))
            assert received()["id"] == "live"
            text = streamed.iter_text()
            assert "event: next" in next(text)

            stopped_at = time.monotonic()
            server.process.terminate()
            assert "".join(text) == ""
            answer = received()
            assert (answer["id"], answer["type"]) == ("slow", "next")
            assert answer["payload"]["data"] == {"reserve": {"__typename": "ReserveSuccess"}}
            assert received() == {"id": "slow", "type": "complete"}
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(PATIENCE_SECONDS)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == CloseCode.SERVICE_RESTART
        assert server.process.wait(PATIENCE_SECONDS) == 0
        assert time.monotonic() - stopped_at < GRACE_SECONDS
        assert server.rest() == "after the web server\n"

    def test_an_operation_that_does_not_end_is_not_waited_for_for_ever(self, launch: Launch) -> None:
        server = launch(1, "small_application:with_the_edge_in_haste", stop_seconds=20)
        headers = {"authorization": f"Bearer {SECRET_KEY}"}
        url = f"ws://127.0.0.1:{server.first_line}/graphql"
        with connect(url, subprotocols=[Subprotocol(PROTOCOL)], additional_headers=headers) as client:
            client.send('{"type": "connection_init"}')
            client.recv(PATIENCE_SECONDS)
            client.send(json.dumps({"type": "subscribe", "id": "a", "payload": {"query": RESERVE % "never"}}))
            client.send('{"type": "ping"}')
            client.recv(PATIENCE_SECONDS)
            server.process.terminate()
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(PATIENCE_SECONDS)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == CloseCode.SERVICE_RESTART
        assert server.process.wait(PATIENCE_SECONDS) == 0

    @pytest.mark.parametrize("processes", [1, 2])
    def test_an_application_that_never_stops_is_ended(self, launch: Launch, processes: int) -> None:
        server = launch(processes, "small_application:never_ending")
        server.process.terminate()
        server.process.wait(PATIENCE_SECONDS)


class TestSeveralProcesses:
    def test_what_starts_them_does_without_what_they_serve(self) -> None:
        program = "import sys, server.processes; print(sorted({'strawberry', 'tortoise'} & sys.modules.keys()))"
        loaded = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, timeout=PATIENCE_SECONDS, check=True
        )
        assert loaded.stdout == b"[]\n"

    def test_a_killed_process_is_replaced(self, launch: Launch) -> None:
        server = launch(2)
        first, second = server.process_ids(2)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not is_alive(first))
        wait_until(lambda: len({int(server.get()) for _ in range(8)} - {first, second}) == 1)
        server.process.terminate()
        assert server.process.wait(PATIENCE_SECONDS) == 0

    def test_none_outlives_a_killed_parent_nor_keeps_the_port(self, launch: Launch) -> None:
        server = launch(2)
        children = server.process_ids(2)
        server.process.kill()
        server.process.wait(PATIENCE_SECONDS)
        wait_until(lambda: not any(is_alive(child) for child in children))
        listen(Settings(port=int(server.first_line))).close()

    def test_one_that_waits_for_the_database_does_not_outlive_it_either(self, launch: Launch) -> None:
        server = launch(2, "small_application:without_a_database")
        waiting = int(server.first_line)
        server.process.kill()
        wait_until(lambda: not is_alive(waiting))

    @pytest.mark.parametrize("processes", [1, 2])
    def test_an_application_that_does_not_start_ends_the_server_with_an_error(
        self, launch: Launch, processes: int
    ) -> None:
        server = launch(processes, "small_application:broken")
        assert server.process.wait(PATIENCE_SECONDS) != 0


class TestListening:
    def test_a_port_in_use_is_named_in_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("server.listener.PORT_ATTEMPTS", 2)
        with listen(Settings(port=0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(
                PortUnavailable, match=f"PORT {port}: another .+ set PORT to another, such as PORT={port + 1}"
            ) as refusal:
                listen(Settings(port=port))
        assert "\n" not in str(refusal.value)

    def test_an_unknown_host_is_named_in_one_line(self) -> None:
        with pytest.raises(PortUnavailable, match=r"no\.such\.host\.invalid"):
            listen(Settings(host="no.such.host.invalid"))

    def test_an_address_of_the_sixth_version_is_written_as_a_browser_takes_it(self) -> None:
        with listen(Settings(host="::1", port=0)) as listener:
            assert address_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"


class TestAnnouncement:
    def test_says_where_everything_is_and_gives_a_first_query(self, tmp_path: Path) -> None:
        settings = Settings(port=0, data_dir=tmp_path)
        with listen(settings) as listener:
            text = announcement(settings, listener, {"ai-playground", "node-studio"})
            address = address_of(listener)
        assert f"{address}/graphql" in text
        assert f"{address}/\n" in text
        assert str(tmp_path / "demo-keys.json") in text
        assert str(tmp_path / "root-key") in text
        assert f"curl -s {address}/graphql" in text

    def test_says_nothing_of_keys_that_open_nothing_here(self, tmp_path: Path) -> None:
        (tmp_path / "demo-keys.json").write_text("{}")
        settings = Settings(port=0, data_dir=tmp_path)
        with listen(settings) as listener:
            text = announcement(settings, listener)
        assert "curl" not in text
        assert "demo-keys.json" not in text

    def test_shows_no_secret_and_in_production_no_console(self, tmp_path: Path) -> None:
        key = "a-root-key-that-is-long-enough-to-be-one"
        settings = Settings(port=0, data_dir=tmp_path, root_key=key, environment=Environment.PRODUCTION)
        with listen(settings) as listener:
            text = announcement(settings, listener)
        assert key not in text
        assert "GraphiQL" not in text
