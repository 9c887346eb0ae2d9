"""The closed lists of words that the API speaks: the core's own enums, published with every member described.

Types take them from here, so that none is published before it is described.
"""

from __future__ import annotations

from enum import StrEnum

from models.account import AccountKind
from models.api_key import ApiKeyKind
from models.tenant import TenantMode
from rules.credentials import CredentialKind
from rules.ledger.charges import ChargeBasis
from rules.ledger.kinds import (
    AlertKind,
    BalanceLevel,
    EntryKind,
    GrantSource,
    HoldState,
    LimitLevel,
    LimitPeriod,
    LimitScope,
    MemberRole,
    OverrunPolicy,
    WorkOutcome,
)
from rules.ledger.records import EntryOrder, EstimateWarning
from rules.ledger.usage_reports import UsageGroup
from rules.pricing.dimensions import DimensionType
from rules.pricing.formulas import PricingType
from rules.pricing.offers import PlanInterval
from rules.promotions.promo_codes import PromoAudience
from schema.described import word

__all__ = [
    "AccountKind",
    "AlertKind",
    "ApiKeyKind",
    "BalanceLevel",
    "ChargeBasis",
    "CredentialKind",
    "DimensionType",
    "EntryKind",
    "EntryOrder",
    "EstimateWarning",
    "GrantSource",
    "HoldState",
    "LimitLevel",
    "LimitPeriod",
    "LimitScope",
    "MemberRole",
    "OverrunPolicy",
    "PlanInterval",
    "PricingType",
    "ProblemCode",
    "PromoAudience",
    "TenantMode",
    "UsageGroup",
    "WorkOutcome",
]


class ProblemCode(StrEnum):
    """Why a request was refused, for programs; `message` says it to people."""

    INSUFFICIENT_TOKENS = "INSUFFICIENT_TOKENS"
    LIMIT_REACHED = "LIMIT_REACHED"
    RATE_LIMITED = "RATE_LIMITED"
    ACCOUNT_FROZEN = "ACCOUNT_FROZEN"
    TIER_REQUIRED = "TIER_REQUIRED"
    PROMO_NOT_ACTIVE = "PROMO_NOT_ACTIVE"
    UNKNOWN_MODEL = "UNKNOWN_MODEL"
    INVALID_PARAMS = "INVALID_PARAMS"
    QUOTE_EXPIRED = "QUOTE_EXPIRED"
    HOLD_EXPIRED = "HOLD_EXPIRED"
    HOLD_NOT_OPEN = "HOLD_NOT_OPEN"
    HOLD_EXCEEDED = "HOLD_EXCEEDED"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    NOT_FOUND = "NOT_FOUND"
    INVALID_INPUT = "INVALID_INPUT"
    NOT_REFUNDABLE = "NOT_REFUNDABLE"
    INVALID_PRICE_BOOK = "INVALID_PRICE_BOOK"


word(
    ProblemCode,
    {
        ProblemCode.INSUFFICIENT_TOKENS: "More tokens are required than are available.",
        ProblemCode.LIMIT_REACHED: "More tokens are required than a limit leaves.",
        ProblemCode.ACCOUNT_FROZEN: "The account takes no new work.",
        ProblemCode.TIER_REQUIRED: "The model needs a plan of a higher tier.",
        ProblemCode.RATE_LIMITED: "Too many in too short a time.",
        ProblemCode.PROMO_NOT_ACTIVE: "The promo code gives nothing to this account now.",
        ProblemCode.UNKNOWN_MODEL: "No price of the price book has this model.",
        ProblemCode.INVALID_PARAMS: "A param is unknown, missing or out of bounds.",
        ProblemCode.QUOTE_EXPIRED: "The quote's price is no longer promised.",
        ProblemCode.HOLD_EXPIRED: "The hold outlived its time and gave its tokens back.",
        ProblemCode.HOLD_NOT_OPEN: "The hold has ended already.",
        ProblemCode.HOLD_EXCEEDED: "The work cost more than the hold still has.",
        ProblemCode.IDEMPOTENCY_CONFLICT: "The idempotency key is known, with another input.",
        ProblemCode.NOT_FOUND: "There is no such thing in the credential's scope.",
        ProblemCode.INVALID_INPUT: "A field of the input is out of form or bounds.",
        ProblemCode.NOT_REFUNDABLE: "Less was captured than is asked back.",
        ProblemCode.INVALID_PRICE_BOOK: "The text is no sound price book.",
    },
)
word(
    EntryOrder,
    {
        EntryOrder.NEWEST_FIRST: "From the latest version down: to look back.",
        EntryOrder.OLDEST_FIRST: "From the lowest version up: to catch up, page by page, while others write.",
    },
)
word(
    PricingType,
    {
        PricingType.FLAT: "Every use costs the same.",
        PricingType.MATRIX: "A table over choices.",
        PricingType.FORMULA: "A base with surcharges, rates and multipliers.",
        PricingType.METERED: "Units of one dimension, at one rate or by tiers.",
        PricingType.COMPOSITE: "Units of several dimensions, each with a rate of its own.",
    },
)
word(
    PlanInterval,
    {
        PlanInterval.MONTH: "A calendar month, paid each.",
        PlanInterval.YEAR: "A year, paid each.",
        PlanInterval.ONE_TIME: "Once for each account, ever.",
    },
)
word(
    DimensionType,
    {
        DimensionType.INTEGER: "A whole number.",
        DimensionType.NUMBER: "A number, with a fraction or without.",
        DimensionType.CHOICE: "One of the dimension's values.",
        DimensionType.BOOLEAN: "true or false.",
    },
)
word(
    MemberRole,
    {
        MemberRole.ADMIN: "Administers the account: members, limits, assigned tokens, purchases.",
        MemberRole.MEMBER: "Spends, and sees the pool and itself.",
        MemberRole.VIEWER: "Only looks.",
    },
)
word(
    AccountKind,
    {AccountKind.PERSONAL: "One person's pool of tokens.", AccountKind.TEAM: "A pool that a team shares."},
)
word(
    HoldState,
    {
        HoldState.OPEN: "Tokens are set aside; work may be captured.",
        HoldState.COMMITTED: "The final capture was made; the rest went back.",
        HoldState.RELEASED: "Everything that was not captured was given back on request.",
        HoldState.EXPIRED: "It outlived its time; everything that was not captured went back by itself.",
    },
)
word(
    WorkOutcome,
    {
        WorkOutcome.CANCELLED: "The work was called off.",
        WorkOutcome.FAILED: "The work failed.",
        WorkOutcome.FILTERED: "A content filter withheld the result.",
        WorkOutcome.TIMED_OUT: "The work took too long.",
    },
)
word(
    LimitScope,
    {
        LimitScope.ACCOUNT: "Everything that the account consumes.",
        LimitScope.MEMBER: "What one member consumes, of whatever tokens.",
        LimitScope.PROJECT: "What work for one project consumes.",
    },
)
word(
    LimitPeriod,
    {
        LimitPeriod.DAY: "A day in the account's time zone.",
        LimitPeriod.WEEK: "A week there, from Monday on.",
        LimitPeriod.MONTH: "A calendar month there.",
        LimitPeriod.TOTAL: "All of time; it never resets.",
    },
)
word(
    LimitLevel,
    {
        LimitLevel.OK: "Enough is left, or there is no limit.",
        LimitLevel.NEAR: "Most of it is consumed.",
        LimitLevel.REACHED: "Nothing is left.",
    },
)
word(
    OverrunPolicy,
    {
        OverrunPolicy.REFUSE: "Refuse with HoldExceeded; nothing is captured.",
        OverrunPolicy.CAP: "Charge what is held and no more.",
        OverrunPolicy.CHARGE_AVAILABLE: "Charge what is held and beyond it what balance and limits still allow.",
    },
)
word(
    GrantSource,
    {
        GrantSource.PURCHASE: "Bought as a package.",
        GrantSource.PLAN: "Came with a plan: once, or with each of its periods.",
        GrantSource.TRIAL: "Given once to a new account.",
        GrantSource.BONUS: "A gift.",
        GrantSource.REFERRAL: "Earned by referring somebody.",
        GrantSource.PROMO: "Redeemed with a promo code.",
        GrantSource.LOYALTY: "Earned by spending.",
        GrantSource.AUTO_TOP_UP: "Bought by an automatic top-up.",
        GrantSource.ADJUSTMENT: "Came back to a grant that had ended meanwhile, or corrects a mistake.",
        GrantSource.ASSIGNMENT: "Split off another grant for a member or project.",
        GrantSource.TRANSFER: "Came from another account of the tenant.",
    },
)
word(
    EntryKind,
    {
        EntryKind.GRANT: "Tokens came in: total rises.",
        EntryKind.HOLD: "Tokens were set aside: held rises.",
        EntryKind.CAPTURE: "One line was charged: total and held fall by what it took.",
        EntryKind.ROUNDING: "What rounding at the end of a hold added to its captures.",
        EntryKind.RELEASE: "What was set aside went back: held falls.",
        EntryKind.REFUND: "Captured tokens went back where they came from.",
        EntryKind.EXPIRY: "The unheld part of a grant ended: total falls.",
        EntryKind.REVOCATION: "The unheld part of a grant was taken back: total falls.",
        EntryKind.CLAWBACK: "A grant was taken back whole: what was spent or sent of it is owed.",
        EntryKind.SETTLEMENT: "What was owed was paid: owed falls.",
        EntryKind.TRANSFER: "Tokens went to, or came from, another account of the tenant.",
        EntryKind.ASSIGNMENT: "Tokens moved between the pool and a member or project; no amount changes.",
        EntryKind.ADJUSTMENT: "A setting was changed, named in `note`; no amount changes.",
    },
    text="What one entry of the journal records.",
)
word(
    BalanceLevel,
    {
        BalanceLevel.GREEN: "Enough, or unlimited.",
        BalanceLevel.YELLOW: "Below the low-balance threshold.",
        BalanceLevel.RED: "None left.",
    },
)
word(
    ChargeBasis,
    {
        ChargeBasis.PRICE: "Its price, at its params and count.",
        ChargeBasis.SET_ASIDE: "The upper bound that was set aside for it: a commit took all that remained.",
        ChargeBasis.AMOUNT: "An amount that the caller named.",
        ChargeBasis.ROUNDING: "The rounding at the end of the hold, over its metered lines together.",
    },
)
word(
    AlertKind,
    {
        AlertKind.LOW_BALANCE: "What is available fell below a threshold, or nothing is left.",
        AlertKind.DAY_LIMIT: "A day's consumption reached a percentage of its limit; anew where the limit changes.",
        AlertKind.GRANT_EXPIRING: "Tokens are about to expire.",
    },
)
word(
    UsageGroup,
    {
        UsageGroup.DAY: "By local day; at most 366 days.",
        UsageGroup.WEEK: "By week, named by its Monday.",
        UsageGroup.MONTH: "By month, named by its first day.",
        UsageGroup.MODEL: "By model; null for plain amounts, and for rounding at the end of holds.",
        UsageGroup.CATEGORY: "By category of the models.",
        UsageGroup.MEMBER: "By member; null for work of nobody in particular.",
        UsageGroup.PROJECT: "By project; null for work without one.",
        UsageGroup.REF: "By the lines' own names, such as workflow nodes; at most 31 days.",
    },
    text="What a usage report is grouped by. DAY, WEEK and MONTH exclude one another.",
)
word(
    EstimateWarning,
    {
        EstimateWarning.LOW_BALANCE: "The work would leave the account low on tokens.",
        EstimateWarning.NEAR_DAILY_LIMIT: "The work would bring the day's consumption near a limit of the account, the "
        "member or the project, or up to it.",
    },
)
word(
    CredentialKind,
    {
        CredentialKind.ROOT: "The operator's key: makes tenants and their keys, and nothing else.",
        CredentialKind.SECRET: "A tenant's key: everything within the tenant.",
        CredentialKind.PARTNER: "A key that reads prices, balances and usage of the tenant, or of one account.",
        CredentialKind.CLIENT: "A short-lived token for one account, made with a secret key.",
    },
)
word(
    ApiKeyKind,
    {
        ApiKeyKind.SECRET: "Everything within the tenant; for the tenant's backend alone.",
        ApiKeyKind.PARTNER: "Reads prices, balances and usage of the tenant, or of one account; changes nothing.",
    },
    text="What a key may do.",
)
word(
    MemberRole,
    {
        MemberRole.ADMIN: "Administers the account, and sees all of its members.",
        MemberRole.MEMBER: "Sees the account's pool and itself.",
        MemberRole.VIEWER: "Only looks: at the account's pool and itself.",
    },
    text="What somebody may do in an account.",
)
word(
    TenantMode,
    {
        TenantMode.LIVE: "Takes real money; its clock is the real one.",
        TenantMode.TEST: "For trying out: its clock can be moved forward.",
    },
)
word(
    PromoAudience,
    {
        PromoAudience.EVERYONE: "Every account of the tenant.",
        PromoAudience.NEW_ACCOUNTS: "Accounts that never had a purchase.",
        PromoAudience.ACCOUNTS: "The accounts that the code names.",
    },
    text="Whom a promo code is for.",
)
