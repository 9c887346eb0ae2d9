"""Databases as text: dumped by pg_dump, restored by any connection."""

from __future__ import annotations

import gzip
import re
import subprocess
from pathlib import Path
from typing import Final

import asyncpg

from models.statements import statement

DUMP_SECONDS_MAX: Final = 60.0
RESTORE_SECONDS_MAX: Final = 120.0
ROWS_PER_INSERT: Final = "100"


class CannotDump(Exception):
    """pg_dump is not there, or failed; the message says why."""


def dump(dsn: str, pg_dump: Path) -> bytes:
    """The whole database as compressed SQL without owners, for the oldest supported Postgres and all newer ones."""
    command = (pg_dump, "--no-owner", "--inserts", "--rows-per-insert", ROWS_PER_INSERT, "--dbname", dsn)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DUMP_SECONDS_MAX, check=True)
    except FileNotFoundError as missing:
        raise CannotDump(f"{pg_dump} is not there") from missing
    except subprocess.CalledProcessError as failed:
        raise CannotDump(str(failed.stderr)) from failed
    # Commands of psql, and the name of the machine's Postgres.
    text = re.sub(r"^(\\(un)?restrict .*|-- Dumped .*)\n", "", done.stdout, flags=re.MULTILINE)
    return gzip.compress(text.encode(), mtime=0)


async def restore(compressed: bytes, dsn: str) -> None:
    """Fills an empty database with a dump. `dsn` is the owner's, who may create roles."""
    text = gzip.decompress(compressed).decode()
    connection = await asyncpg.connect(dsn)
    try:
        # Roles are the whole server's, so no dump of one database has them.
        await connection.execute(statement("ensure_roles"))
        await connection.execute(text, timeout=RESTORE_SECONDS_MAX)
    finally:
        await connection.close()
