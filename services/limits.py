"""Limits: setting one or many at once. What is consumed against them is the ledger's to count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from rules.ledger.commands import LimitSetting, SetLimits
from rules.ledger.outcomes import LimitsEffect, LimitsOutcome
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from services.ledger.writer import Writer
from services.price_books import PriceBooks
from services.texts import fault_of_label, new_salt

LIMITS_MAX: Final = 1_000
"""Limits set at once: they are one transaction, and others wait for it."""


class Limits:
    """setLimit and setLimits. Raises `LedgerUnavailable` when nobody could judge."""

    def __init__(self, writer: Writer, price_books: PriceBooks) -> None:
        self._writer = writer
        self._price_books = price_books

    async def set(self, tenant_id: UUID, account_id: UUID, setting: LimitSetting) -> LimitsOutcome:
        """Sets one limit."""
        outcome = await self.set_all(tenant_id, account_id, (setting,))
        if isinstance(outcome, InvalidInput):
            return InvalidInput(outcome.field.removeprefix("limits[0]."), outcome.message)
        return outcome

    async def set_all(self, tenant_id: UUID, account_id: UUID, settings: Sequence[LimitSetting]) -> LimitsOutcome:
        """Sets every limit or none. What is wrong is named by its place, such as "limits[3].project"."""
        fault = _fault(settings)
        if fault is not None:
            # Texts that cannot be written must not travel; whose limits they are is looked up all the same.
            settings = [replace(setting, project=None) for setting in settings[:LIMITS_MAX]]
        outcome = await self._writer.submit(
            SetLimits(
                tenant_id,
                account_id,
                tuple(settings),
                text_salt=new_salt(),
                refusal=fault,
                daily_limit=await self._price_books.daily_limit(tenant_id),
            )
        )
        match outcome:
            case LimitsEffect() | NotFound() | InvalidInput():
                return outcome
            case _:
                raise AssertionError(f"setting limits came to {type(outcome).__name__}")


def _fault(settings: Sequence[LimitSetting]) -> InvalidInput | None:
    if not 1 <= len(settings) <= LIMITS_MAX:
        return InvalidInput("limits", f"give 1 to {LIMITS_MAX}, not {len(settings)}")
    for index, setting in enumerate(settings):
        fault = fault_of_label(f"limits[{index}].project", setting.project)
        if fault is not None:
            return fault
    return None
