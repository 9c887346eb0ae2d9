"""A stretch of time in which something keeps failing, told once at its start and once at its end."""

import logging


class Episode:
    """Keeps a loop that retries several times a second from filling the log while its database is away."""

    __slots__ = ("_logger", "_running", "_subject")

    def __init__(self, logger: logging.Logger, subject: str) -> None:
        self._logger = logger
        self._subject = subject
        self._running = False

    def failed(self, error: BaseException) -> None:
        """Logs the first failure of an episode with its trace, and keeps quiet until it is over."""
        if not self._running:
            self._running = True
            # Not its `repr`, which some libraries write without the message.
            told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            self._logger.warning("%s fails and is being retried: %s", self._subject, told, exc_info=error)

    def over(self) -> None:
        """Logs the end of an episode if one was running."""
        if self._running:
            self._running = False
            self._logger.info("%s works again", self._subject)
