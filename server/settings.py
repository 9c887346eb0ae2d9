"""What the environment decides, read once and checked as a whole before anything starts."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

PORT_MAX = 65_535
PROCESSES_MAX = 64
ROOT_KEY_LENGTH_MIN = 32
ROOT_KEY_LENGTH_MAX = 256

_SHOWN_LENGTH_MAX = 60

# A misspelt name would be passed over in silence, and FAREBOX_ENVIRONMENT=production would not be production.
# Variables of the test suite share the prefix and are not the server's.
_OWN_PREFIX = "FAREBOX_"
_TEST_PREFIX = "FAREBOX_TEST_"
# Shorter names, such as HOST and PORT, are too near to those of other programs to tell a misspelling.
_DISTINCTIVE_LENGTH_MIN = 10
# One or two letters of DATABASE_URL: less alike are the names of other programs.
_MISSPELT_LIKENESS_MIN = 0.9

_BUS_TLS_OPTIONS = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
"""What a rediss:// address may say after the question mark; switching checks off is not among it."""

T = TypeVar("T")


class InvalidSettings(Exception):
    """At least one setting is wrong; the message is one line: which, what it is and what would be right."""


class Environment(StrEnum):
    """What the server is for: development brings demo data and GraphiQL, production neither."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one server. Its text does not show the secrets.

    `database_url` and `root_key` None: the server brings its own. `port` 0: any free one. `allowed_origins`: pages
    elsewhere that may use the API. `bus_url` None: processes hear of each other through the database.
    `trusted_documents`: manifests of the texts that may be asked for by their hash; `only_trusted_documents`: no others
    are taken.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    data_dir: Path = Path(".data")
    environment: Environment = Environment.DEVELOPMENT
    processes: int = 1
    database_url: str | None = field(default=None, repr=False)
    bus_url: str | None = field(default=None, repr=False)
    root_key: str | None = field(default=None, repr=False)
    allowed_origins: frozenset[str] = frozenset()
    trusted_documents: tuple[Path, ...] = ()
    only_trusted_documents: bool = False

    @property
    def graphiql(self) -> bool:
        """Whether the page is served: nowhere that its texts would all be refused."""
        return self.environment is Environment.DEVELOPMENT and not self.only_trusted_documents


def _whole_number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,9}", text) is None or not least <= int(text) <= most:
            raise ValueError
        return int(text)

    return read


def _host(text: str) -> str:
    if re.fullmatch(r"[0-9A-Za-z.:_%-]{1,255}", text) is None:
        raise ValueError
    return text


def _path(text: str) -> Path:
    if "\0" in text:
        raise ValueError
    return Path(text).expanduser()


def _paths(text: str) -> tuple[Path, ...]:
    paths = [path.strip() for path in text.split(",")]
    if not all(paths):
        raise ValueError
    return tuple(_path(path) for path in paths)


def _switch(text: str) -> bool:
    return {"0": False, "1": True}[text]


def _database_url(text: str) -> str:
    parts = urlsplit(text)
    _ = parts.port  # Raises ValueError when it is no port.
    if parts.scheme not in ("postgresql", "postgres") or len(parts.path) < 2:
        raise ValueError
    return text


def _bus_url(text: str) -> str:
    parts = urlsplit(text)
    # `port` raises ValueError when it is no port, and redis-py would take 0 for 6379.
    if parts.scheme not in ("redis", "rediss") or parts.port == 0 or parts.fragment:
        raise ValueError
    _host(parts.hostname or "")
    if re.fullmatch(r"/?|/[0-9]{1,5}", parts.path) is None:
        raise ValueError
    # Where the other end is not encrypted there is nothing to say of certificates.
    known = _BUS_TLS_OPTIONS if parts.scheme == "rediss" else frozenset[str]()
    if (
        not {name for name, _ in parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))}
        <= known
    ):
        raise ValueError
    return text


def _origins(text: str) -> frozenset[str]:
    origins = [origin.strip() for origin in text.split(",")]
    if not all(re.fullmatch(r"https?://[0-9a-z.-]+(?::[0-9]{1,5})?", origin) for origin in origins):
        raise ValueError
    return frozenset(origins)


def _root_key(text: str) -> str:
    if re.fullmatch(rf"[!-~]{{{ROOT_KEY_LENGTH_MIN},{ROOT_KEY_LENGTH_MAX}}}", text) is None:
        raise ValueError
    return text


@dataclass(slots=True)
class _Reader:
    """Reads variable after variable and gathers what is wrong with them."""

    environment: Mapping[str, str]
    faults: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)

    def read(self, name: str, parse: Callable[[str], T], default: T, remedy: str, *, secret: bool = False) -> T:
        """The variable's value, or `default` where it is absent, empty or wrong."""
        self.known.append(name)
        text = self.environment.get(name, "")
        if not text:
            return default
        try:
            return parse(text)
        except (ValueError, KeyError, RuntimeError):
            shown = "" if secret else f", not {text[:_SHOWN_LENGTH_MAX]!r}"
            self.faults.append(f"{name} must be {remedy}{shown}")
            return default

    def refuse_unknown_names(self) -> None:
        """Adds a fault for each variable that looks like a setting and is none."""
        for name in sorted(set(self.environment) - set(self.known)):
            if name.startswith(_TEST_PREFIX):
                continue
            meant = self._meant_by(name)
            if name.startswith(_OWN_PREFIX):
                self.faults.append(f"{name} is not a setting" + (f" (did you mean {meant}?)" if meant else ""))
            elif meant is not None and not self.environment.get(meant):
                self.faults.append(f"{name} looks like a setting and is none (did you mean {meant}?)")

    def _meant_by(self, name: str) -> str | None:
        """The setting of which this name is a misspelling, if of any."""
        if not name.startswith(_OWN_PREFIX):
            return self._misspelt_by_a_stranger(name)
        own = {known.removeprefix(_OWN_PREFIX): known for known in self.known}
        asked = name.removeprefix(_OWN_PREFIX)
        close = get_close_matches(asked, own, n=1) or [part for part in own if part in asked or asked in part]
        return own[close[0]] if close and asked else None

    def _misspelt_by_a_stranger(self, name: str) -> str | None:
        """The environment is full of other programs' variables, so only what is all but the name counts."""
        candidates = [known for known in self.known if len(known) >= _DISTINCTIVE_LENGTH_MIN]
        words = set(name.upper().split("_"))
        for known in get_close_matches(name.upper(), candidates, n=1, cutoff=_MISSPELT_LIKENESS_MIN):
            # TEST_DATABASE_URL has a word more: a name of its own.
            if name.upper() == known or not words > set(known.split("_")):
                return known
        return None


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings from `environment`, the process's own unless given. Raises InvalidSettings with all faults."""
    reader = _Reader(os.environ if environment is None else environment)
    default = Settings()
    settings = Settings(
        host=reader.read("HOST", _host, default.host, "a host name or an address such as 127.0.0.1"),
        port=reader.read(
            "PORT", _whole_number(0, PORT_MAX), default.port, f"a whole number from 0 (any free port) to {PORT_MAX}"
        ),
        data_dir=reader.read("FAREBOX_DATA_DIR", _path, default.data_dir, "the path of a directory"),
        environment=reader.read("FAREBOX_ENV", Environment, default.environment, " or ".join(Environment)),
        processes=reader.read(
            "WEB_CONCURRENCY",
            _whole_number(1, PROCESSES_MAX),
            default.processes,
            f"a number of processes from 1 to {PROCESSES_MAX}",
        ),
        database_url=reader.read(
            "DATABASE_URL", _database_url, None, "like postgresql://user:password@host:5432/database", secret=True
        ),
        bus_url=reader.read(
            "BUS_URL",
            _bus_url,
            None,
            "like redis://user:password@host:6379/0, or rediss:// for TLS; without it Postgres carries the messages",
            secret=True,
        ),
        root_key=reader.read(
            "FAREBOX_ROOT_KEY",
            _root_key,
            None,
            f"{ROOT_KEY_LENGTH_MIN} to {ROOT_KEY_LENGTH_MAX} printable ASCII characters without spaces",
            secret=True,
        ),
        allowed_origins=reader.read(
            "FAREBOX_ALLOWED_ORIGINS",
            _origins,
            default.allowed_origins,
            "origins as browsers send them, in lower case and separated by commas, such as https://app.example.com",
        ),
        trusted_documents=reader.read(
            "FAREBOX_TRUSTED_DOCUMENTS",
            _paths,
            default.trusted_documents,
            "the paths of manifests, separated by commas",
        ),
        only_trusted_documents=reader.read(
            "FAREBOX_ONLY_TRUSTED_DOCUMENTS", _switch, default.only_trusted_documents, "1 or 0"
        ),
    )
    if settings.only_trusted_documents and not settings.trusted_documents:
        reader.faults.append(
            "FAREBOX_ONLY_TRUSTED_DOCUMENTS needs FAREBOX_TRUSTED_DOCUMENTS, or nothing would be taken"
        )
    reader.refuse_unknown_names()
    if reader.faults:
        raise InvalidSettings("invalid settings in the environment: " + "; ".join(reader.faults))
    return settings
