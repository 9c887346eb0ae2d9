from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import gc, asyncio
from server.garbage import THRESHOLDS, look_for_garbage_less_often

class Circle:
    def __init__(self):
        self.me = self

look_for_garbage_less_often()
assert gc.get_threshold() == THRESHOLDS, gc.get_threshold()
assert gc.get_freeze_count() > 1_000, gc.get_freeze_count()
import weakref
first = weakref.ref(Circle())
kept = [[] for _ in range(THRESHOLDS[0] + 1)]
assert first() is None, "garbage that is in a circle is found in the end"
"""


def test_a_serving_process_looks_for_garbage_less_often_but_finds_it() -> None:
    # In a process of its own, so that no other test is looked through less often.
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
