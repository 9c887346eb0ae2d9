import asyncio
from uuid import UUID, uuid4

import pytest

from services.live import announcer as announcer_module
from services.live.announcer import Announcer
from services.live.messages import Changes, Message, Resync, decode
from services.live.reader import AtHand
from tests.patience import eventually


class Post:
    """Takes published texts, can be closed, and can be slow."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.told_locally: list[tuple[UUID, int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.fails = False
        self.tries = 0

    def tell_locally(self, account_id: UUID, version: int, at_hand: AtHand | None) -> None:
        self.told_locally.append((account_id, version))

    async def publish(self, text: str) -> None:
        self.tries += 1
        await self.open.wait()
        if self.fails:
            raise ConnectionError("the bus is away")
        self.messages.append(decode(text))

    @property
    def pairs(self) -> list[tuple[UUID, int]]:
        return [pair for message in self.messages if isinstance(message, Changes) for pair in message.pairs]


@pytest.fixture
def post() -> Post:
    return Post()


async def test_watchers_of_this_process_are_told_directly(post: Post) -> None:
    account = uuid4()
    async with Announcer(post.tell_locally, post.publish) as announcer:
        announcer.changed(account, 7)
        assert post.told_locally == [(account, 7)]


async def test_a_change_is_published(post: Post) -> None:
    account = uuid4()
    async with Announcer(post.tell_locally, post.publish) as announcer:
        announcer.changed(account, 7)
        await eventually(lambda: post.pairs == [(account, 7)])


async def test_changes_that_wait_go_out_together_with_the_latest_version_of_each(post: Post) -> None:
    first, second = uuid4(), uuid4()
    post.open.clear()
    async with Announcer(post.tell_locally, post.publish) as announcer:
        announcer.changed(first, 1)
        await eventually(lambda: post.tries == 1)
        for version in (2, 5, 3, 4):
            announcer.changed(first, version)
        announcer.changed(second, 9)
        post.open.set()
        await eventually(lambda: len(post.messages) == 2)

    assert post.messages == [Changes(((first, 1),)), Changes(((first, 5), (second, 9)))]


async def test_a_flood_goes_out_in_few_bursts(post: Post) -> None:
    opened = [uuid4() for _ in range(10)]
    async with Announcer(post.tell_locally, post.publish) as announcer:
        started = asyncio.get_running_loop().time()
        for version in range(1, 501):
            for account in opened:
                announcer.changed(account, version)
            await asyncio.sleep(0)
        await eventually(lambda: dict.fromkeys(opened, 500).items() <= dict(post.pairs).items())
        took_seconds = asyncio.get_running_loop().time() - started

    assert len(post.messages) <= took_seconds / 0.005 + 2


async def test_a_bus_that_is_away_hurts_nobody_and_gets_everything_when_it_is_back(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = uuid4(), uuid4()
    post.fails = True
    async with Announcer(post.tell_locally, post.publish) as announcer:
        announcer.changed(first, 1)
        await eventually(lambda: post.tries >= 3)
        announcer.changed(first, 2)
        announcer.changed(second, 1)
        post.fails = False
        await eventually(lambda: dict(post.pairs) == {first: 2, second: 1})

    assert sum(record.levelname == "WARNING" for record in caplog.records) == 1


async def test_more_than_may_wait_becomes_one_resync(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcer_module, "ACCOUNTS_WAITING_MAX", 100)
    post.fails = True
    async with Announcer(post.tell_locally, post.publish) as announcer:
        for _ in range(250):
            announcer.changed(uuid4(), 1)
        await eventually(lambda: post.tries >= 2)
        assert len(announcer._waiting) <= 100
        post.fails = False
        await eventually(lambda: Resync() in post.messages)

    assert post.messages.count(Resync()) == 1


async def test_a_watcher_that_fails_does_not_reach_the_ledger(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    def fail(account_id: UUID, version: int, at_hand: AtHand | None) -> None:
        raise RuntimeError("a bug")

    account = uuid4()
    async with Announcer(fail, post.publish) as announcer:
        announcer.changed(account, 1)
        await eventually(lambda: post.pairs == [(account, 1)])

    assert "a bug" in caplog.text


async def test_a_process_that_stops_announces_its_last_changes(post: Post) -> None:
    account = uuid4()
    async with Announcer(post.tell_locally, post.publish) as announcer:
        announcer.changed(account, 1)
        await eventually(lambda: post.pairs == [(account, 1)])
        announcer.changed(account, 2)

    assert post.pairs == [(account, 1), (account, 2)]


async def test_a_process_that_stops_does_not_wait_for_a_bus_that_hangs(post: Post) -> None:
    post.open.clear()
    async with asyncio.timeout(10):
        async with Announcer(post.tell_locally, post.publish) as announcer:
            announcer.changed(uuid4(), 1)
            await eventually(lambda: post.tries == 1)


async def test_without_a_bus_only_this_process_is_told(post: Post) -> None:
    account = uuid4()
    async with Announcer(post.tell_locally, None) as announcer:
        announcer.changed(account, 1)

    assert post.told_locally == [(account, 1)]
