"""The machine, and how much of it others took while the run went on."""

from __future__ import annotations

import os
import resource
import time
from contextlib import suppress
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
        # The servers that were measured have ended, and count as this process's children.
        own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        ours = own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime + _of_postgres(postmaster)
    except OSError:
        return None
    used = user + nice + system + interrupts + soft_interrupts + stolen
    return CpuReading(used, ours, used + idle + waiting)


def cpu_seconds_of(process_id: int) -> float:
    """Processor time, user and system, that a process has used so far, to the nanosecond. On Linux alone."""
    # What clock_getcpuclockid() gives, which Python does not have.
    return time.clock_gettime(~process_id << 3 | 2)


def cpu_seconds_of_postgres(postmaster: int) -> float:
    """The same of a Postgres and of those of its processes that run now. On Linux alone."""
    seconds = 0.0
    for process_id in _processes_of(postmaster):
        # One may end between being found and being asked.
        with suppress(OSError):
            seconds += cpu_seconds_of(process_id)
    return seconds


def resident_bytes_of(process_id: int) -> int:
    """What a process has in memory now. On Linux alone."""
    return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _of_postgres(postmaster: int) -> float:
    """Of the server and its processes, those that have ended included."""
    ticks = 0
    for process_id in _processes_of(postmaster):
        with suppress(OSError):
            # Of the server itself also the time of its processes which have ended.
            ticks += sum(map(int, _fields_of(process_id)[11 : 15 if process_id == postmaster else 13]))
    return ticks / _TICKS_PER_SECOND


def _processes_of(postmaster: int) -> list[int]:
    """The server and its processes, as far as they run."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            process_id = int(folder.name)
            if process_id == postmaster or int(_fields_of(process_id)[1]) == postmaster:
                found.append(process_id)
    return found


def _fields_of(process_id: int) -> list[str]:
    # The name in brackets may hold anything, so fields are counted from its end.
    return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
