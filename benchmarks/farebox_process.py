"""The process of a Farebox that is measured: served with all that `make serve` sets."""

from __future__ import annotations

import socket
import sys
from typing import Final

from starlette.applications import Starlette

from benchmarks.web_server import collect_garbage_when_asked
from server.processes import APPLICATION, run_web_processes
from server.settings import read_settings
from server.web_process import create_app
from services.live.hub import LiveHub

FAREBOX: Final = APPLICATION
SILENT: Final = "benchmarks.farebox_process:create_silent_app"
"""The same, but what is committed is told to nobody: neither to this process's subscribers nor on the bus."""

EXIT_NOT_STARTED: Final = 3


def settings_for(dsn: str, folder: str) -> dict[str, str]:
    """The environment of a production server on this database, with a directory for what it keeps."""
    return {"DATABASE_URL": dsn, "FAREBOX_DATA_DIR": folder, "FAREBOX_ENV": "production", "WEB_CONCURRENCY": "1"}


def create_silent_app() -> Starlette:
    """Farebox without live events, to tell what they cost."""
    silence(LiveHub)
    return create_app()


def silence(hub: type[LiveHub]) -> None:
    """Makes the hub deaf to what the writer tells it. Raises AttributeError where it is no longer told that way."""
    _ = hub.changed
    setattr(hub, "changed", _tell_nobody)  # noqa: B010 - a method is replaced, which types forbid


def _tell_nobody(hub: object, *told: object, **more: object) -> None:
    """In place of `LiveHub.changed`, whatever that is told."""


def main(application: str, listener: int) -> int:
    """Serves on a socket that is open already; the exit code."""
    collect_garbage_when_asked()
    with socket.socket(fileno=listener) as taken_over:
        has_started = run_web_processes(read_settings(), taken_over, lambda: None, application=application)
    return 0 if has_started else EXIT_NOT_STARTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
