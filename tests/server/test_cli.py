import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from server.postgres.cluster import read_process
from server.trusted_manifest import hash_of

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


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that stays up, for all who need one and neither stop it nor set it up."""
    server = Served(an_environment(tmp_path_factory.mktemp("running") / "my data"))
    yield server
    server.stop(signal.SIGTERM)
    assert server.process.stdout is not None
    server.process.stdout.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    served: list[Served] = []

    def start(data_dir: Path, **settings: str) -> Served:
        served.append(Served(an_environment(data_dir, **settings)))
        return served[-1]

    yield start
    for server in served:
        if server.process.poll() is None:
            server.stop(signal.SIGTERM)
        assert server.process.stdout is not None
        server.process.stdout.close()


def wait_until_gone(process_id: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while Path(f"/proc/{process_id}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


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

    def test_a_port_in_use_is_one_line_and_leaves_no_postgres(self, tmp_path: Path, running: Served) -> None:
        answer = run("serve", an_environment(tmp_path / "second", PORT=running.address.rpartition(":")[2]))
        assert answer.returncode == 2
        assert "set PORT to another" in the_only_line(answer)
        # Found before anything was made.
        assert not (tmp_path / "second").exists()


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

    @pytest.mark.parametrize(("processes", "number"), [("1", signal.SIGINT), ("2", signal.SIGTERM)])
    def test_a_signal_ends_it_and_its_postgres_in_order(
        self, tmp_path: Path, serve: Serve, processes: str, number: signal.Signals
    ) -> None:
        server = serve(tmp_path, WEB_CONCURRENCY=processes)
        postgres = server.postgres_process_id
        assert server.stop(number) == 0
        assert server.process.stdout is not None
        assert server.process.stdout.read().splitlines()[-1] == "Stopped."
        assert not Path(f"/proc/{postgres}").exists()
        assert "database system is shut down" in (tmp_path / "postgres.log").read_text().splitlines()[-1]

    def test_a_kill_leaves_nothing_behind_that_blocks_the_next_start(self, tmp_path: Path, serve: Serve) -> None:
        processes = "2"
        server = serve(tmp_path, WEB_CONCURRENCY=processes)
        keys = (tmp_path / "demo-keys.json").read_text()
        server.stop(signal.SIGKILL)
        again = serve(tmp_path, WEB_CONCURRENCY=processes, PORT=server.address.rpartition(":")[2])
        assert httpx.get(f"{again.address}/readyz", timeout=PATIENCE_SECONDS).status_code == 200
        assert (tmp_path / "demo-keys.json").read_text() == keys

    def test_a_second_start_on_the_same_data_says_who_holds_them(self, running: Served) -> None:
        answer = run("serve", an_environment(running.data_dir))
        assert answer.returncode == 2
        assert f"in use by process {running.process.pid}" in the_only_line(answer)

    def test_production_has_no_demo(self, tmp_path: Path, serve: Serve) -> None:
        server = serve(tmp_path, FAREBOX_ENV="production")
        assert not (tmp_path / "demo-keys.json").exists()
        assert "GraphiQL" not in server.console

    def test_where_only_trusted_documents_are_taken_nothing_is_shown_that_needs_others(
        self, tmp_path: Path, serve: Serve
    ) -> None:
        text = "{ viewer { kind } }"
        (tmp_path / "manifest.json").write_text(json.dumps({hash_of(text): text}))
        server = serve(
            tmp_path / "data",
            FAREBOX_TRUSTED_DOCUMENTS=str(tmp_path / "manifest.json"),
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

    def test_production_on_the_demo_s_data_says_nothing_of_its_keys(self, tmp_path: Path, serve: Serve) -> None:
        serve(tmp_path).stop(signal.SIGTERM)
        server = serve(tmp_path, FAREBOX_ENV="production")
        assert (tmp_path / "demo-keys.json").exists()
        assert "demo-keys" not in server.console
        assert "curl" not in server.console

    def test_a_second_start_on_the_same_data_and_port_says_who_holds_the_data(self, running: Served) -> None:
        answer = run("serve", an_environment(running.data_dir, PORT=running.address.rpartition(":")[2]))
        assert f"in use by process {running.process.pid}" in the_only_line(answer)


class TestOtherCommands:
    def test_audit_migrate_and_rebuild_work_beside_a_running_server_and_alone(
        self, tmp_path: Path, serve: Serve
    ) -> None:
        server = serve(tmp_path)
        for command in ("migrate", "audit", "rebuild-usage"):
            answer = run(command, an_environment(tmp_path))
            assert answer.returncode == 0
            assert ("Corrected 0 sums of 0 accounts." in answer.stdout) == (command == "rebuild-usage")
            assert ("Checked 0 accounts and 0 entries in the embedded" in answer.stdout) == (command == "audit")
        postgres = server.postgres_process_id
        assert server.stop(signal.SIGTERM) == 0
        wait_until_gone(postgres)
        for command in ("migrate", "audit", "rebuild-usage"):
            assert run(command, an_environment(tmp_path)).returncode == 0
        assert not list(tmp_path.glob("postgres-*/postmaster.pid"))

    def test_schema_prints_the_schema_and_needs_no_database(self, tmp_path: Path) -> None:
        answer = run("schema", an_environment(tmp_path))
        assert answer.returncode == 0
        assert "type Mutation {" in answer.stdout
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("module", ["uvicorn", "strawberry", "tortoise"])
    def test_help_does_not_wait_for_what_only_serving_needs(self, module: str) -> None:
        program = f"import sys, server.cli; sys.exit({module!r} in sys.modules)"
        loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=PATIENCE_SECONDS, check=False)
        assert loaded.returncode == 0
