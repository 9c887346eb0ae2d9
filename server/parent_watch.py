"""A web process does not outlive the process that started it, however that one ended."""

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import wait


def watch_parent(stop_seconds_max: float) -> None:
    """Stops this process, in order and within so many seconds, once its parent is gone. Does nothing without one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(
            target=_end_after, args=(parent.sentinel, stop_seconds_max), name="parent-watch", daemon=True
        ).start()


def parent_is_gone() -> bool:
    """Whether this process was left behind by the one that started it."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


def _end_after(sentinel: int, stop_seconds_max: float) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(stop_seconds_max)
    os._exit(1)
