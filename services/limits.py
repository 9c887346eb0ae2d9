"""Limits: setting one or many at once. What is consumed against them is the ledger's to count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from rules.changes import Change
from rules.ledger.commands import LimitSetting, SetLimits
from rules.ledger.outcomes import LimitsEffect, LimitsOutcome
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import format_tokens
from services.change_log import Detail, change_of
from services.ledger.submission import Riders, unkeyed
from services.ledger.writer import Writer
from services.price_books import PriceBooks
from services.principal import OPERATOR, Principal
from services.texts import fault_of_label, new_salt

LIMITS_MAX: Final = 1_000
"""Limits set at once: they are one transaction, and others wait for it."""


class Limits:
    """setLimit and setLimits. Raises `LedgerUnavailable` when nobody could judge."""

    def __init__(self, writer: Writer, price_books: PriceBooks) -> None:
        self._writer = writer
        self._price_books = price_books

    async def set(
        self, tenant_id: UUID, account_id: UUID, setting: LimitSetting, *, by: Principal = OPERATOR
    ) -> LimitsOutcome:
        """Sets one limit."""
        detail: Detail = {
            "scope": setting.scope.value,
            "period": setting.period.value,
            "member": None if setting.member_id is None else str(setting.member_id),
            "project": setting.project,
            "limit": _shown(setting.limit),
        }
        outcome = await self._set(
            tenant_id, account_id, (setting,), change_of(by, "setLimit", None, detail), listed=False
        )
        if isinstance(outcome, InvalidInput):
            return InvalidInput(outcome.field.removeprefix("limits[0]."), outcome.message)
        return outcome

    async def set_all(
        self, tenant_id: UUID, account_id: UUID, settings: Sequence[LimitSetting], *, by: Principal = OPERATOR
    ) -> LimitsOutcome:
        """Sets every limit or none. Everything that is wrong is named by its place, such as "limits[3].project".

        So is every member who is not there.
        """
        detail: Detail = {"limits": len(settings)}
        return await self._set(tenant_id, account_id, settings, change_of(by, "setLimits", None, detail), listed=True)

    async def _set(
        self, tenant_id: UUID, account_id: UUID, settings: Sequence[LimitSetting], change: Change, *, listed: bool
    ) -> LimitsOutcome:
        fault = None
        if not 1 <= len(settings) <= LIMITS_MAX:
            fault = InvalidInput("limits", f"give 1 to {LIMITS_MAX}, not {len(settings)}")
            settings = settings[:1]
        faults = _faults(settings)
        # Texts that cannot be written must not travel; whose limits they are is looked up all the same.
        settings = [replace(setting, project=None) if n in faults else setting for n, setting in enumerate(settings)]
        daily = await self._price_books.daily_limit(tenant_id)
        outcome = await self._writer.submit(
            SetLimits(
                tenant_id,
                account_id,
                tuple(settings),
                text_salt=new_salt(),
                refusal=fault,
                listed=listed,
                faults=faults,
                daily_limit=daily.limit,
                daily_limit_since=daily.since,
            ),
            Riders(change=change, itself=unkeyed()),
        )
        match outcome:
            case LimitsEffect() | NotFound() | InvalidInput():
                return outcome
            case _:
                raise AssertionError(f"setting limits came to {type(outcome).__name__}")


def _shown(limit: int | None) -> str:
    if limit is None:
        return "removed"
    # What is no amount is refused, and refusals are not logged.
    return "none" if limit < 0 else format_tokens(limit)


def _faults(settings: Sequence[LimitSetting]) -> dict[int, InvalidInput]:
    """Of each place whose text cannot be a project's label."""
    labels = ((n, fault_of_label(f"limits[{n}].project", setting.project)) for n, setting in enumerate(settings))
    return {n: fault for n, fault in labels if fault is not None}
