"""What an account has, as it is shown: one snapshot per version."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from rules.ledger.alerting import LOW_BALANCE_PERCENTS
from rules.ledger.burn_down import Spender
from rules.ledger.kinds import BalanceLevel
from rules.ledger.limit_status import LimitStatus
from rules.ledger.limits import today_of
from rules.ledger.state import Account, AccountState

POOL = Spender()
"""For whom a balance is shown that is nobody's in particular: what everyone may spend."""


class BalanceSnapshot(NamedTuple):
    """A balance at one version: of the pool, or of what a member or project may spend.

    Amounts in micro-tokens; `total` and `held` are of the grants that this spender may use, `held` with all that is
    held on the credit line. Snapshots of one account and spender are ordered by (version, as_of).
    """

    account_id: UUID
    version: int
    total: int
    held: int
    available: int
    owed: int
    unlimited: bool
    mark: int
    today: LimitStatus
    """The running day of the member that it is seen for, else of the account."""
    as_of: datetime
    expiring_amount: int = 0
    expiring_at: datetime | None = None
    low_percent: int = LOW_BALANCE_PERCENTS[0]
    """Below this share of the mark the account is low on tokens; 0 where no percentage is set."""
    low_tokens: int = 0
    """Below this amount it is low as well; 0 where none is set."""
    spender: Spender = POOL
    assigned: int = 0
    """Of the total, what is assigned to the spender."""

    @property
    def level(self) -> BalanceLevel:
        """GREEN, YELLOW or RED; unlimited accounts are GREEN."""
        if self.unlimited:
            return BalanceLevel.GREEN
        if self.available <= 0:
            return BalanceLevel.RED
        return BalanceLevel.YELLOW if self.would_be_low(self.available) else BalanceLevel.GREEN

    def would_be_low(self, available: int) -> bool:
        """Whether so much available would be below the highest low-balance threshold."""
        if self.unlimited:
            return False
        return available * 100 < self.mark * self.low_percent or available < self.low_tokens

    @property
    def remaining_percent(self) -> int | None:
        """`available` as a whole percentage of the mark, 0 to 100; None when unlimited or without a mark."""
        if self.unlimited or self.mark <= 0:
            return None
        return min(100, self.available * 100 // self.mark)


class Parts(NamedTuple):
    """How what is assigned concerns a spender: what is left and held on the grants of others, and left on its own."""

    others_left: int = 0
    others_held: int = 0
    own_left: int = 0


NOTHING_ASSIGNED = Parts()


def balance_of(
    state: AccountState,
    now: datetime,
    daily_limit: int | None = None,
    spender: Spender = POOL,
    *,
    since: datetime | None = None,
) -> BalanceSnapshot:
    """The balance as the state's latest entry left it, with the day of `now`. Whatever is due was settled before.

    `daily_limit` is the price book's, as in `Command`, in force `since` then where that is to tell in the balance's
    order; the day is the member's where the spender is one.

    What is on hold does not expire, so that whatever is shown to expire next writes an entry at that very instant.
    """
    account = state.account
    expiring_amount, expiring_at = 0, None
    others_left = others_held = own_left = 0
    for grant in state.grants.values():
        if grant.is_assigned:
            if not spender.owns(grant):
                others_left += grant.remaining
                others_held += grant.held
                continue
            own_left += grant.remaining
        expires_at = grant.expires_at
        if expires_at is None or expires_at <= account.last_at or grant.ended or grant.unheld <= 0:
            continue
        if expiring_at is None or expires_at < expiring_at:
            expiring_amount, expiring_at = grant.unheld, expires_at
        elif expires_at == expiring_at:
            expiring_amount += grant.unheld
    parts = Parts(others_left, others_held, own_left)
    today = today_of(state, spender.member_id, now, daily_limit, since)
    return snapshot_of(account, expiring_amount, expiring_at, today, spender, parts)


def snapshot_of(
    account: Account,
    expiring_amount: int,
    expiring_at: datetime | None,
    today: LimitStatus,
    spender: Spender = POOL,
    parts: Parts = NOTHING_ASSIGNED,
) -> BalanceSnapshot:
    """The balance that an account's row shows; what expires next is the unheld part of the grants that do.

    Its `as_of` is the day's: the latest of the version's instant, the beginning of the day that it shows and, where the
    day's limit is the price book's, the instant at which that came into force.
    """
    alerting = account.alerting
    total, held, owed = account.total - parts.others_left, account.held - parts.others_held, account.owed
    # In the order of the fields: names would cost as much as the rest, and this is made for every answer.
    return BalanceSnapshot(
        account.account_id,
        account.version,
        total,
        held,
        max(0, total - held - owed + max(0, account.credit_limit)),
        owed,
        account.unlimited,
        account.mark,
        today,
        today.as_of,
        expiring_amount,
        expiring_at,
        alerting.low_percent if alerting is not None else LOW_BALANCE_PERCENTS[0],
        alerting.low_tokens if alerting is not None else 0,
        spender,
        parts.own_left,
    )
