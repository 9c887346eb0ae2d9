"""Keeps what a release promises: `python -m releases 0.2` (docs/releasing.md).

Writes releases/0.2/schema.graphql, and releases/0.2/database.sql.gz from a database that was lived in.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from models.migrations import migrate
from releases.asking import asking
from releases.dump import CannotDump, dump
from releases.lived_in import STUDIO_BOOK, live
from server.edge.schema_export import build_sdl
from server.postgres.binaries import OLDEST_MAJOR, read_binaries
from server.postgres.embedded import EmbeddedPostgres
from services.ledger.audit import run_audit
from services.shipped_price_books import SHIPPED_FOLDER

FOLDER: Final = Path(__file__).parent
# The oldest that is supported: newer ones take its dumps, and not the reverse.
BINARIES: Final = Path(f"/usr/lib/postgresql/{OLDEST_MAJOR}/bin")

BOOK: Final = (SHIPPED_FOLDER / f"{STUDIO_BOOK}.toml").read_text(encoding="utf-8")

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2


async def _lived_in(dsn: str) -> None:
    await migrate(dsn)
    async with asking(dsn, secrets.token_urlsafe(32)) as asker:
        await live(asker.mutate, BOOK, datetime.now(UTC) + timedelta(days=1))
    findings = await run_audit(dsn)
    if findings:
        raise CannotDump(f"the audit finds {findings}")


def main(arguments: Sequence[str]) -> int:
    """Makes the folder of a release; the exit code is 0 when all of it is there."""
    if len(arguments) != 1 or re.fullmatch(r"\d+\.\d+", arguments[0]) is None:
        print("Which release? `python -m releases 0.2`", file=sys.stderr)
        return EXIT_USAGE
    binaries = read_binaries(Path(os.environ.get("PG_BIN", BINARIES)))
    if binaries is None or binaries.major != OLDEST_MAJOR:
        print(f"Postgres {OLDEST_MAJOR} is needed in {BINARIES}, or where PG_BIN says", file=sys.stderr)
        return EXIT_FAILED
    folder = FOLDER / arguments[0]
    try:
        with (
            TemporaryDirectory() as directory,
            EmbeddedPostgres(Path(directory), durable=False, binaries=binaries) as postgres,
        ):
            asyncio.run(_lived_in(postgres.dsn))
            compressed = dump(postgres.dsn, binaries.directory / "pg_dump")
    except CannotDump as failure:
        print(failure, file=sys.stderr)
        return EXIT_FAILED
    folder.mkdir(exist_ok=True)
    (folder / "schema.graphql").write_text(build_sdl(), encoding="utf-8")
    (folder / "database.sql.gz").write_bytes(compressed)
    print(f"{folder}: the schema, and a database of {len(compressed):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
