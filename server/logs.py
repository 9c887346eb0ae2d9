"""How the server writes what happens: one line each to standard error, warnings and worse."""

import logging

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure_logs() -> None:
    """Sends warnings and errors of every library to standard error; called once in each process."""
    logging.basicConfig(level=logging.WARNING, format=_FORMAT)
