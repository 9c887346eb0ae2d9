import asyncio

import pytest

from services.live import patience as patience_module
from services.live.patience import Patience


async def seconds_until_given_up(patience: Patience) -> float:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    with pytest.raises(TimeoutError):
        async with patience.limit():
            await asyncio.sleep(60)
    return loop.time() - begun


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience_module, "PATIENCE_SECONDS_MIN", 0.05)
    monkeypatch.setattr(patience_module, "PATIENCE_SECONDS_MAX", 0.4)


async def test_each_time_in_vain_the_next_may_take_twice_as_long_within_bounds() -> None:
    patience = Patience()
    for expected in (0.05, 0.1, 0.2, 0.4, 0.4):
        assert expected <= await seconds_until_given_up(patience) < expected + 0.3


async def test_after_an_answer_the_next_may_take_some_times_as_long() -> None:
    patience = Patience()
    await seconds_until_given_up(patience)
    async with patience.limit():
        await asyncio.sleep(0.06)
    assert 0.24 <= await seconds_until_given_up(patience) < 0.8

    async with patience.limit():
        pass
    assert 0.05 <= await seconds_until_given_up(patience) < 0.2


async def test_what_fails_in_time_says_nothing_of_how_long_to_wait() -> None:
    patience = Patience()
    for _ in range(3):
        with pytest.raises(ConnectionError):
            async with patience.limit():
                raise ConnectionError("refused")
    assert 0.05 <= await seconds_until_given_up(patience) < 0.2
