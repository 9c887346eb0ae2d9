"""What an account has, as it is shown: one snapshot per version."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from rules.ledger.burn_down import Spender
from rules.ledger.kinds import BalanceLevel
from rules.ledger.limit_status import LimitStatus
from rules.ledger.limits import today_of
from rules.ledger.state import Account, AccountState

LOW_BALANCE_PERCENT = 20
"""Below this share of the mark an account is low on tokens, unless it is set otherwise."""


POOL = Spender()
"""For whom a balance is shown that is nobody's in particular: what everyone may spend."""


class BalanceSnapshot(NamedTuple):
    """An account's balance at one version. Amounts in micro-tokens; snapshots are ordered by (version, as_of)."""

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

    @property
    def level(self) -> BalanceLevel:
        """GREEN, YELLOW or RED; unlimited accounts are GREEN."""
        if self.unlimited:
            return BalanceLevel.GREEN
        if self.available <= 0:
            return BalanceLevel.RED
        return BalanceLevel.YELLOW if self.would_be_low(self.available) else BalanceLevel.GREEN

    def would_be_low(self, available: int) -> bool:
        """Whether so much available would be below the low-balance threshold."""
        return not self.unlimited and available * 100 < self.mark * LOW_BALANCE_PERCENT

    @property
    def remaining_percent(self) -> int | None:
        """`available` as a whole percentage of the mark, 0 to 100; None when unlimited or without a mark."""
        if self.unlimited or self.mark <= 0:
            return None
        return min(100, self.available * 100 // self.mark)


def balance_of(
    state: AccountState, now: datetime, daily_limit: int | None = None, member_id: UUID | None = None
) -> BalanceSnapshot:
    """The balance as the state's latest entry left it, with the day of `now`. Whatever is due was settled before.

    `daily_limit` is the price book's, as in `Command`; `member_id` that of the member whose day is shown.

    What is on hold does not expire, so that whatever is shown to expire next writes an entry at that very instant.
    """
    account = state.account
    expiring_amount, expiring_at = 0, None
    for grant in state.grants.values():
        expires_at = grant.expires_at
        if expires_at is None or expires_at <= account.last_at or grant.ended or grant.unheld <= 0:
            continue
        if expiring_at is None or expires_at < expiring_at:
            expiring_amount, expiring_at = grant.unheld, expires_at
        elif expires_at == expiring_at:
            expiring_amount += grant.unheld
    return snapshot_of(account, expiring_amount, expiring_at, today_of(state, member_id, now, daily_limit))


def snapshot_of(
    account: Account, expiring_amount: int, expiring_at: datetime | None, today: LimitStatus
) -> BalanceSnapshot:
    """The balance that an account's row shows; what expires next is the unheld part of the grants that do.

    Its `as_of` is the later of the version's instant and the beginning of the day that it shows.
    """
    return BalanceSnapshot(
        account_id=account.account_id,
        version=account.version,
        total=account.total,
        held=account.held,
        available=account.available,
        owed=account.owed,
        unlimited=account.unlimited,
        mark=account.mark,
        today=today,
        as_of=today.as_of,
        expiring_amount=expiring_amount,
        expiring_at=expiring_at,
    )
