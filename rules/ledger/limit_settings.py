"""Setting limits: all of them or none, each with its entry. What was counted before stays counted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rules.ledger.alerts import judge_day_anew
from rules.ledger.balance import balance_of
from rules.ledger.commands import LimitSetting, SetLimits
from rules.ledger.entries import append
from rules.ledger.kinds import EntryKind, LimitPeriod, LimitScope
from rules.ledger.limit_status import LimitStatus, named
from rules.ledger.limits import status_of
from rules.ledger.outcomes import LimitsEffect
from rules.ledger.refusals import CLOSED, NotFound
from rules.ledger.spending import MEMBER_DEFAULT, NO_LIMIT, Scope, Spending
from rules.ledger.state import AccountState
from rules.pricing.refusals import InvalidInput, invalid_inputs
from rules.pricing.tokens import MAX_MICROS, MAX_TOKENS, format_tokens


def set_limits(state: AccountState, command: SetLimits, now: datetime) -> LimitsEffect | NotFound | InvalidInput:
    """Changes limits; one ADJUSTMENT entry for each that really changes, with the setting in its note.

    Everything that is wrong is told, by its place. Whose day's limit changes is told at once of the percentages that
    are reached thereby.
    """
    settings = command.settings
    strangers = [index for index, setting in enumerate(settings) if not _is_known(state, setting)]
    if strangers and not command.listed:
        return NotFound("member")
    unknown = {index: InvalidInput(f"limits[{index}].memberId", "there is no such member") for index in strangers}
    fault = command.refusal or invalid_inputs({**unknown, **_faults(settings), **command.faults})
    if fault is not None:
        return fault
    if state.account.closed_at is not None:
        return InvalidInput("accountId", CLOSED)
    # From here on it succeeds.
    changed_days: list[Scope] = []
    for setting in settings:
        scope = scope_of(setting)
        limited = _spending(state, scope).window(setting.period)
        if limited.limit == setting.limit:
            continue
        note = f"limit {named(scope)} {setting.period} {_shown(limited.limit)} -> {_shown(setting.limit)}"
        limited.limit = setting.limit
        if setting.period is LimitPeriod.DAY and scope != MEMBER_DEFAULT:
            changed_days.append(scope)
        if scope.kind is not LimitScope.ACCOUNT:
            state.changed_scopes.add(scope)
        append(
            state,
            EntryKind.ADJUSTMENT,
            now,
            member_id=scope.member_id,
            project=scope.project,
            note=note,
            text_salt=command.text_salt,
        )
    for scope in changed_days:
        judge_day_anew(state, scope, command.daily_limit)
    balance = balance_of(state, now, command.daily_limit, since=command.daily_limit_since)
    return LimitsEffect(statuses_of_settings(state, command, now), balance)


def statuses_of_settings(state: AccountState, command: SetLimits, now: datetime) -> tuple[LimitStatus, ...]:
    """The limits that a command names, as they stand, in its order."""
    return tuple(
        status_of(state, scope_of(setting), setting.period, now, command.daily_limit, command.daily_limit_since)
        for setting in command.settings
    )


def scope_of(setting: LimitSetting) -> Scope:
    """Whose limit it is."""
    return Scope(setting.scope, setting.member_id, setting.project)


def _is_known(state: AccountState, setting: LimitSetting) -> bool:
    if setting.scope is not LimitScope.MEMBER or setting.member_id is None:
        return True
    member = state.members.get(setting.member_id)
    return member is not None and member.active


def _faults(settings: Iterable[LimitSetting]) -> dict[int, InvalidInput]:
    """What is wrong with them, by their places."""
    faults: dict[int, InvalidInput] = {}
    seen: set[tuple[object, ...]] = set()
    for index, setting in enumerate(settings):
        field, message = _fault_of(setting) or (None, None)
        if field is None and (scope_of(setting), setting.period) in seen:
            field, message = "period", "this limit is set twice"
        if field is not None:
            faults[index] = InvalidInput(f"limits[{index}].{field}", message or "")
        seen.add((scope_of(setting), setting.period))
    return faults


def _fault_of(setting: LimitSetting) -> tuple[str, str] | None:
    """The field that is wrong, and why."""
    if setting.member_id is not None and setting.scope is not LimitScope.MEMBER:
        return "memberId", f"a limit of scope {setting.scope} has no member"
    if setting.project is not None and setting.scope is not LimitScope.PROJECT:
        return "project", f"a limit of scope {setting.scope} has no project"
    if setting.project is None and setting.scope is LimitScope.PROJECT:
        return "project", "say whose limit it is"
    limit = setting.limit
    if limit is not None and limit != NO_LIMIT and not 0 <= limit <= MAX_MICROS:
        return "limit", f"must be between 0 and {MAX_TOKENS} tokens, or -1 for no limit"
    return None


def _spending(state: AccountState, scope: Scope) -> Spending:
    """The row that keeps a scope's limits, made where there was none."""
    if scope.kind is LimitScope.ACCOUNT:
        if state.account.spending is None:
            state.account.spending = Spending()
        return state.account.spending
    return state.scopes.setdefault(scope, Spending())


def _shown(limit: int | None) -> str:
    if limit is None:
        return "none"
    return "unlimited" if limit == NO_LIMIT else format_tokens(limit)
