"""The ledger's vocabulary: closed lists of words, the same on the wire, in the database and in the code."""

from __future__ import annotations

from enum import StrEnum


class HoldState(StrEnum):
    """Where a hold is in its life; it leaves OPEN exactly once."""

    OPEN = "OPEN"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


class WorkOutcome(StrEnum):
    """Why nothing (more) was charged for a released hold."""

    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    FILTERED = "FILTERED"
    TIMED_OUT = "TIMED_OUT"


class OverrunPolicy(StrEnum):
    """What a commit does when the work cost more than its hold."""

    REFUSE = "REFUSE"
    CAP = "CAP"
    CHARGE_AVAILABLE = "CHARGE_AVAILABLE"


class GrantSource(StrEnum):
    """Where a lot of tokens came from."""

    PURCHASE = "PURCHASE"
    PLAN = "PLAN"
    TRIAL = "TRIAL"
    BONUS = "BONUS"
    REFERRAL = "REFERRAL"
    PROMO = "PROMO"
    LOYALTY = "LOYALTY"
    AUTO_TOP_UP = "AUTO_TOP_UP"
    ADJUSTMENT = "ADJUSTMENT"
    ASSIGNMENT = "ASSIGNMENT"
    TRANSFER = "TRANSFER"


GIFTS = frozenset(
    {
        GrantSource.BONUS,
        GrantSource.REFERRAL,
        GrantSource.PROMO,
        GrantSource.LOYALTY,
        GrantSource.TRIAL,
        GrantSource.ADJUSTMENT,
    }
)
"""Sources nobody paid for: small ones do not move the mark that low balance is measured from."""


class GrantEnd(StrEnum):
    """How a grant was taken back before its tokens were used up or expired."""

    REVOKED = "REVOKED"
    CLAWED_BACK = "CLAWED_BACK"


class EntryKind(StrEnum):
    """What one line of the journal records; the signs of each kind's changes are tested in its own table."""

    GRANT = "GRANT"
    HOLD = "HOLD"
    CAPTURE = "CAPTURE"
    ROUNDING = "ROUNDING"
    RELEASE = "RELEASE"
    REFUND = "REFUND"
    EXPIRY = "EXPIRY"
    REVOCATION = "REVOCATION"
    CLAWBACK = "CLAWBACK"
    SETTLEMENT = "SETTLEMENT"
    TRANSFER = "TRANSFER"
    ASSIGNMENT = "ASSIGNMENT"
    ADJUSTMENT = "ADJUSTMENT"


class BalanceLevel(StrEnum):
    """GREEN: enough; YELLOW: below the low-balance threshold; RED: none left."""

    GREEN = "GREEN"
    YELLOW = "YELLOW"
    RED = "RED"


class Mutation(StrEnum):
    """The verbs that take an idempotency key; a key is unique per account and verb."""

    RESERVE = "reserve"
    COMMIT = "commit"
    RELEASE = "release"
    EXTEND = "extend"
    CHARGE = "charge"
    REFUND = "refund"
    GRANT_TOKENS = "grantTokens"
    REVOKE_GRANT = "revokeGrant"
    CLAW_BACK = "clawBack"
    ASSIGN_TOKENS = "assignTokens"
    SETTLE_OWED = "settleOwed"
    TRANSFER_TOKENS = "transferTokens"


class LimitScope(StrEnum):
    """Whose spending a limit caps."""

    ACCOUNT = "ACCOUNT"
    MEMBER = "MEMBER"
    PROJECT = "PROJECT"


class LimitPeriod(StrEnum):
    """The stretch of time that a limit caps: windows that follow one another, or everything."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    TOTAL = "TOTAL"


class MemberRole(StrEnum):
    """What a member may do in its account: administer it, spend and see itself, or only look."""

    ADMIN = "ADMIN"
    MEMBER = "MEMBER"
    VIEWER = "VIEWER"


class AlertKind(StrEnum):
    """What an alert tells of."""

    LOW_BALANCE = "LOW_BALANCE"
    DAY_LIMIT = "DAY_LIMIT"
    GRANT_EXPIRING = "GRANT_EXPIRING"


class LimitLevel(StrEnum):
    """How much of a limit is left: enough, little, nothing."""

    OK = "OK"
    NEAR = "NEAR"
    REACHED = "REACHED"
