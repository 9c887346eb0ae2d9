"""The web processes of a server from start to stop: one or several, and an end in bounds."""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from server.app import UVICORN_LIMITS
from server.listener import BACKLOG
from server.settings import Settings

APPLICATION = "server.web_process:create_app"
GRACE_SECONDS = 10
"""For requests in flight after SIGTERM or SIGINT."""

STOP_SECONDS_MAX = 2 * GRACE_SECONDS
"""For all of the stop; whoever hangs longer is ended."""

# A busy machine may need this long to start a process that answers the supervisor; a shorter limit would kill it.
HEALTH_CHECK_SECONDS = 30

logger = logging.getLogger(__name__)


def run_web_processes(
    settings: Settings, listener: socket.socket, announce: Callable[[], None], *, application: str = APPLICATION
) -> bool:
    """Serves until SIGTERM or SIGINT, lets requests in flight finish; False when the application did not start.

    `announce` is called once requests are answered. `application` names a factory as `module:function`; settings reach
    it through the environment.
    """
    config = uvicorn.Config(
        application,
        factory=True,
        workers=settings.processes,
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=HEALTH_CHECK_SECONDS,
        **UVICORN_LIMITS,
    )
    if settings.processes == 1:
        return _run_here(config, listener, announce)
    supervisor = _Supervisor(config, listener, announce)
    supervisor.run()
    return not supervisor.has_failed


def _run_here(config: uvicorn.Config, listener: socket.socket, announce: Callable[[], None]) -> bool:
    server = _Server(config, announce)
    # uvicorn raises the signal again when it is done; what remains to do then is ours, and must not be cut off.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    try:
        server.run(sockets=[listener])
    except SystemExit as exit_request:
        return exit_request.code in (0, None)
    return True


class _Server(uvicorn.Server):
    """The web server of a single process, which says when it is ready and does not outstay its stop."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce
        self._deadline: threading.Timer | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to answer, then says so."""
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begins the stop and sets its bound."""
        super().handle_exit(sig, frame)
        if self._deadline is None:
            self._deadline = threading.Timer(STOP_SECONDS_MAX, _give_up)
            self._deadline.daemon = True
            self._deadline.start()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serves until it is told to stop."""
        super().run(sockets)
        if self._deadline is not None:
            self._deadline.cancel()


def _give_up() -> None:
    logger.error("the stop took longer than %d seconds and is cut short", STOP_SECONDS_MAX)
    # The embedded Postgres ends with this process, in order.
    os._exit(1)


class _Supervisor(Multiprocess):
    """uvicorn's supervisor with a bounded stop, a closed port while it stops, and a word when all is ready."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, announce: Callable[[], None]) -> None:
        super().__init__(config, sockets=[listener])
        self._announce = announce
        self.has_failed = False

    def init_processes(self) -> None:
        """Starts all processes and waits for the first to answer."""
        super().init_processes()
        if self.processes[0].wait_until_ready(HEALTH_CHECK_SECONDS):
            self._announce()
        else:
            # What does not start the first time has a reason that is not cured by trying for ever.
            self.has_failed = True
            self.should_exit.set()

    def keep_subprocess_alive(self) -> None:
        """Replaces a process that died or hangs; stops all when one cannot even start."""
        before = [process.pid for process in self.processes]
        super().keep_subprocess_alive()
        self.has_failed = any(process.exitcode == STARTUP_FAILURE for process in self.processes)
        for old, process in zip(before, self.processes, strict=True):
            if process.pid != old:
                logger.warning("server process %s died and is replaced by %s", old, process.pid)

    def terminate_all(self) -> None:
        """Refuses new connections and lets the processes finish."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def join_all(self) -> None:
        """Waits for the processes, and ends those that do not come to an end."""
        deadline = time.monotonic() + STOP_SECONDS_MAX
        for process in self.processes:
            process.process.join(max(0.0, deadline - time.monotonic()))
            if process.process.is_alive():
                logger.error("server process %s took longer than %d seconds to stop", process.pid, STOP_SECONDS_MAX)
                process.kill()
                process.join()
