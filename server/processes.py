"""The processes of a server from start to stop: database made ready, one or several web processes, an end in bounds."""

import errno
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

from models.migrations import migrate
from server.app import UVICORN_LIMITS
from server.demo_keys import seed_demo_data
from server.settings import Environment, Settings

APPLICATION = "server.web_process:create_app"
BACKLOG = 2048

GRACE_SECONDS = 10
"""For requests in flight after SIGTERM or SIGINT."""

STOP_SECONDS_MAX = 2 * GRACE_SECONDS
"""For all of the stop; whoever hangs longer is ended."""

# A busy machine may need this long to start a process that answers the supervisor; a shorter limit would kill it.
HEALTH_CHECK_SECONDS = 30

# Processes that a kill left behind give the port up within this time.
PORT_ATTEMPTS = 20
PORT_PAUSE_SECONDS = 0.1

logger = logging.getLogger(__name__)


class PortUnavailable(Exception):
    """HOST and PORT cannot be listened on; the message says why."""


async def prepare_database(dsn: str, settings: Settings) -> None:
    """Brings the database up to date, and in development fills an empty one. Raises what the database raises."""
    await migrate(dsn)
    if settings.environment is Environment.DEVELOPMENT:
        await seed_demo_data(dsn, settings)


def _open_listener(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Bound alone, another process could still take the port.
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def listen(settings: Settings) -> socket.socket:
    """The listening socket of HOST and PORT. Raises PortUnavailable."""
    reason: str | None = None
    for _ in range(PORT_ATTEMPTS):
        try:
            return _open_listener(settings.host, settings.port)
        except OSError as error:
            reason = error.strerror
            if error.errno != errno.EADDRINUSE:
                break
        time.sleep(PORT_PAUSE_SECONDS)
    raise PortUnavailable(f"cannot listen on HOST {settings.host}, PORT {settings.port}: {reason}; choose others")


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
        http="httptools",
        ws="websockets-sansio",
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
