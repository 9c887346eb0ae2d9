"""The machine, and how much of it others took while the run went on."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

OTHERS_PERCENT_MAX: Final = 5
"""Past this the figures are worth nothing, ratios included: the scheduler shares cores out by process, and rivals have
more of them."""

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class CpuReading:
    """Seconds of processor time since the machine started: used by anyone, used by this run, and possible."""

    used: float
    ours: float
    possible: float

    def others_percent_since(self, before: CpuReading) -> int:
        """Which share of the machine went to others since an earlier reading; what a hypervisor took counts too."""
        others = (self.used - before.used) - (self.ours - before.ours)
        return round(100 * max(0.0, others) / max(self.possible - before.possible, 1e-9))


async def find_postmaster(dsn: str) -> int | None:
    """The process id of the Postgres at an address on this machine; None where there is no /proc."""
    connection = await asyncpg.connect(dsn)
    try:
        # The parent of the process that serves us.
        return int(_fields_of(connection.get_server_pid())[1])
    except OSError:
        return None
    finally:
        await connection.close()


def read_cpu(postmaster: int | None) -> CpuReading | None:
    """Reads it for this process and the Postgres of that process id; None where there is no /proc."""
    if postmaster is None:
        return None
    try:
        user, nice, system, idle, waiting, interrupts, soft_interrupts, stolen = (
            int(word) / _TICKS_PER_SECOND for word in Path("/proc/stat").read_text().split()[1:9]
        )
        own = resource.getrusage(resource.RUSAGE_SELF)
        ours = own.ru_utime + own.ru_stime + _of_postgres(postmaster)
    except OSError:
        return None
    used = user + nice + system + interrupts + soft_interrupts + stolen
    return CpuReading(used, ours, used + idle + waiting)


def _of_postgres(postmaster: int) -> float:
    """Of the server and its processes, those that have ended included."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = _fields_of(int(folder.name))
        except OSError:
            continue
        if int(folder.name) == postmaster:
            # Its own time and that of its processes which have ended, user and system.
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == postmaster:
            ticks += sum(map(int, fields[11:13]))
    return ticks / _TICKS_PER_SECOND


def _fields_of(process_id: int) -> list[str]:
    # The name in brackets may hold anything, so fields are counted from its end.
    return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
