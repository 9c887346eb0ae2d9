"""A web process does not outlive the process that started it, however that one ended."""

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import wait

from server.processes import STOP_SECONDS_MAX


def watch_parent() -> None:
    """Stops this process, in order and within bounds, once its parent is gone. Does nothing without a parent."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), name="parent-watch", daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS_MAX)
    os._exit(1)
