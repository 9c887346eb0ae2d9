from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.resolvers.stage import Stage
from tests.server.edge.serving import Served, serving


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """The edge on loopback, on a stage of the test's own."""
    async with serving(Stage()) as served:
        yield served
