"""Limits: what an account, its members and its projects may consume, and what they have."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Final
from uuid import UUID, uuid5

import strawberry

from rules.identity import IdKind
from rules.ledger.limit_status import LimitStatus as StatusRecord
from schema.described import output
from schema.nodes import shown_id, shown_member_id
from schema.scalars import Tokens, Version, tokens_or_none
from schema.words import LimitLevel, LimitPeriod, LimitScope

SUBJECTS_REMEMBERED_MAX: Final = 10_000
"""Limits whose ids are remembered: some megabytes. Every balance shows one."""


@output
class LimitStatus:
    """What one scope has consumed in the running window of one period, beside its limit.

    Snapshots of one `id` are ordered by (version, asOf); a later asOf with the same version says only that the window
    was reset, or that another price book came into force, whose limit for the day this one is.
    """

    id: strawberry.ID
    """The same for every snapshot of this scope and period: a client's cache keeps one each, and drops older ones."""
    account_id: strawberry.ID
    """The account."""
    version: Version
    """The number of the latest journal entry that it shows."""
    as_of: datetime
    """The later of this version's instant and the window's beginning; where the limit is the price book's, not before
    that came into force. Unchanged reads repeat it."""
    scope: LimitScope
    """Whose consumption it is."""
    period: LimitPeriod
    """Over which time."""
    member_id: strawberry.ID | None
    """The member, where the scope is MEMBER; null there for the default for members."""
    project: str | None
    """The project, where the scope is PROJECT."""
    limit: Tokens | None
    """Tokens that may be consumed; null: no limit. A member without one of its own shows the default for members, an
    account without one for the day that of the price book."""
    consumed: Tokens
    """Tokens spent, net of refunds, and on hold, by work that began in the window."""
    remaining: Tokens | None
    """Tokens that may still be consumed before it resets; null: no limit."""
    level: LimitLevel
    """OK; NEAR from 80 % on, or the lowest percentage that the account is warned at; REACHED when nothing is left."""
    resets_at: datetime | None
    """Midnight in the account's time zone that ends the window; null for TOTAL."""


def shown_limit(status: StatusRecord) -> LimitStatus:
    """A limit as it is shown."""
    account_id = status.account_id
    return LimitStatus(
        id=_id_of(account_id, status.scope, status.period, status.member_id, status.project),
        account_id=shown_id(IdKind.ACCOUNT, account_id),
        version=Version(status.version),
        as_of=status.as_of,
        scope=status.scope,
        period=status.period,
        member_id=shown_member_id(account_id, status.member_id),
        project=status.project,
        limit=tokens_or_none(status.limit),
        consumed=Tokens(status.consumed),
        remaining=tokens_or_none(status.remaining),
        level=status.level,
        resets_at=status.resets_at,
    )


@lru_cache(SUBJECTS_REMEMBERED_MAX)
def _id_of(
    account_id: UUID, scope: LimitScope, period: LimitPeriod, member_id: UUID | None, project: str | None
) -> strawberry.ID:
    return shown_id(IdKind.LIMIT, account_id, part=uuid5(account_id, f"{scope} {period} {member_id} {project}"))
