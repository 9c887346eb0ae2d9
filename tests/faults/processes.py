"""The processes of a fault test: fare loops with the logs of their answers, and one Postgres to be ill-treated."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import UUID

from models.database import Database
from server.postgres.cluster import read_process
from services.ledger.writer import Writer
from tests.faults.fare_loop import answer_to, the_commit, the_reserve
from tests.services.ledger.cashier import rows_of

ROOT = Path(__file__).resolve().parents[2]
END_SECONDS_MAX = 30.0
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Answer:
    """One acknowledged answer, as the log has it."""

    account: str
    mutation: str
    key: str
    hold: int
    reserved: int
    amount: int
    version: int
    replayed: bool

    @property
    def effect(self) -> tuple[int, int]:
        """What every answer under one key must agree in."""
        return self.hold, self.amount


class FareLoop:
    """A process that fares ask of, and beside it the one that keeps their answers."""

    def __init__(
        self,
        log: Path,
        dsn: str,
        tenant_id: UUID,
        accounts: Sequence[UUID],
        *,
        name: str | None = None,
        callers: int = 8,
        rides: int = 1_000_000,
    ) -> None:
        self.name = name or f"loop{next(_numbers)}"
        self._log = log / f"{self.name}-{next(_numbers)}.jsonl"
        self._complaints = self._log.with_suffix(".err")
        script = Path(__file__).with_name("acknowledged_log.py")
        self._keeper = subprocess.Popen([sys.executable, script, self._log], stdin=subprocess.PIPE)
        words = [dsn, str(tenant_id), self.name, str(callers), str(rides), *map(str, accounts)]
        with self._complaints.open("wb") as complaints:
            self._loop = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.fare_loop", *words],
                stdout=self._keeper.stdin,
                stderr=complaints,
                cwd=ROOT,
            )
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()

    @property
    def answers(self) -> list[Answer]:
        """What was acknowledged and kept; a line that a kill cut off was not."""
        if not self._log.exists():
            return []
        return [Answer(**json.loads(line)) for line in self._log.read_bytes().split(b"\n")[:-1]]

    @property
    def complaints(self) -> str:
        return self._complaints.read_text(errors="replace")

    @property
    def runs(self) -> bool:
        return self._loop.poll() is None

    @property
    def process_id(self) -> int:
        return self._loop.pid

    def end(self) -> list[Answer]:
        """Waits for the end of all rides."""
        assert self._loop.wait(END_SECONDS_MAX) == 0, self.complaints
        return self._all_answers()

    def kill(self) -> list[Answer]:
        """Kills it at this very moment; what its log keeper was told until then."""
        self._loop.send_signal(signal.SIGKILL)
        assert self._loop.wait(END_SECONDS_MAX) == -signal.SIGKILL, self.complaints
        return self._all_answers()

    def _all_answers(self) -> list[Answer]:
        self._keeper.wait(END_SECONDS_MAX)
        return self.answers

    def __enter__(self) -> FareLoop:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self._loop, self._keeper):
            if process.poll() is None:
                process.kill()
            process.wait(END_SECONDS_MAX)


def processes_of(data_dir: Path) -> list[int]:
    """The main process of the Postgres in this directory, then its children; nobody else's."""
    (cluster,) = [path for path in data_dir.glob("postgres-*") if path.is_dir()]
    found = read_process(cluster)
    assert found is not None
    return [found[0], *children_of(found[0])]


def children_of(parent: int) -> list[int]:
    children = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            children.append(int(status.parent.name))
    return children


def command_of(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def signal_all(processes: Sequence[int], number: signal.Signals) -> None:
    for process in processes:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            continue


async def lost_or_doubled(database: Database, answers: Sequence[Answer]) -> list[str]:
    """What contradicts the acknowledged answers: each is in the ledger, with the same ids and amounts, once."""
    operations = {
        (str(row["account_id"]), row["mutation"], row["key"]): (row["hold_id"], row["amount"])
        for row in await rows_of(database, "SELECT * FROM operation WHERE hold_id IS NOT NULL")
    }
    versions = {
        str(row["account_id"]): row["version"] for row in await rows_of(database, "SELECT * FROM ledger_account")
    }
    found = []
    firsts: dict[tuple[str, str, str], int] = {}
    for answer in answers:
        name = answer.account, answer.mutation, answer.key
        firsts[name] = firsts.get(name, 0) + (not answer.replayed)
        if operations.get(name) != answer.effect:
            found.append(f"{answer} was acknowledged, the ledger has {operations.get(name)}")
        if answer.version > versions[answer.account]:
            found.append(f"{answer} is of a version that the account has lost")
    found += [f"{name} was done {number} times" for name, number in firsts.items() if number > 1]
    return found


async def ask_again(
    database: Database, writer: Writer, tenant_id: UUID, answers: Sequence[Answer], also: Callable[[Answer], bool]
) -> list[str]:
    """Sends what was acknowledged once more, under the same keys; what comes to another answer."""
    found = []
    for answer in filter(also, answers):
        account_id = UUID(answer.account)
        command = (
            the_reserve(tenant_id, account_id, answer.key)
            if answer.mutation == "reserve"
            else the_commit(tenant_id, account_id, answer.key, answer.hold)
        )
        outcome = await answer_to(writer, command)
        if not outcome.replayed or (outcome.hold.hold_id, outcome.amount) != answer.effect:
            found.append(f"{answer} was acknowledged, asked again it is {outcome}")
    return found
