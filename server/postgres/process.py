"""The running Postgres: started, awaited, started again when it dies, and stopped within bounds."""

import logging
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from server.postgres.cluster import EmbeddedPostgresFailed, read_process
from server.postgres.launcher import PostgresLauncher

logger = logging.getLogger(__name__)

# Recovery replays what was written since the last checkpoint (max_wal_size), which a slow disk may need this long for.
START_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.01

# Fast shutdown ends connections and writes a checkpoint; immediate shutdown leaves the work to recovery.
STOP_PATIENCE_SECONDS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

# A Postgres that keeps dying is started more and more slowly, and never given up as long as the server lives.
RESTART_WINDOW_SECONDS = 60.0
DEATHS_REMEMBERED = 16
RESTART_PAUSE_SECONDS = 0.05
RESTART_PAUSE_SECONDS_MAX = 2.0

# After a kill of its main process the others need a moment to notice, and keep the shared memory until then.
LINGERING_ATTEMPTS_MAX = 40
LINGERING_PAUSE_SECONDS = 0.25
_LINGERING_WORDS = ("pre-existing shared memory block", "lock file")

LOG_KEPT_BYTES = 8 * 1024 * 1024
_LOG_TAIL_BYTES = 16 * 1024


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class PostgresProcess:
    """One server process and the thread that watches it, which the kernel takes for its parent."""

    def __init__(self, launcher: PostgresLauncher, command: Sequence[str | Path], cluster: Path, log: Path) -> None:
        self._launcher = launcher
        self._command = command
        self._cluster = cluster
        self._log = log
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._was_ready = False
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher = threading.Thread(target=self._watch, name="embedded-postgres", daemon=True)

    def start(self) -> None:
        """Returns when Postgres accepts connections. Raises EmbeddedPostgresFailed with the reason from its log."""
        if self._log.exists() and self._log.stat().st_size > LOG_KEPT_BYTES:
            self._log.replace(self._log.with_suffix(".log.old"))
        self._watcher.start()
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            process = self._process
            if process is not None and read_process(self._cluster) == (process.pid, True):
                self._was_ready = True
                return
            self._watcher.join(_POLL_SECONDS)
            if not self._watcher.is_alive():
                raise EmbeddedPostgresFailed(f"Postgres did not start: {self._last_complaint()} (log: {self._log})")
        raise EmbeddedPostgresFailed(
            f"Postgres was not ready after {START_TIMEOUT_SECONDS:.0f} seconds (log: {self._log})"
        )

    def stop(self) -> None:
        """Fast shutdown, then harder ones, each with its patience. Does nothing when it does not run."""
        with self._guard:
            self._stopping.set()
            process = self._process
        if process is None:
            return
        for number, patience_seconds in STOP_PATIENCE_SECONDS:
            process.send_signal(number)
            self._watcher.join(patience_seconds)
            if not self._watcher.is_alive():
                return
        logger.error("Postgres (process %d) does not stop", process.pid)

    def _watch(self) -> None:
        deaths: deque[float] = deque(maxlen=DEATHS_REMEMBERED)
        lingering_attempts = 0
        while True:
            with self._guard:
                if self._stopping.is_set():
                    return
                log_start = self._log.stat().st_size if self._log.exists() else 0
                with open(self._log, "ab", opener=_open_private) as log:
                    self._process = process = self._launcher.start(self._command, output=log)
            exit_code = process.wait()
            if self._stopping.is_set():
                return
            if self._others_linger(log_start) and lingering_attempts < LINGERING_ATTEMPTS_MAX:
                lingering_attempts += 1
                self._stopping.wait(LINGERING_PAUSE_SECONDS)
                continue
            if not self._was_ready:
                return
            lingering_attempts = 0
            deaths.append(time.monotonic())
            while deaths[0] < deaths[-1] - RESTART_WINDOW_SECONDS:
                deaths.popleft()
            logger.warning("Postgres ended with code %d and is started again; its log: %s", exit_code, self._log)
            self._stopping.wait(min(RESTART_PAUSE_SECONDS * 2 ** len(deaths), RESTART_PAUSE_SECONDS_MAX))

    def _others_linger(self, log_start: int) -> bool:
        written = self._read_log(log_start)
        return any(words in written for words in _LINGERING_WORDS)

    def _read_log(self, start: int) -> str:
        with self._log.open("rb") as log:
            log.seek(max(start, log.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
            return log.read().decode("utf-8", "replace")

    def _last_complaint(self) -> str:
        lines = self._read_log(0).splitlines() or ["it wrote nothing"]
        complaints = [line for line in lines if "FATAL" in line or "PANIC" in line or "ERROR" in line]
        return (complaints or lines)[-1].strip()
