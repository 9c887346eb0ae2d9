"""What callers ask for: reserves, or reserves that are then committed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from time import perf_counter
from uuid import UUID

from benchmarks.callers import Caller, Tally
from benchmarks.contenders import AMOUNT_MICROS, GRANTS_MICROS, Contender, Reserved
from benchmarks.ledger_service import LedgerService
from benchmarks.rounds import Entrant
from benchmarks.stand import Arrangement


class NotReserved(Exception):
    """A reserve that had to go through did not: the measurement would count work that was not done."""


async def accounts_for(contender: Contender, arrangement: Arrangement, callers: int) -> Sequence[UUID]:
    """One account for each caller, or the same one for all."""
    match arrangement:
        case Arrangement.HOT:
            return [await contender.open_account("hot", GRANTS_MICROS)] * callers
        case Arrangement.DISTINCT:
            return [await contender.open_account(f"passenger {number}", GRANTS_MICROS) for number in range(callers)]


def reserving(name: str, contender: Contender, accounts: Sequence[UUID]) -> Entrant:
    """One caller for each account named, who reserves again and again, under a new key each time."""

    def caller(number: int, account_id: UUID) -> Caller:
        asked = count(1)

        async def ask(tally: Tally) -> None:
            key = f"{name} {number} {next(asked)}"
            asked_at = perf_counter()
            _must_be_new(await contender.reserve(account_id, key, AMOUNT_MICROS))
            tally.acknowledge(asked_at, holds=1)

        return ask

    return Entrant(name, contender, [caller(number, account_id) for number, account_id in enumerate(accounts)])


def reserving_and_committing(name: str, contender: LedgerService, accounts: Sequence[UUID]) -> Entrant:
    """The same, and each hold is committed before the next; either step counts as one operation."""

    def caller(number: int, account_id: UUID) -> Caller:
        asked = count(1)

        async def ask(tally: Tally) -> None:
            key = f"{name} {number} {next(asked)}"
            asked_at = perf_counter()
            hold = _must_be_new(await contender.reserve(account_id, key, AMOUNT_MICROS))
            tally.acknowledge(asked_at, holds=1)
            asked_at = perf_counter()
            await contender.commit(account_id, key, hold.hold_id, AMOUNT_MICROS - 1)
            tally.acknowledge(asked_at, holds=0)

        return ask

    return Entrant(name, contender, [caller(number, account_id) for number, account_id in enumerate(accounts)])


def _must_be_new(reserved: Reserved | None) -> Reserved:
    if reserved is None or reserved.replayed:
        raise NotReserved(f"a reserve came to {reserved}")
    return reserved
