"""How often a process that serves looks for garbage that only a search can find."""

import gc
from typing import Final

THRESHOLDS: Final = (20_000, 10, 10)
"""How many new containers there are before the youngest are looked through, and how often older ones are.

A batch of the ledger makes thousands, of which none is in a circle. At the default of 700 looking takes up to a tenth
of the ledger's processor time.
"""


def look_for_garbage_less_often() -> None:
    """Sets aside what is there for as long as the process lives, and looks through the rest at these thresholds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
