"""The pure core alone, without queue, database or network: reserves decided, and lines priced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Final
from uuid import UUID

from benchmarks.contenders import AMOUNT_MICROS, GRANTS_MICROS, HOLD_TTL_SECONDS, LINES_JSON, PRICED_LINE
from benchmarks.effort import TARGET_CALLERS
from benchmarks.rounds import Spread
from benchmarks.stand import PRICE_BOOK
from rules.ledger.commands import Once, Reserve
from rules.ledger.decide import decide
from rules.ledger.kinds import GrantSource, LimitPeriod, LimitScope, MemberRole, Mutation
from rules.ledger.outcomes import HoldEffect
from rules.ledger.spending import MEMBER_DEFAULT, Scope, Spending
from rules.ledger.state import Account, AccountState, Grant
from rules.ledger.team import Member
from rules.pricing.price_book import PriceBook
from rules.pricing.rating import LineRequest, Priced, Purpose, price_lines
from rules.pricing.tokens import MAX_MICROS
from rules.pricing.toml import read_price_book
from services.shipped_price_books import ShippedPriceBooks

BATCHES: Final = 60
"""Batches of TARGET_CALLERS reserves in one round; each batch begins with freshly loaded rows, as in the writer."""

PRICINGS: Final = 2_000
WORKFLOW_LINES: Final = 20

MEMBER: Final = UUID(int=2)
PROJECT: Final = "film"


@dataclass(frozen=True, slots=True)
class CoreSpeed:
    """What the core takes by itself."""

    reserve_microseconds: Spread
    limited_reserve_microseconds: Spread
    """The same for a member and a project, with six limits in force."""
    single_lines_per_second: Spread
    """Lines priced one at a time."""
    workflow_lines_per_second: Spread
    """Lines priced WORKFLOW_LINES at a time."""


def measure_core(rounds: int) -> CoreSpeed:
    """Medians over rounds that take turns."""
    book = _read_book()
    models = [price.model for price in book.prices[:WORKFLOW_LINES]]
    workflow = [LineRequest(model) for model in models]
    decided: list[float] = []
    limited: list[float] = []
    singles: list[float] = []
    workflows: list[float] = []
    for _ in range(rounds):
        decided.append(_decide_seconds(is_limited=False) * 1e6)
        limited.append(_decide_seconds(is_limited=True) * 1e6)
        singles.append(1 / _seconds_each(lambda: _price(book, workflow[:1]), PRICINGS))
        workflows.append(WORKFLOW_LINES / _seconds_each(lambda: _price(book, workflow), PRICINGS // WORKFLOW_LINES))
    return CoreSpeed(Spread.of(decided), Spread.of(limited), Spread.of(singles), Spread.of(workflows))


def _decide_seconds(*, is_limited: bool) -> float:
    """Seconds for one reserve, on average over all batches."""
    now = datetime.now(UTC)
    account_id = UUID(int=1)
    batches = [
        (
            _state(account_id, now, is_limited=is_limited),
            [_reserve(account_id, f"{batch} {number}", is_limited=is_limited) for number in range(TARGET_CALLERS)],
        )
        for batch in range(BATCHES)
    ]
    started = perf_counter()
    for state, commands in batches:
        for command in commands:
            if not isinstance(decide(state, command, now), HoldEffect):
                raise AssertionError("the core refused a reserve that it had to take")
    return (perf_counter() - started) / (BATCHES * TARGET_CALLERS)


def _state(account_id: UUID, now: datetime, *, is_limited: bool) -> AccountState:
    total = sum(GRANTS_MICROS)
    account = Account(account_id, account_id, now, now, opened=True, total=total, mark=total, version=2)
    grants = {
        number: Grant(number, GrantSource.BONUS, amount, amount, now, priority=number, source_ref=str(number))
        for number, amount in enumerate(GRANTS_MICROS, start=1)
    }
    state = AccountState(account, grants, members={MEMBER: Member(MEMBER, "member", "", MemberRole.MEMBER, now)})
    if is_limited:
        account.spending = _limited(LimitPeriod.DAY, LimitPeriod.MONTH)
        state.scopes[MEMBER_DEFAULT] = _limited(LimitPeriod.DAY)
        state.scopes[Scope(LimitScope.MEMBER, MEMBER)] = _limited(LimitPeriod.MONTH)
        state.scopes[Scope(LimitScope.PROJECT, None, PROJECT)] = _limited(LimitPeriod.WEEK, LimitPeriod.TOTAL)
    return state


def _limited(*periods: LimitPeriod) -> Spending:
    """Limits that are never reached."""
    spending = Spending()
    for period in periods:
        spending.window(period).limit = MAX_MICROS
    return spending


def _reserve(account_id: UUID, key: str, *, is_limited: bool) -> Reserve:
    return Reserve(
        account_id,
        account_id,
        Once(Mutation.RESERVE, key, bytes(32)),
        AMOUNT_MICROS,
        (PRICED_LINE,),
        LINES_JSON,
        1,
        HOLD_TTL_SECONDS,
        member_id=MEMBER if is_limited else None,
        project=PROJECT if is_limited else None,
    )


def _read_book() -> PriceBook:
    source = ShippedPriceBooks().source(PRICE_BOOK)
    book = read_price_book(source or "")
    if not isinstance(book, PriceBook):
        raise AssertionError(f"the price book {PRICE_BOOK} does not read")
    return book


def _price(book: PriceBook, lines: Sequence[LineRequest]) -> None:
    if not isinstance(price_lines(book, lines, purpose=Purpose.ESTIMATE), Priced):
        raise AssertionError("a line of the price book was not priced")


def _seconds_each(work: Callable[[], None], times: int) -> float:
    started = perf_counter()
    for _ in range(times):
        work()
    return (perf_counter() - started) / times
