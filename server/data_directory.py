"""One owner per data directory: a lock that dies with its holder, and a note where the database is."""

import fcntl
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

LOCK_NAME = "server.lock"
ROOT_KEY_FILE = "root-key"
DEMO_KEYS_FILE = "demo-keys.json"
FORMER_DEMO_KEYS_FILE = "demo-keys-of-other-databases.json"

# A reader of the note tests the lock for an instant, which must not turn a server away.
_LOCK_ATTEMPTS = 10
_LOCK_PAUSE_SECONDS = 0.05


class DataDirectoryInUse(Exception):
    """Another process owns the data directory; the message names it and the way out."""


class DataDirectoryUnusable(Exception):
    """The data directory cannot be made or written; the message says why."""


@dataclass(frozen=True, slots=True)
class DataDirectoryOwner:
    """Who holds a data directory: process id, and the DSN of its embedded Postgres once that answers."""

    pid: int | None
    dsn: str | None


def make_private_directory(path: Path) -> None:
    """Makes `path` with mode 0700 unless it exists. Raises DataDirectoryUnusable."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DataDirectoryUnusable(f"{path} cannot be made: {error.strerror}; choose another directory") from error


def _read_owner(descriptor: int) -> DataDirectoryOwner:
    text = os.pread(descriptor, 64 * 1024, 0).decode("utf-8", "replace")
    try:
        # What follows the note is the end of an older, longer one that is just being cut off.
        note, _ = json.JSONDecoder().raw_decode(text)
        return DataDirectoryOwner(pid=int(note["pid"]), dsn=note["dsn"])
    except (ValueError, KeyError, TypeError):
        return DataDirectoryOwner(pid=None, dsn=None)


def find_owner(data_dir: Path) -> DataDirectoryOwner | None:
    """The live owner of `data_dir`, or None when nobody holds it."""
    try:
        descriptor = os.open(data_dir / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataDirectoryUnusable(f"{data_dir / LOCK_NAME} cannot be read: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_owner(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def in_use(data_dir: Path, owner: DataDirectoryOwner) -> DataDirectoryInUse:
    """What to say to whoever wants a directory that `owner` holds."""
    holder = f"process {owner.pid}" if owner.pid is not None else "another process"
    return DataDirectoryInUse(
        f"the data directory {data_dir} is in use by {holder}; stop that one first, or choose another FAREBOX_DATA_DIR"
    )


class DataDirectoryLock:
    """Exclusive ownership of a data directory, given back by the kernel when the holder dies in any way."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Takes the directory. Raises DataDirectoryInUse, DataDirectoryUnusable."""
        make_private_directory(self._data_dir)
        path = self._data_dir / LOCK_NAME
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataDirectoryUnusable(
                f"{path} cannot be written: {error.strerror}; run as its owner or choose another FAREBOX_DATA_DIR"
            ) from error
        for _ in range(_LOCK_ATTEMPTS):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_LOCK_PAUSE_SECONDS)
            else:
                self._descriptor = descriptor
                self.note_dsn(None)
                return
        owner = _read_owner(descriptor)
        os.close(descriptor)
        raise in_use(self._data_dir, owner)

    def note_dsn(self, dsn: str | None) -> None:
        """Writes down for other commands where the database of this directory answers."""
        if self._descriptor is None:
            raise RuntimeError("the data directory is not held")
        note = json.dumps({"pid": os.getpid(), "dsn": dsn}).encode()
        os.pwrite(self._descriptor, note, 0)
        os.ftruncate(self._descriptor, len(note))

    def release(self) -> None:
        """Gives the directory back. Does nothing when it is not held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None
