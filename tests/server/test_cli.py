import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import httpx
import pytest

from server.postgres.cluster import read_process
from server.trusted_manifest import hash_of
from tests.conftest import directory_in_memory

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0

Serve = Callable[..., "Served"]


def an_environment(data_dir: Path, **settings: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PORT": "0", "FAREBOX_DATA_DIR": str(data_dir)} | settings


def run(command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server", command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def the_only_line(answer: subprocess.CompletedProcess[str]) -> str:
    (line,) = answer.stderr.splitlines()
    return line


class Served:
    """A server started like a user's, and what its console said until it was ready."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.data_dir = Path(environment["FAREBOX_DATA_DIR"])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "server", "serve"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.console = ""
        for line in self.process.stdout:
            self.console += line
            if "Ctrl-C" in line:
                break
        assert self.process.poll() is None, self.console

    @property
    def address(self) -> str:
        return next(line.split()[1] for line in self.console.splitlines() if "/graphql" in line).removesuffix(
            "/graphql"
        )

    @property
    def postgres_process_id(self) -> int:
        (cluster,) = self.data_dir.glob("postgres-??")
        found = read_process(cluster)
        assert found is not None
        return found[0]

    def secret_key(self, tenant: str) -> str:
        keys = json.loads((self.data_dir / "demo-keys.json").read_text())
        return str(keys[tenant]["secretKey"])

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


class Ended:
    """What a server left behind that was told to stop."""

    def __init__(self, server: Served, number: signal.Signals) -> None:
        self.data_dir, postgres = server.data_dir, server.postgres_process_id
        self.exit_code = server.stop(number)
        self.postgres_lived_on = Path(f"/proc/{postgres}").exists()
        assert server.process.stdout is not None
        self.last_line = server.process.stdout.read().splitlines()[-1]
        self.log = (self.data_dir / "postgres.log").read_text()

    def assert_in_order(self) -> None:
        assert self.exit_code == 0
        assert self.last_line == "Stopped."
        assert not self.postgres_lived_on
        assert "database system is shut down" in self.log.splitlines()[-1]


@pytest.fixture(scope="module")
def data_dirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """For the data directories of this module's servers."""
    with directory_in_memory() as in_memory:
        yield in_memory or tmp_path_factory.mktemp("data")


@contextmanager
def serving() -> Iterator[Serve]:
    """Starts servers, and sees to their end."""
    served: list[Served] = []

    def start(data_dir: Path, **settings: str) -> Served:
        served.append(Served(an_environment(data_dir, **settings)))
        return served[-1]

    try:
        yield start
    finally:
        for server in served:
            if server.process.poll() is None:
                server.stop(signal.SIGTERM)
            assert server.process.stdout is not None
            server.process.stdout.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    with serving() as start:
        yield start


@pytest.fixture(scope="module")
def running(data_dirs: Path) -> Iterator[Served]:
    """A server that stays up, for all who need one and neither stop it nor set it up."""
    with serving() as start:
        yield start(data_dirs / "my data")


@pytest.fixture(scope="module")
def ended(data_dirs: Path) -> Ended:
    """A server that made its database, ran as one process, and was interrupted."""
    with serving() as start:
        return Ended(start(data_dirs / "ended"), signal.SIGINT)


@pytest.fixture
def data_left(ended: Ended, memory_path: Path) -> Path:
    """A copy of the data that it left."""
    return shutil.copytree(ended.data_dir, memory_path / "left", ignore=shutil.ignore_patterns("socket"))


@dataclass(frozen=True, slots=True)
class Refused:
    """Starts beside a running server. A port is waited for, so that all three are started at once."""

    same_port: subprocess.CompletedProcess[str]
    same_data: subprocess.CompletedProcess[str]
    same_data_and_port: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def refused(running: Served, data_dirs: Path) -> Refused:
    port = running.address.rpartition(":")[2]
    environments = (
        an_environment(data_dirs / "second", PORT=port),
        an_environment(running.data_dir),
        an_environment(running.data_dir, PORT=port),
    )
    with ThreadPoolExecutor() as threads:
        return Refused(*threads.map(run, repeat("serve"), environments))


class TestRefusingToStart:
    @pytest.mark.parametrize("command", ["serve", "audit", "migrate", "rebuild-usage"])
    def test_an_invalid_setting_stops_the_start_with_one_clear_line(self, tmp_path: Path, command: str) -> None:
        answer = run(command, an_environment(tmp_path, PORT="http"))
        assert answer.returncode == 2
        assert the_only_line(answer) == (
            "farebox: invalid settings in the environment: "
            "PORT must be a whole number from 0 (any free port) to 65535, not 'http'"
        )
        assert list(tmp_path.iterdir()) == []

    def test_a_manifest_of_documents_that_do_not_fit_is_one_line_before_anything_is_made(self, tmp_path: Path) -> None:
        text = "{ nothing }"
        id = f"sha256:{hash_of(text)}"
        (tmp_path / "manifest.json").write_text(json.dumps({id: text}))
        settings = {"FAREBOX_TRUSTED_DOCUMENTS": str(tmp_path / "manifest.json")}
        answer = run("serve", an_environment(tmp_path / "data", **settings))
        assert answer.returncode == 2
        assert f"farebox: FAREBOX_TRUSTED_DOCUMENTS: the document {id} is refused: " in the_only_line(answer)
        assert not (tmp_path / "data").exists()

    @pytest.mark.parametrize("command", ["serve", "migrate"])
    def test_a_database_that_does_not_answer_is_one_line_without_its_password(
        self, tmp_path: Path, command: str
    ) -> None:
        answer = run(command, an_environment(tmp_path, DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/fares"))
        assert answer.returncode == 2
        assert "DATABASE_URL" in the_only_line(answer)
        assert "hunter2" not in answer.stderr

    @pytest.mark.parametrize("command", ["audit", "migrate", "rebuild-usage"])
    def test_where_no_server_ever_ran_there_is_nothing_to_work_on(self, tmp_path: Path, command: str) -> None:
        answer = run(command, an_environment(tmp_path))
        assert answer.returncode == 2
        assert "there is no database" in the_only_line(answer)

    def test_a_port_in_use_is_one_line_and_leaves_no_postgres(self, refused: Refused, data_dirs: Path) -> None:
        assert refused.same_port.returncode == 2
        assert "set PORT to another" in the_only_line(refused.same_port)
        # Found before anything was made.
        assert not (data_dirs / "second").exists()

    def test_a_second_start_on_the_same_data_says_who_holds_them(self, refused: Refused, running: Served) -> None:
        assert refused.same_data.returncode == 2
        assert f"in use by process {running.process.pid}" in the_only_line(refused.same_data)

    def test_a_second_start_on_the_same_data_and_port_says_who_holds_the_data(
        self, refused: Refused, running: Served
    ) -> None:
        assert f"in use by process {running.process.pid}" in the_only_line(refused.same_data_and_port)


class TestServing:
    def test_a_first_start_says_where_everything_is_and_the_pasted_query_works(self, running: Served) -> None:
        server, data_dir = running, running.data_dir
        assert httpx.get(f"{server.address}/healthz", timeout=PATIENCE_SECONDS).status_code == 200
        assert httpx.get(f"{server.address}/readyz", timeout=PATIENCE_SECONDS).status_code == 200
        keys = data_dir / "demo-keys.json"
        assert str(keys) in server.console
        assert stat.S_IMODE(keys.stat().st_mode) == 0o600
        assert stat.S_IMODE((data_dir / "root-key").stat().st_mode) == 0o600
        secrets = [tenant["secretKey"] for tenant in json.loads(keys.read_text()).values()]
        assert not any(secret in server.console for secret in secrets)
        pasted = next(line for line in server.console.splitlines() if line.strip().startswith("curl"))
        answer = subprocess.run(
            pasted, shell=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True
        )
        assert len(json.loads(answer.stdout)["data"]["prices"]["nodes"]) == 3

    def test_an_interrupt_ends_it_and_its_postgres_in_order(self, ended: Ended) -> None:
        ended.assert_in_order()

    def test_a_kill_leaves_nothing_behind_that_blocks_the_next_start_which_ends_in_order(
        self, data_left: Path, serve: Serve
    ) -> None:
        processes = "2"
        server = serve(data_left, WEB_CONCURRENCY=processes)
        keys = (data_left / "demo-keys.json").read_text()
        server.stop(signal.SIGKILL)
        again = serve(data_left, WEB_CONCURRENCY=processes, PORT=server.address.rpartition(":")[2])
        assert httpx.get(f"{again.address}/readyz", timeout=PATIENCE_SECONDS).status_code == 200
        assert (data_left / "demo-keys.json").read_text() == keys
        Ended(again, signal.SIGTERM).assert_in_order()

    def test_production_has_no_demo(self, memory_path: Path, serve: Serve) -> None:
        server = serve(memory_path, FAREBOX_ENV="production")
        assert not (memory_path / "demo-keys.json").exists()
        assert "GraphiQL" not in server.console

    def test_where_only_trusted_documents_are_taken_nothing_is_shown_that_needs_others(
        self, memory_path: Path, serve: Serve
    ) -> None:
        text = "{ viewer { kind } }"
        (memory_path / "manifest.json").write_text(json.dumps({hash_of(text): text}))
        server = serve(
            memory_path / "data",
            FAREBOX_TRUSTED_DOCUMENTS=str(memory_path / "manifest.json"),
            FAREBOX_ONLY_TRUSTED_DOCUMENTS="1",
            WEB_CONCURRENCY="2",
        )
        assert "GraphiQL" not in server.console
        assert "curl" not in server.console
        headers = {"authorization": f"Bearer {server.secret_key('node-studio')}"}
        url = f"{server.address}/graphql"
        known = httpx.post(
            url, json={"documentId": f"sha256:{hash_of(text)}"}, headers=headers, timeout=PATIENCE_SECONDS
        )
        sent = httpx.post(url, json={"query": text}, headers=headers, timeout=PATIENCE_SECONDS)
        assert known.json()["data"] == {"viewer": {"kind": "SECRET"}}
        assert sent.json()["errors"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"

    def test_production_on_the_demo_s_data_says_nothing_of_its_keys(self, data_left: Path, serve: Serve) -> None:
        server = serve(data_left, FAREBOX_ENV="production")
        assert (data_left / "demo-keys.json").exists()
        assert "demo-keys" not in server.console
        assert "curl" not in server.console


class TestOtherCommands:
    def test_audit_migrate_and_rebuild_work_beside_a_running_server(self, running: Served) -> None:
        self.assert_work_on(running.data_dir)
        assert running.process.poll() is None

    def test_audit_migrate_and_rebuild_work_alone(self, data_left: Path) -> None:
        self.assert_work_on(data_left)
        assert not list(data_left.glob("postgres-*/postmaster.pid"))

    def assert_work_on(self, data_dir: Path) -> None:
        for command in ("migrate", "audit", "rebuild-usage"):
            answer = run(command, an_environment(data_dir))
            assert answer.returncode == 0
            assert ("Corrected 0 sums of 0 accounts." in answer.stdout) == (command == "rebuild-usage")
            assert ("Checked 0 accounts and 0 entries in the embedded" in answer.stdout) == (command == "audit")

    def test_schema_prints_the_schema_and_needs_no_database(self, tmp_path: Path) -> None:
        answer = run("schema", an_environment(tmp_path))
        assert answer.returncode == 0
        assert "type Mutation {" in answer.stdout
        assert list(tmp_path.iterdir()) == []

    def test_help_does_not_wait_for_what_only_serving_needs(self) -> None:
        program = "import sys, server.cli; print(sorted({'uvicorn', 'strawberry', 'tortoise'} & sys.modules.keys()))"
        loaded = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
        assert loaded.stdout == "[]\n"
