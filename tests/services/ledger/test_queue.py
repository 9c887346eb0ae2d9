"""Whose turn it is."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import UUID, uuid4

from rules.ledger.commands import Settle
from services.ledger.queue import ACCOUNT_MAX, BATCH_MAX, QUEUE_MAX, TURN, LedgerQueue
from services.ledger.submission import NO_RIDERS, Submission

TENANT = uuid4()
HOT, QUIET, OTHER = uuid4(), uuid4(), uuid4()


def a_submission(account_id: UUID) -> Submission:
    loop = asyncio.get_running_loop()
    return Submission(Settle(TENANT, account_id), NO_RIDERS, loop.create_future(), loop.time())


def a_queue(*account_ids: UUID) -> tuple[LedgerQueue, list[Submission]]:
    queue, submissions = LedgerQueue(), [a_submission(account_id) for account_id in account_ids]
    for submission in submissions:
        queue.add(submission)
    return queue, submissions


async def test_what_is_queued_is_taken_once_and_in_order() -> None:
    queue, submissions = a_queue(HOT, HOT, HOT)

    assert queue.take() == submissions
    assert queue.take() == []
    assert len(queue) == 0


async def test_a_batch_has_a_bound_and_the_rest_is_the_next_one() -> None:
    queue, submissions = a_queue(*[HOT] * (BATCH_MAX + 5))

    assert queue.take() == submissions[:BATCH_MAX]
    assert len(queue) == 5
    assert queue.take() == submissions[BATCH_MAX:]


async def test_a_quiet_account_is_in_the_next_batch_however_hot_another_is() -> None:
    queue, submissions = a_queue(*[HOT] * 2_000, QUIET)

    batch = queue.take()

    assert submissions[-1] in batch
    assert batch.index(submissions[-1]) == TURN


async def test_hot_accounts_share_a_batch_evenly() -> None:
    queue, _ = a_queue(*[HOT] * 1_000, *[OTHER] * 1_000)

    for _ in range(4):
        assert Counter(submission.account_id for submission in queue.take()) == {HOT: 128, OTHER: 128}


async def test_more_accounts_than_a_batch_has_room_for_all_come_in_turn() -> None:
    accounts = [uuid4() for _ in range(3 * BATCH_MAX // TURN)]
    queue, _ = a_queue(*[account for account in accounts for _ in range(TURN)])

    seen = [submission.account_id for _ in range(3) for submission in queue.take()]

    assert Counter(seen) == dict.fromkeys(accounts, TURN)
    assert list(dict.fromkeys(seen)) == accounts


async def test_what_is_put_back_goes_before_what_its_account_queued_since() -> None:
    queue, (first, second, third) = a_queue(HOT, HOT, QUIET)
    batch = queue.take()
    late = a_submission(HOT)
    queue.add(late)

    queue.put_back(batch)

    assert len(queue) == 4
    assert queue.take() == [first, second, late, third]


async def test_the_bound_is_for_newcomers_only() -> None:
    queue, _ = a_queue(*[HOT] * ACCOUNT_MAX, *[QUIET] * (QUEUE_MAX - ACCOUNT_MAX - 1))
    assert not queue.has_room(HOT), "no account takes the whole queue"
    assert queue.has_room(uuid4())
    queue.add(a_submission(QUIET))
    assert not queue.has_room(uuid4())

    taken = queue.take()
    assert queue.has_room(uuid4())
    for _ in taken:
        queue.add(a_submission(QUIET))
    queue.put_back(taken)

    assert len(queue) == QUEUE_MAX + len(taken)
