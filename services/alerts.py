"""Alerts: what an account is warned of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from rules.identity import IdKind, public_id
from rules.ledger.commands import SetAlerts
from rules.ledger.outcomes import AccountEffect
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS, format_tokens
from services.accounts import AccountRecord, Accounts
from services.change_log import change_of
from services.ledger.submission import Riders, unkeyed
from services.ledger.writer import Writer
from services.price_books import PriceBooks
from services.principal import OPERATOR, Principal
from services.texts import first_fault

THRESHOLDS_MAX: Final = 10
"""Of each kind: every change of the balance is compared with all of them."""


class Alerts:
    """setAlerts. Raises `LedgerUnavailable` when nobody could judge."""

    def __init__(self, writer: Writer, accounts: Accounts, price_books: PriceBooks) -> None:
        self._writer = writer
        self._accounts = accounts
        self._price_books = price_books

    async def set_alerts(
        self,
        tenant_id: UUID,
        account_id: UUID,
        *,
        balance_percents: Sequence[int] | None = None,
        balance_tokens: Sequence[int] | None = None,
        day_limit_percents: Sequence[int] | None = None,
        by: Principal = OPERATOR,
    ) -> AccountRecord | NotFound | InvalidInput:
        """Changes what is given, in any order; None leaves a list as it is. `balance_tokens` in micro-tokens."""
        record = await self._accounts.get(tenant_id, account_id)
        if record is None:
            return NotFound("account")
        fault = first_fault(
            _fault_of("lowBalancePercents", balance_percents, 0, 100, "percentages from 0 to 100"),
            _fault_of("lowBalanceTokens", balance_tokens, 1, MAX_MICROS, "amounts of more than 0 tokens"),
            _fault_of("dailyLimitPercents", day_limit_percents, 1, 100, "percentages from 1 to 100"),
        )
        if fault is not None:
            return fault
        detail = {
            "lowBalancePercents": _text_of(balance_percents),
            "lowBalanceTokens": None if balance_tokens is None else ", ".join(map(format_tokens, balance_tokens)),
            "dailyLimitPercents": _text_of(day_limit_percents),
        }
        daily = await self._price_books.daily_limit(tenant_id)
        outcome = await self._writer.submit(
            SetAlerts(
                tenant_id,
                account_id,
                _listed(balance_percents),
                _listed(balance_tokens),
                _listed(day_limit_percents),
                daily_limit=daily.limit,
                daily_limit_since=daily.since,
            ),
            Riders(change=change_of(by, "setAlerts", public_id(IdKind.ACCOUNT, account_id), detail), itself=unkeyed()),
        )
        match outcome:
            case NotFound() | InvalidInput():
                return outcome
            case AccountEffect():
                return record
            case _:
                raise AssertionError(f"a change of alerts came to {type(outcome).__name__}")


def _fault_of(field: str, values: Sequence[int] | None, least: int, greatest: int, what: str) -> InvalidInput | None:
    if values is None:
        return None
    is_sound = len(set(values)) == len(values) <= THRESHOLDS_MAX
    if is_sound and all(least <= value <= greatest for value in values):
        return None
    return InvalidInput(field, f"must be at most {THRESHOLDS_MAX} different {what}")


def _text_of(values: Sequence[int] | None) -> str | None:
    return None if values is None else ", ".join(map(str, values))


def _listed(values: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if values is None else tuple(values)
