import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from server.data_directory import DataDirectoryInUse, DataDirectoryLock, find_owner
from server.postgres.binaries import PostgresBinaries, find_postgres_binaries, read_binaries
from server.postgres.cluster import SOCKET_PATH_BYTES_MAX, EmbeddedPostgresFailed, read_process, socket_directory
from server.postgres.embedded import LOG_NAME, EmbeddedPostgres
from server.postgres.launcher import as_ordinary_user, find_launcher
from tests.conftest import directory_in_memory

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 30.0

OWNER_PROGRAM = """
import sys, time
from pathlib import Path
from server.postgres.embedded import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1]), durable=False).start(), flush=True)
time.sleep(120)
"""


def an_owner_process(data_dir: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER_PROGRAM, str(data_dir)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    dsn = process.stdout.readline().strip()
    process.stdout.close()
    return process, dsn


async def fetch(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close(timeout=10)


async def write_a_row(dsn: str, number: int) -> None:
    await fetch(dsn, "CREATE TABLE IF NOT EXISTS kept (number int)")
    await fetch(dsn, f"INSERT INTO kept VALUES ({number})")


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


async def until_gone(process_id: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_alive(process_id):
        assert time.monotonic() < deadline, f"process {process_id} still lives"
        await asyncio.sleep(0.02)


def postgres_process_id(data_dir: Path) -> int:
    (cluster,) = data_dir.glob("postgres-??")
    found = read_process(cluster)
    assert found is not None
    return found[0]


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory after its first use, for all who have nothing to do with how one is made."""
    with directory_in_memory() as in_memory:
        directory = in_memory or tmp_path_factory.mktemp("initialised")
        with EmbeddedPostgres(directory, durable=False):
            pass
        yield directory


@pytest.fixture
def data_dir(initialised: Path, memory_path: Path) -> Path:
    """A copy of it, the test's own."""
    return shutil.copytree(initialised, memory_path / "data")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The data directory and the DSN of one with a setting of its own, for all who only look at it."""
    with directory_in_memory() as in_memory:
        directory = in_memory or tmp_path_factory.mktemp("running")
        with EmbeddedPostgres(directory, durable=False, extra_settings={"max_connections": "17"}) as postgres:
            yield directory, postgres.dsn


class TestALife:
    async def test_starts_on_an_empty_directory_and_keeps_what_was_written_over_a_restart(self, tmp_path: Path) -> None:
        with EmbeddedPostgres(tmp_path, durable=False) as postgres:
            await write_a_row(postgres.dsn, 7)
        with EmbeddedPostgres(tmp_path, durable=False) as postgres:
            assert await fetch(postgres.dsn, "SELECT number FROM kept") == 7

    async def test_is_durable_checked_and_unicode_unless_told_otherwise(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir) as postgres:
            shown = {
                name: await fetch(postgres.dsn, f"SHOW {name}")
                for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums", "server_encoding")
            }
        assert shown == {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "data_checksums": "on",
            "server_encoding": "UTF8",
        }

    async def test_for_tests_it_may_forget_what_a_crash_of_the_machine_loses(self, running: tuple[Path, str]) -> None:
        assert await fetch(running[1], "SHOW fsync") == "off"

    async def test_takes_extra_settings(self, running: tuple[Path, str]) -> None:
        assert await fetch(running[1], "SHOW max_connections") == "17"

    async def test_a_setting_it_does_not_know_is_named_in_one_line(self, data_dir: Path) -> None:
        with pytest.raises(EmbeddedPostgresFailed, match="no_such_setting") as failure:
            EmbeddedPostgres(data_dir, durable=False, extra_settings={"no_such_setting": "1"}).start()
        assert "\n" not in str(failure.value)
        assert find_owner(data_dir) is None

    async def test_listens_on_no_port_and_lets_nobody_else_near_its_files(self, running: tuple[Path, str]) -> None:
        data_dir, dsn = running
        assert await fetch(dsn, "SHOW listen_addresses") == ""
        for private in (*data_dir.glob("postgres-??"), data_dir / "socket"):
            assert private.stat().st_mode & 0o777 == 0o700
        assert (data_dir / LOG_NAME).stat().st_mode & 0o777 == 0o600

    async def test_collates_by_code_point_on_every_machine(self, running: tuple[Path, str]) -> None:
        in_order = "SELECT string_agg(x, '' ORDER BY x) FROM unnest('{b,A,a,B}'::text[]) x"
        assert await fetch(running[1], in_order) == "ABab"
        assert await fetch(running[1], "SELECT upper('жö')") == "ЖÖ"

    async def test_the_program_on_path_serves_as_well(self, tmp_path: Path) -> None:
        binaries = binaries_of_the_system()
        if binaries is None:
            pytest.skip("this machine has no second Postgres")
        with EmbeddedPostgres(tmp_path, durable=False, binaries=binaries) as postgres:
            version = await fetch(postgres.dsn, "SHOW server_version_num")
        assert int(str(version)) // 10_000 == binaries.major


def binaries_of_the_system() -> PostgresBinaries | None:
    for directory in sorted(Path("/usr/lib/postgresql").glob("*/bin")):
        binaries = read_binaries(directory)
        if binaries is not None:
            return binaries
    return None


class TestPaths:
    async def test_spaces_and_quotes_do_no_harm(self, tmp_path: Path) -> None:
        with EmbeddedPostgres(tmp_path / "my 'own' \"data\" ü", durable=False) as postgres:
            assert await fetch(postgres.dsn, "SELECT 1") == 1

    async def test_a_path_too_long_for_a_socket_gets_a_private_socket_elsewhere(self, tmp_path: Path) -> None:
        deep = tmp_path / ("a-long-name-" * 6) / ("another-long-name-" * 6)
        with EmbeddedPostgres(deep, durable=False) as postgres:
            assert await fetch(postgres.dsn, "SELECT 1") == 1
            elsewhere = socket_directory(deep)
            assert len(os.fsencode(elsewhere)) < SOCKET_PATH_BYTES_MAX
            assert elsewhere.stat().st_mode & 0o777 == 0o700
        assert not elsewhere.exists()

    def test_somebody_else_s_socket_directory_is_not_used(self, tmp_path: Path) -> None:
        deep = tmp_path / ("a-long-name-" * 12)
        planted = socket_directory(deep)
        planted.chmod(0o777)
        try:
            other = socket_directory(deep)
            assert other != planted
            other.rmdir()
        finally:
            planted.rmdir()


class TestOwnership:
    async def test_a_second_start_on_the_same_directory_says_who_holds_it(self, data_dir: Path) -> None:
        owner, dsn = an_owner_process(data_dir)
        try:
            with pytest.raises(DataDirectoryInUse, match=f"in use by process {owner.pid};") as refusal:
                EmbeddedPostgres(data_dir, durable=False).start()
            assert "\n" not in str(refusal.value)
            assert await fetch(dsn, "SELECT 1") == 1
        finally:
            owner.kill()
            owner.wait(PATIENCE_SECONDS)

    def test_the_owner_leaves_word_where_its_database_answers(self, data_dir: Path) -> None:
        assert find_owner(data_dir) is None
        with EmbeddedPostgres(data_dir, durable=False) as postgres:
            owner = find_owner(data_dir)
            assert owner is not None
            assert (owner.pid, owner.dsn) == (os.getpid(), postgres.dsn)
        assert find_owner(data_dir) is None

    def test_a_directory_given_back_can_be_taken_again(self, tmp_path: Path) -> None:
        first, second = DataDirectoryLock(tmp_path), DataDirectoryLock(tmp_path)
        first.acquire()
        with pytest.raises(DataDirectoryInUse):
            second.acquire()
        first.release()
        second.acquire()
        second.release()

    def test_data_of_another_major_version_are_not_passed_over(self, tmp_path: Path) -> None:
        (tmp_path / "postgres-14").mkdir()
        with pytest.raises(EmbeddedPostgresFailed, match="postgres-14"):
            EmbeddedPostgres(tmp_path, durable=False).start()

    def test_stopping_twice_or_before_the_start_is_harmless(self, data_dir: Path) -> None:
        postgres = EmbeddedPostgres(data_dir, durable=False)
        postgres.stop()
        postgres.start()
        postgres.stop()
        postgres.stop()


class TestKills:
    async def test_postgres_ends_when_its_server_is_killed_and_the_next_start_finds_the_data(
        self, data_dir: Path
    ) -> None:
        for number in range(3):
            owner, dsn = an_owner_process(data_dir)
            await write_a_row(dsn, number)
            process_id = postgres_process_id(data_dir)
            owner.kill()
            owner.wait(PATIENCE_SECONDS)
            if number == 0:
                await until_gone(process_id)  # Once only: the other starts find it still ending.
        with EmbeddedPostgres(data_dir, durable=False) as postgres:
            assert await fetch(postgres.dsn, "SELECT array_agg(number ORDER BY number) FROM kept") == [0, 1, 2]

    async def test_a_postgres_that_outlived_its_server_is_stopped_by_the_next_start(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir, durable=False) as postgres:
            await write_a_row(postgres.dsn, 5)
        (cluster,) = data_dir.glob("postgres-??")
        words: list[str | Path] = [find_postgres_binaries().postgres, "-D", cluster, "-c", "listen_addresses="]
        words += ["-c", f"unix_socket_directories={data_dir}"]
        with (data_dir / "orphan.log").open("wb") as log:
            orphan = find_launcher().start(words, output=log)
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while read_process(cluster) != (orphan.pid, True):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
            reaper = asyncio.create_task(asyncio.to_thread(orphan.wait, PATIENCE_SECONDS))
            postgres = EmbeddedPostgres(data_dir, durable=False)
            dsn = await asyncio.to_thread(postgres.start)
            try:
                assert await reaper == 0
                assert await fetch(dsn, "SELECT number FROM kept") == 5
            finally:
                postgres.stop()
        finally:
            if orphan.poll() is None:
                orphan.kill()
                orphan.wait(PATIENCE_SECONDS)

    async def test_a_stale_note_with_the_number_of_a_living_stranger_blocks_nothing(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir, durable=False):
            pass
        (cluster,) = data_dir.glob("postgres-??")
        stranger = subprocess.Popen(["sleep", "60"])
        try:
            (cluster / "postmaster.pid").write_text(f"{stranger.pid}\n{cluster}\n0\n5432\n\n\n0 0\nready\n")
            with EmbeddedPostgres(data_dir, durable=False) as postgres:
                assert await fetch(postgres.dsn, "SELECT 1") == 1
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait(PATIENCE_SECONDS)

    async def test_a_first_use_that_was_cut_off_is_begun_again(self, tmp_path: Path) -> None:
        unfinished = tmp_path / f"postgres-{find_postgres_binaries().major}.unfinished"
        unfinished.mkdir()
        (unfinished / "PG_VERSION").write_text("half")
        with EmbeddedPostgres(tmp_path, durable=False) as postgres:
            assert await fetch(postgres.dsn, "SELECT 1") == 1

    async def test_a_killed_postgres_is_started_again_under_the_same_address(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir) as postgres:
            await write_a_row(postgres.dsn, 9)
            os.kill(postgres_process_id(data_dir), signal.SIGKILL)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while True:
                try:
                    assert await fetch(postgres.dsn, "SELECT number FROM kept") == 9
                    break
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.05)

    async def test_a_kill_of_both_at_once_blocks_nothing(self, data_dir: Path) -> None:
        owner, dsn = an_owner_process(data_dir)
        await write_a_row(dsn, 4)
        os.kill(postgres_process_id(data_dir), signal.SIGKILL)
        owner.kill()
        with_a_new_owner = EmbeddedPostgres(data_dir, durable=False)
        owner.wait(PATIENCE_SECONDS)
        with with_a_new_owner as postgres:
            assert await fetch(postgres.dsn, "SELECT number FROM kept") == 4

    async def test_it_lives_on_when_the_thread_that_started_it_ends(self, data_dir: Path) -> None:
        postgres = EmbeddedPostgres(data_dir, durable=False)
        dsn = await asyncio.to_thread(postgres.start)
        try:
            process_id = postgres_process_id(data_dir)
            await asyncio.get_running_loop().shutdown_default_executor()
            assert await fetch(dsn, "SELECT 1") == 1
            assert is_alive(process_id)
        finally:
            postgres.stop()
        await until_gone(process_id)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
class TestUsers:
    async def test_root_without_user_namespaces_starts_it_as_somebody_else_in_closed_directories(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = as_ordinary_user()
        assert other is not None
        tmp_path.chmod(0o700)
        with EmbeddedPostgres(tmp_path, durable=False) as postgres:
            await write_a_row(postgres.dsn, 3)
        monkeypatch.setattr("server.postgres.embedded.find_launcher", lambda: other)
        with EmbeddedPostgres(tmp_path, durable=False) as postgres:
            assert await fetch(postgres.dsn, "SELECT number FROM kept") == 3
            assert Path(f"/proc/{postgres_process_id(tmp_path)}").stat().st_uid == other.owner_id
        with EmbeddedPostgres(tmp_path / "new", durable=False) as postgres:
            assert await fetch(postgres.dsn, "SELECT 1") == 1
        monkeypatch.undo()
        with EmbeddedPostgres(tmp_path, durable=False) as postgres:
            assert await fetch(postgres.dsn, "SELECT number FROM kept") == 3

    def test_an_ordinary_user_needs_nothing_special(self, tmp_path: Path) -> None:
        other = as_ordinary_user()
        assert other is not None
        data_dir = tmp_path / "data"
        data_dir.mkdir(mode=0o700)
        os.chown(data_dir, other.owner_id, -1)
        program = f"""
import os, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from server.postgres.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path({str(data_dir)!r}), durable=False) as postgres:
    print(os.geteuid(), postgres.dsn)
"""
        answer = other.run([sys.executable, "-B", "-c", program], standard_input="", timeout_seconds=PATIENCE_SECONDS)
        assert answer.stdout.startswith(f"{other.owner_id} postgresql://"), answer.stderr
