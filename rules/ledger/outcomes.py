"""What a command came to, when it was not refused. Rows are copies: later commands of a batch do not change them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from rules.ledger.balance import BalanceSnapshot
from rules.ledger.limit_status import LimitStatus
from rules.ledger.refusals import (
    AccountFrozen,
    HoldExceeded,
    HoldExpired,
    HoldNotOpen,
    IdempotencyConflict,
    InsufficientTokens,
    LimitReached,
    NotFound,
    NotRefundable,
    QuoteExpired,
    RateLimited,
    Refusal,
    TierRequired,
)
from rules.ledger.state import Account, Grant, Hold
from rules.ledger.team import Member
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel


class HoldEffect(NamedTuple):
    """A hold as it stands, and what this command captured or gave back of it."""

    hold: Hold
    balance: BalanceSnapshot
    amount: int = 0
    uncovered: int = 0
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class GrantEffect:
    """A grant as it stands."""

    grant: Grant
    balance: BalanceSnapshot
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class AccountEffect:
    """An account's ledger row as it stands."""

    account: Account
    balance: BalanceSnapshot


@dataclass(frozen=True, slots=True)
class LimitsEffect:
    """Limits as they stand after they were set, in the order in which they were asked for."""

    limits: tuple[LimitStatus, ...]
    balance: BalanceSnapshot


@dataclass(frozen=True, slots=True)
class MembersEffect:
    """Members as they stand, in the order in which they were named."""

    members: tuple[Member, ...]
    balance: BalanceSnapshot


@dataclass(frozen=True, slots=True)
class RepriceAt:
    """The hold is bound to this price book version: price the lines at it and try again. Nothing changed."""

    price_book_version: int


Outcome = HoldEffect | GrantEffect | AccountEffect | LimitsEffect | MembersEffect | RepriceAt | Refusal
"""Of any command."""
ReserveOutcome = (
    HoldEffect
    | InsufficientTokens
    | LimitReached
    | RateLimited
    | AccountFrozen
    | TierRequired
    | UnknownModel
    | InvalidParams
    | QuoteExpired
    | HoldExpired
    | HoldNotOpen
    | IdempotencyConflict
    | NotFound
    | InvalidInput
)
"""Of reserve and extend."""
CommitOutcome = ReserveOutcome | HoldExceeded | NotRefundable
"""Of commit, charge and refund."""
ReleaseOutcome = HoldEffect | HoldExpired | HoldNotOpen | IdempotencyConflict | NotFound | InvalidInput
"""Of release."""
GrantOutcome = GrantEffect | InsufficientTokens | IdempotencyConflict | NotFound | InvalidInput
"""Of grantTokens, revokeGrant, assignTokens and transferTokens."""
LimitsOutcome = LimitsEffect | NotFound | InvalidInput
"""Of setLimit and setLimits."""
MembersOutcome = MembersEffect | NotFound | InvalidInput
"""Of whatever changes members."""
