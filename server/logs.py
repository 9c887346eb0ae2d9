"""How the server writes what happens: one line each to standard error, warnings and worse."""

import logging
import time
from collections.abc import Callable
from typing import Final

EPISODE_SECONDS: Final = 30.0
"""A warning that comes again within this time belongs to the same trouble."""

# With the process's id: of several processes one alone may have lost the bus or the database.
_FORMAT: Final = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
# Where every request, loop and pool would say for itself that the database is away. Other warnings are all told.
_TALKATIVE: Final = ("server.edge.", "services.", "asyncpg.pool")
# What this says holds for the whole life of a database.
_SAID_ONCE: Final = "models.database"


class OncePerEpisode(logging.Filter):
    """Lets the first warning of an outage through and holds the like of it back until it has been quiet for a while.

    Errors always pass. What is alike has the same logger and the same text before its values are filled in. What passes
    is one line: a warning's trace leads through the libraries to where the network ended.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        # As many as there are texts in the code.
        self._last_seconds: dict[tuple[str, object], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record is to be written."""
        is_said_once = record.name == _SAID_ONCE
        if record.levelno != logging.WARNING or not (is_said_once or record.name.startswith(_TALKATIVE)):
            return True
        kind, now = (record.name, record.msg), self._monotonic()
        before = self._last_seconds.get(kind)
        self._last_seconds[kind] = now
        _leave_out_trace(record)
        return before is None or (not is_said_once and now - before >= EPISODE_SECONDS)


def _leave_out_trace(record: logging.LogRecord) -> None:
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        text, reason = record.getMessage(), str(error) or type(error).__name__
        record.msg, record.args = text if reason in text else f"{text}: {reason}", None
        record.exc_info = record.exc_text = None


def configure_logs(*, says_what_holds_for_all: bool = True) -> None:
    """Sends warnings and errors of every library to standard error; called once in each process.

    `says_what_holds_for_all` False: not what the process that started this one has said already.
    """
    logging.basicConfig(level=logging.WARNING, format=_FORMAT)
    for handler in logging.getLogger().handlers:
        if not any(isinstance(kept, OncePerEpisode) for kept in handler.filters):
            handler.addFilter(OncePerEpisode())
    if not says_what_holds_for_all:
        logging.getLogger(_SAID_ONCE).setLevel(logging.ERROR)
