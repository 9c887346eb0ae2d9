"""How soon everybody is right again: three seconds, counted while the machine lets the server work.

What other programs take of the machine is told by a probe: a request that no fault of ours slows down, sent over and
over. Of a round that takes longer than rounds do on a free machine only that much counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

HEALED_SECONDS_MAX = 3.0
"""What the product promises, from the moment when what was away can be reached again."""

PROBE_PAUSE_SECONDS = 0.01
ROUND_SECONDS = 0.05
"""Of a probe and the pause after it: some 15 ms on a free machine of two cores with the servers at work."""

PROBE_SECONDS_MAX = 4 * ROUND_SECONDS
"""For one that is not answered, so that no more than three parts of four are ever put down to others."""

NOISE_SECONDS_MAX = 6.0
"""Whatever the probe says, more is never given: what holds the probe up may be the server's own fault."""


async def healed_after(
    holds: Callable[[], bool], probe_url: str, what: Callable[[], str], *, own_seconds: float = 0.0
) -> float:
    """Waits until it holds, at most HEALED_SECONDS_MAX of undisturbed time; how long that took.

    `own_seconds`: what clients themselves wait before they take a silent connection for dead.
    """
    seconds_max = HEALED_SECONDS_MAX + own_seconds
    loop = asyncio.get_running_loop()
    begun_at = loop.time()
    counted_seconds = 0.0
    while not holds():
        taken_seconds = loop.time() - begun_at
        told = f"after {counted_seconds:.2f} s ({taken_seconds:.2f} s with what others took): {what()}"
        assert counted_seconds < seconds_max, told
        assert taken_seconds < seconds_max + NOISE_SECONDS_MAX, told
        round_began_at = loop.time()
        await _probe(probe_url)
        await asyncio.sleep(PROBE_PAUSE_SECONDS)
        counted_seconds += min(loop.time() - round_began_at, ROUND_SECONDS)
    return loop.time() - begun_at


async def _probe(url: str) -> None:
    """Asks and waits for the answer, not for long; there may be nobody to ask."""
    address = urlsplit(url)
    request = f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n"
    with suppress(OSError):
        async with asyncio.timeout(PROBE_SECONDS_MAX):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                writer.write(request.encode("ascii"))
                await reader.read()
            finally:
                writer.close()
