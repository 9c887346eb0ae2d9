"""The files of the embedded Postgres: its data directory, its socket's directory, and who still works on them."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from server.data_directory import make_private_directory
from server.postgres.binaries import PostgresBinaries
from server.postgres.launcher import PostgresLauncher, adopt

DATABASE = "farebox"
SUPERUSER = "farebox"
PORT = 5432

INITIALISE_TIMEOUT_SECONDS = 120

# How long a Postgres that lost its server may take: to end its connections and write a checkpoint, then to drop all.
LEFTOVER_PATIENCE_SECONDS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
_POLL_SECONDS = 0.02

# The strictest system allows a socket's path 104 bytes with the zero at its end.
SOCKET_PATH_BYTES_MAX = 103

# The major version from which Postgres brings C.UTF-8 itself and needs no locale of the system.
_BUILTIN_LOCALE_SINCE = 17


class EmbeddedPostgresFailed(Exception):
    """The embedded Postgres could not be made, started or stopped; the message names the reason."""


def _checked(result: subprocess.CompletedProcess[str], what: str) -> None:
    complaints = [line for line in result.stderr.splitlines() if "ERROR" in line or "FATAL" in line or "error:" in line]
    if result.returncode != 0 or complaints:
        reason = (complaints or result.stderr.splitlines() or [f"exit code {result.returncode}"])[-1]
        raise EmbeddedPostgresFailed(f"{what} failed: {reason.strip()}")


def _initialise(
    binaries: PostgresBinaries, launcher: PostgresLauncher, directory: Path, settings: Mapping[str, str]
) -> None:
    locale = ["--locale=C.UTF-8"]
    if binaries.major >= _BUILTIN_LOCALE_SINCE:
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    made = launcher.run(
        [
            binaries.initdb,
            f"--pgdata={directory}",
            f"--username={SUPERUSER}",
            "--encoding=UTF8",
            *locale,
            "--lc-messages=C",
            "--data-checksums",
            # Only the owner of the directory reaches the socket, and no port is open.
            "--auth-local=trust",
            "--auth-host=reject",
            *(["--no-sync"] if settings["fsync"] == "off" else []),
        ],
        standard_input="",
        timeout_seconds=INITIALISE_TIMEOUT_SECONDS,
    )
    _checked(made, "making a Postgres data directory")
    database_made = launcher.run(
        [binaries.postgres, "--single", "-D", directory, "-c", f"fsync={settings['fsync']}", "postgres"],
        standard_input=f"CREATE DATABASE {DATABASE};\n",
        timeout_seconds=INITIALISE_TIMEOUT_SECONDS,
    )
    _checked(database_made, f"making the database {DATABASE}")


def open_cluster(
    data_dir: Path, binaries: PostgresBinaries, launcher: PostgresLauncher, settings: Mapping[str, str]
) -> Path:
    """The data directory for this major version, made on first use, with nobody at work on it.

    A first use that was cut off leaves nothing that counts. A Postgres whose server died is stopped.
    Raises EmbeddedPostgresFailed, also when the data belong to another major version.
    """
    cluster = data_dir / f"postgres-{binaries.major}"
    if cluster.exists():
        adopt(cluster, launcher.owner_id)
        stop_leftover(cluster)
        return cluster
    others = sorted(path.name for path in data_dir.glob("postgres-*") if path.suffix == "" and path.is_dir())
    if others:
        raise EmbeddedPostgresFailed(
            f"{data_dir} holds data of another Postgres ({', '.join(others)}) and the one found here is "
            f"{binaries.major}; carry them over with pg_dump, or choose another FAREBOX_DATA_DIR"
        )
    for abandoned in data_dir.glob("postgres-*.unfinished*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    # A name of its own, because processes of a start that was killed may still write under the old one.
    unfinished = cluster.with_suffix(f".unfinished-{token_hex(4)}")
    try:
        _initialise(binaries, launcher, unfinished, settings)
    except subprocess.TimeoutExpired as error:
        raise EmbeddedPostgresFailed(
            f"making a Postgres data directory took longer than {INITIALISE_TIMEOUT_SECONDS} seconds"
        ) from error
    unfinished.rename(cluster)
    if settings["fsync"] != "off":
        _write_through(data_dir)
    return cluster


def _write_through(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def socket_directory(data_dir: Path) -> Path:
    """A private directory for the socket: in `data_dir` when the path is short enough, else a temporary one."""
    near = data_dir / "socket"
    longest = os.fsencode(near / f".s.PGSQL.{PORT}.lock")
    # A comma separates hosts in a DSN.
    if len(longest) <= SOCKET_PATH_BYTES_MAX and b"," not in longest:
        make_private_directory(near)
        near.chmod(0o700)
        return near
    # Always the same name, so that a kill leaves one directory behind and not one per start.
    digest = sha256(os.fsencode(data_dir)).hexdigest()[:16]
    far = Path(tempfile.gettempdir()) / f"farebox-{os.geteuid()}-{digest}"
    make_private_directory(far)
    status = far.lstat()
    if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) == 0o700:
        return far
    return Path(tempfile.mkdtemp(prefix="farebox-"))


def remove_socket_directory(directory: Path) -> None:
    """Takes an empty one away; the next start makes it again."""
    with contextlib.suppress(OSError):
        directory.rmdir()


def read_process(cluster: Path) -> tuple[int, bool] | None:
    """Process id of the Postgres that last started here, and whether it says that it is ready."""
    try:
        lines = (cluster / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        return abs(int(lines[0])), len(lines) > 7 and lines[7].strip() == "ready"
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _works_on(process_id: int, cluster: Path) -> bool:
    if not _is_alive(process_id):
        return False
    if not Path("/proc/self/cwd").exists():
        return True  # Without a look into the process its note is believed, as Postgres itself believes it.
    try:
        # A server works in its data directory; another process that inherited the number does not.
        return Path(f"/proc/{process_id}/cwd").samefile(cluster)
    except OSError:
        return False


def stop_leftover(cluster: Path) -> None:
    """Stops a Postgres that outlived its server and clears a misleading note of it. Raises EmbeddedPostgresFailed."""
    found = read_process(cluster)
    if found is None:
        return
    process_id = found[0]
    for number, patience_seconds in LEFTOVER_PATIENCE_SECONDS:
        if not _works_on(process_id, cluster):
            if _is_alive(process_id):
                # The number belongs to a stranger by now, which Postgres would take for a live server.
                (cluster / "postmaster.pid").unlink(missing_ok=True)
            return
        os.kill(process_id, number)
        deadline = time.monotonic() + patience_seconds
        while time.monotonic() < deadline and _works_on(process_id, cluster):
            time.sleep(_POLL_SECONDS)
    if _works_on(process_id, cluster):
        raise EmbeddedPostgresFailed(f"a Postgres from an earlier start (process {process_id}) does not stop; end it")
