"""How much the edge takes in at once, where even what starts the server can read it without the whole API."""

from collections.abc import Mapping
from typing import Any, Final

BODY_BYTES_MAX: Final = 512 * 1024
"""A request of 100 lines takes less than a tenth of it."""
FRAME_BYTES_MAX: Final = BODY_BYTES_MAX
"""Of a websocket, for the same content."""

UVICORN_LIMITS: Final[Mapping[str, Any]] = {
    # Names, because the settings travel to other processes.
    "http": "server.edge.connections:HttpConnection",
    "ws": "server.edge.connections:SocketConnection",
    # Frames are refused while they arrive, not when they have filled the memory.
    "ws_max_size": FRAME_BYTES_MAX,
    # Compression keeps a window of its own for every socket.
    "ws_per_message_deflate": False,
}
"""What whoever runs uvicorn has to set for the edge's bounds to hold from the first byte."""
