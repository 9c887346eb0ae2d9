"""The server that the suites run against, with tenants of their own, started as a user starts it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]

START_SECONDS_MAX: Final = 60.0
END_SECONDS_MAX: Final = 30.0
ANSWER_SECONDS_MAX: Final = 10.0
LOG_CHARACTERS_MAX: Final = 4_000

_SETTINGS: Final = ("FAREBOX_", "DATABASE_URL", "BUS_URL")

CREATE_TENANT: Final = """mutation ($slug: String!, $book: String!) {
  createTenant(input: {slug: $slug, name: $slug, mode: TEST, priceBook: $book}) {
    ... on CreateTenantSuccess { secretKey } ... on Problem { message }
  }
}"""


FURNITURE: Final = (
    ("TENANT", "{ viewer { tenantId } }"),
    (
        "ACCOUNT",
        """mutation { createAccount(input: {externalId: "ann", name: "Ann", kind: TEAM}) {
          ... on AccountSuccess { account { id } } } }""",
    ),
    (
        "DOOMED",
        """mutation { createAccount(input: {externalId: "doomed", name: "Doomed"}) {
          ... on AccountSuccess { account { id } } } }""",
    ),
    (
        "MEMBER",
        """mutation { addMember(input: {accountId: "$ACCOUNT", externalId: "mia", name: "Mia", role: MEMBER}) {
          ... on MemberSuccess { member { id } } } }""",
    ),
    (
        "GRANT",
        """mutation { grantTokens(input: {idempotencyKey: "first", accountId: "$ACCOUNT", amount: "100000"}) {
          ... on GrantSuccess { grant { id } } } }""",
    ),
    (
        "HOLD",
        """mutation { reserve(input: {idempotencyKey: "open", accountId: "$ACCOUNT", work: {lines: [
          {ref: "image", model: "imagen-4-ultra"}]}}) { ... on ReserveSuccess { hold { id } } } }""",
    ),
    (
        "SPENT_HOLD",
        """mutation { charge(input: {idempotencyKey: "spent", accountId: "$ACCOUNT", work: {lines: [
          {ref: "image", model: "imagen-4-ultra"}]}}) { ... on CommitSuccess { hold { id } } } }""",
    ),
)
"""What is in the tenant that is fuzzed: how each is made, and under which name its id is known."""


class StageFailed(Exception):
    """The server does not serve; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A server that answers at `url`.

    `key`: the secret key of the tenant that the clients use. `fuzzed`: by name, the keys that are given to whatever is
    sent at random, a secret one of a tenant of its own and the root's, and the ids of what is in that tenant.
    """

    url: str
    key: str
    fuzzed: Mapping[str, str]
    data_dir: Path
    log: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a suite is told: this process's environment, with the server's settings in place of any others."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
        fuzzed = {f"CONFORMANCE_FUZZED_{name}": value for name, value in self.fuzzed.items()}
        own = {"CONFORMANCE_URL": self.url, "CONFORMANCE_KEY": self.key, "FAREBOX_DATA_DIR": str(self.data_dir)}
        return inherited | own | fuzzed

    @property
    def errors(self) -> list[str]:
        """The lines in the server's log that tell of an error."""
        return [line for line in self.log.read_text(errors="replace").splitlines() if " ERROR " in line]


@contextmanager
def stage() -> Iterator[Stage]:
    """Starts a server on a database, data directory and port of its own, and ends it."""
    with TemporaryDirectory(prefix="farebox-conformance-") as directory:
        log, data_dir = Path(directory) / "server.log", Path(directory) / "data"
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        root_key = secrets.token_urlsafe(32)
        # Nothing of the caller's environment that the server would take for a setting.
        own = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
        settings = {
            "PORT": str(port),
            "FAREBOX_DATA_DIR": str(data_dir),
            "FAREBOX_ROOT_KEY": root_key,
            "FAREBOX_TRUSTED_DOCUMENTS": str(ROOT / "conformance" / "trusted.json"),
        }
        with log.open("wb") as written:
            server = subprocess.Popen(
                [sys.executable, "-m", "server", "serve"], cwd=ROOT, env=own | settings, stdout=written, stderr=written
            )
        try:
            _wait_until_ready(server, f"http://127.0.0.1:{port}/readyz", log)
            url = f"http://127.0.0.1:{port}/graphql"
            yield Stage(
                url=url,
                # A book that allows any number of runs a minute.
                key=_tenant_key(url, root_key, "clients", "ai-playground"),
                fuzzed=_furnished(url, _tenant_key(url, root_key, "fuzzed", "node-studio")) | {"ROOT_KEY": root_key},
                data_dir=data_dir,
                log=log,
            )
        finally:
            _end(server)


def _wait_until_ready(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_SECONDS_MAX):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise StageFailed("the server did not start:\n" + tail(log))


def _end(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(END_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _furnished(url: str, key: str) -> dict[str, str]:
    """Makes a little of everything in a tenant; the ids by name."""
    ids = {"KEY": key}
    for name, document in FURNITURE:
        for known, id in ids.items():
            document = document.replace(f"${known}", id)
        (result,) = _ask(url, key, document, {})["data"].values()
        while isinstance(result, dict):
            (result,) = result.values()
        ids[name] = str(result)
    return ids


def _tenant_key(url: str, root_key: str, slug: str, book: str) -> str:
    answer = _ask(url, root_key, CREATE_TENANT, {"slug": slug, "book": book})
    return str(answer["data"]["createTenant"]["secretKey"])


def _ask(url: str, key: str, document: str, variables: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        url,
        json.dumps({"query": document, "variables": variables}).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS_MAX) as response:
        return dict(json.load(response))


def tail(log: Path) -> str:
    """The end of a log."""
    return log.read_text(errors="replace")[-LOG_CHARACTERS_MAX:]
