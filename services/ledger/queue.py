"""A lane's queue: bounded, in order for each account, fair between accounts."""

from __future__ import annotations

from collections import deque
from typing import Final
from uuid import UUID

from services.ledger.submission import Submission

BATCH_MAX: Final = 256
"""Commands in one transaction: more gains little and makes everyone wait longer."""

QUEUE_MAX: Final = 4_096
"""Commands that may wait in one lane: some seconds of its work. Past it callers are told to come again."""

ACCOUNT_MAX: Final = QUEUE_MAX // 2
"""Of which one account's."""

TURN: Final = 32
"""How many commands of one account go before the next account has its turn."""


class LedgerQueue:
    """Commands by account; accounts take turns, so that a hot one cannot keep the others out of a batch."""

    def __init__(self) -> None:
        self._by_account: dict[UUID, deque[Submission]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def has_room(self, account_id: UUID) -> bool:
        """Whether a command of this account may be added now: no account takes the whole queue."""
        waiting = self._by_account.get(account_id)
        return self._size < QUEUE_MAX and (waiting is None or len(waiting) < ACCOUNT_MAX)

    def add(self, submission: Submission) -> None:
        """Queues a command behind its account's others."""
        self._by_account.setdefault(submission.account_id, deque()).append(submission)
        self._size += 1

    def put_back(self, submissions: list[Submission]) -> None:
        """Queues commands before all others of their accounts, in the order given; the bound does not apply."""
        for submission in reversed(submissions):
            self._by_account.setdefault(submission.account_id, deque()).appendleft(submission)
            self._size += 1

    def take(self) -> list[Submission]:
        """The next batch: turns of up to TURN commands, account after account, while there is room."""
        batch: list[Submission] = []
        while self._by_account and len(batch) < BATCH_MAX:
            account_id, waiting = next(iter(self._by_account.items()))
            del self._by_account[account_id]
            turn = min(TURN, len(waiting), BATCH_MAX - len(batch))
            batch.extend(waiting.popleft() for _ in range(turn))
            if waiting:
                # To the end of the line, where its next turn comes.
                self._by_account[account_id] = waiting
        self._size -= len(batch)
        return batch
