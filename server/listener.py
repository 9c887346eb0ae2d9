"""The listening socket: taken before anything else is started, and handed to the web processes."""

import errno
import socket
import time

from server.settings import PORT_MAX, Settings

BACKLOG = 2048

SEND_BUFFER_BYTES = 262_144
"""What the system keeps of what a client has not read yet; Linux takes twice that, with its bookkeeping.

Left to itself it would be megabytes for each of thousands that do not read; a tenth of a second away, this still
carries 2 MB a second.
"""

# Processes that a kill left behind give the port up within this time.
PORT_ATTEMPTS = 50
PORT_PAUSE_SECONDS = 0.1


class PortUnavailable(Exception):
    """HOST and PORT cannot be listened on; the message says why."""


def _open_listener(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.bind(address)
        # Bound alone, another process could still take the port.
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def listen(settings: Settings) -> socket.socket:
    """The listening socket of HOST and PORT; who connects waits until it is served. Raises PortUnavailable."""
    for _ in range(PORT_ATTEMPTS):
        try:
            return _open_listener(settings.host, settings.port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise PortUnavailable(
                    f"cannot listen on HOST {settings.host}, PORT {settings.port}: {error.strerror}; choose others"
                ) from error
        time.sleep(PORT_PAUSE_SECONDS)
    other = settings.port + 1 if settings.port < PORT_MAX else settings.port - 1
    raise PortUnavailable(
        f"cannot listen on HOST {settings.host}, PORT {settings.port}: another program does already; "
        f"set PORT to another, such as PORT={other}"
    )
