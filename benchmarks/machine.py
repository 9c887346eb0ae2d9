"""The machine, and how much of it others took while the run went on."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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


def read_cpu(postmaster: int) -> CpuReading | None:
    """Reads it for this process and the Postgres of that process id; None where there is no /proc."""
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
    seconds = 0.0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in brackets may hold anything, so fields are counted from its end.
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(path.parent.name) == postmaster:
            seconds += sum(map(int, fields[11:15]))
        elif int(fields[1]) == postmaster:
            seconds += sum(map(int, fields[11:13]))
    return seconds / _TICKS_PER_SECOND
