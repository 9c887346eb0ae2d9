"""Starts the programs of Postgres as an ordinary user, tied to the life of this process."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from server.postgres.end_with_parent import KEEP_PRIVILEGES, OWN_USER_NAMESPACE

_SHIM = Path(__file__).with_name("end_with_parent.py")
_PROBE_TIMEOUT_SECONDS = 10

# Users that exist on every usual system, tried in this order where root has no user namespaces.
_ORDINARY_USERS = ("postgres", "nobody")


class CannotLeaveRoot(Exception):
    """Running as root, and no way was found to start Postgres as somebody else."""


@dataclass(frozen=True, slots=True)
class PostgresLauncher:
    """How programs of Postgres are started here: the words before the command, and whose files they work on."""

    prefix: tuple[str, ...]
    privileges: str
    owner_id: int

    def start(self, command: Sequence[str | Path], *, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
        """Starts a server that gets SIGINT (Postgres' fast shutdown) when the calling *thread* ends.

        The kernel watches the thread, so the caller must be a thread that outlives the server.
        """
        return subprocess.Popen(
            self._words(command, signal.SIGINT),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_environment(),
            # A Ctrl-C in the terminal is for the server, which stops Postgres last.
            start_new_session=True,
        )

    def run(
        self, command: Sequence[str | Path], *, standard_input: str, timeout_seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end. Raises subprocess.TimeoutExpired; a failure is the caller's to read."""
        return subprocess.run(
            self._words(command, signal.SIGKILL),
            input=standard_input,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            env=_environment(),
            start_new_session=True,
            check=False,
        )

    def _words(self, command: Sequence[str | Path], at_death: signal.Signals) -> list[str]:
        shim = [sys.executable, "-I", "-S", "-B", str(_SHIM), str(os.getpid()), self.privileges, at_death.name]
        return [*self.prefix, *shim, *map(str, command)]


def _environment() -> dict[str, str]:
    # Nothing of ours: no PG* variable may redirect it, and no secret belongs into its environment.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _works(launcher: PostgresLauncher) -> bool:
    try:
        probe = launcher.run(["/bin/sh", "-c", ":"], standard_input="", timeout_seconds=_PROBE_TIMEOUT_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return False
    return probe.returncode == 0


def as_ordinary_user() -> PostgresLauncher | None:
    """For root without user namespaces: as another user of this system, or None when that fails too."""
    setpriv = shutil.which("setpriv")
    for name in _ORDINARY_USERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        if setpriv is None:
            return None
        # The one capability lets it reach a private directory whose parents are closed to it.
        words = (
            setpriv,
            f"--reuid={user.pw_uid}",
            f"--regid={user.pw_gid}",
            "--clear-groups",
            "--inh-caps=+dac_override",
            "--ambient-caps=+dac_override",
        )
        launcher = PostgresLauncher(prefix=words, privileges=KEEP_PRIVILEGES, owner_id=user.pw_uid)
        if _works(launcher):
            return launcher
    return None


def find_launcher() -> PostgresLauncher:
    """The launcher for this user on this machine. Raises CannotLeaveRoot."""
    if os.geteuid() != 0:
        return PostgresLauncher(prefix=(), privileges=KEEP_PRIVILEGES, owner_id=os.geteuid())
    in_namespace = PostgresLauncher(prefix=(), privileges=OWN_USER_NAMESPACE, owner_id=0)
    if _works(in_namespace):
        return in_namespace
    as_another = as_ordinary_user()
    if as_another is not None:
        return as_another
    raise CannotLeaveRoot(
        "Postgres does not run as root, and neither user namespaces nor another user are available here; "
        "start the server as an ordinary user or set DATABASE_URL"
    )


def adopt(directory: Path, owner_id: int) -> None:
    """Hands `directory` and all in it to `owner_id`, if root made it under another identity before."""
    if os.geteuid() != 0 or directory.stat().st_uid == owner_id:
        return
    for parent, directories, files in os.walk(directory):
        for name in (*directories, *files):
            os.chown(os.path.join(parent, name), owner_id, -1, follow_symlinks=False)
    os.chown(directory, owner_id, -1)
