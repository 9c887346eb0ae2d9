"""Events of feeds as an audience is shown them: whoever comes, goes on and takes when it likes is told of all, once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rules.ledger.usage_events import UsageEvent, UsageView
from services.ledger.live_feeds import FeedEvent
from services.live.audience import Audience
from services.live.pace import Pace
from services.live.subscriber import Subscriber
from services.live.view import Event
from tests.rules.ledger.test_usage_events import MIDNIGHT, VIEWS, Journal, Reader, added_up, found


@dataclass
class Client:
    """One that takes what waits for it, if anything does."""

    subscriber: Subscriber[Any] = field(default_factory=lambda: Subscriber(None, Pace(1, 0.0)))
    taken: list[FeedEvent[UsageEvent]] = field(default_factory=list)

    async def take(self) -> None:
        try:
            async with asyncio.timeout(0):
                self.taken.append(await anext(self.subscriber))
        except TimeoutError:
            pass


class Account:
    """One view of a journal, read for an audience as the reader of the ledger does."""

    def __init__(self, view: UsageView) -> None:
        self.view = view
        self.journal = Journal(MIDNIGHT - timedelta(hours=3))
        self.audience = Audience()
        self.reads = 0

    def read(self) -> None:
        before: Event | None = self.audience.wanted.before
        self.reads += 1
        if before is None:
            known = Reader.of(self.journal, self.view).known
            event = FeedEvent(known, known)
        else:
            assert isinstance(before, FeedEvent)
            reader = Reader(self.journal, before.known)
            told = reader.read()
            if told is None:
                before.stands_at(reader.known)
                event = before
            else:
                event = FeedEvent(reader.known, told)
        self.audience.show(event, self.reads)


@given(st.data())
def test_whoever_joins_and_takes_when_it_likes_is_told_of_each_capture_once(data: st.DataObject) -> None:
    asyncio.run(live(data))


async def live(data: st.DataObject) -> None:
    account = Account(data.draw(st.sampled_from(VIEWS)))
    clients: list[Client] = []
    for step in data.draw(st.lists(st.sampled_from("jwwwrrtttd"), max_size=50)):
        match step:
            case "j":
                clients.append(Client())
                account.audience.join(clients[-1].subscriber, account.reads)
            case "w":
                account.journal.write(data.draw(st.one_of(st.just({}), found(account.journal.at))))
            case "d":
                account.journal.at += timedelta(hours=data.draw(st.integers(1, 30)))
            case "r":
                account.read()
            case "t" if clients:
                await data.draw(st.sampled_from(clients)).take()
            case _:
                pass
    account.read()
    for client in clients:
        await client.take()
        first, *later = client.taken
        orders = [event.order for event in client.taken]
        assert orders == sorted(set(orders))
        assert first.told.snapshot
        assert not any(event.told.snapshot for event in later)
        increments = added_up(*(dict(event.told.added.rows) for event in later))
        assert increments == dict(account.view.of(account.journal.since(first.told.version)).rows)
        today = account.journal.position.day
        assert client.taken[-1].told.position.day == today
        assert client.taken[-1].told.today == account.journal.day(account.view, today.day).today
