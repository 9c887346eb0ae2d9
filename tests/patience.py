"""Waiting for what comes at some time: a noisy machine is no fault."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE_SECONDS = 20.0


async def eventually(
    holds: Callable[[], Awaitable[bool] | bool], *, within_seconds: float = PATIENCE_SECONDS, what: str = ""
) -> None:
    """Waits until something is so."""
    deadline = asyncio.get_running_loop().time() + within_seconds
    while True:
        answer = holds()
        if answer if isinstance(answer, bool) else await answer:
            return
        assert asyncio.get_running_loop().time() < deadline, f"not within {within_seconds} s: {what or holds}"
        await asyncio.sleep(0.005)
