"""Results: for every verb what it did, or the one problem that kept it from doing anything."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from schema.accounts import Account
from schema.balances import Balance, Grant
from schema.described import output
from schema.holds import Hold
from schema.limits import LimitStatus
from schema.margin import Margin
from schema.members import Member
from schema.prices import Affordable, Estimate, PriceBook, Quote
from schema.problems import (
    AccountFrozen,
    HoldExceeded,
    HoldExpired,
    HoldNotOpen,
    IdempotencyConflict,
    InsufficientTokens,
    InvalidInput,
    InvalidParams,
    InvalidPriceBook,
    LimitReached,
    NotFound,
    NotRefundable,
    Problem,
    PromoNotActive,
    QuoteExpired,
    RateLimited,
    TierRequired,
    UnknownModel,
)
from schema.projects import Project
from schema.promotions import PromoCode
from schema.publishing import PriceBookChange, PriceChange
from schema.scalars import Tokens
from schema.workflows import Workflow


@output
class EstimateSuccess:
    """The work has a price."""

    estimate: Estimate
    """What it would cost."""
    quote: Quote | None
    """The price, locked; only from the mutation."""


@output
class ReserveSuccess:
    """Tokens are set aside."""

    hold: Hold
    """The hold as it stands now."""
    balance: Balance
    """What the hold's member or project has now, else the account."""
    replayed: bool
    """Whether an earlier request with the same key did it."""


@output
class CommitSuccess:
    """Tokens were captured, or given back."""

    hold: Hold
    """The hold as it stands now."""
    balance: Balance
    """What the hold's member or project has now, else the account."""
    amount: Tokens
    """Tokens that this call captured, rounding included; of a refund what it gave back."""
    uncovered: Tokens
    """Tokens that the work cost and nobody was charged for."""
    replayed: bool
    """Whether an earlier request with the same key did it."""


@output
class ReleaseSuccess:
    """What was not captured went back."""

    hold: Hold
    """The hold as it stands now."""
    balance: Balance
    """What the hold's member or project has now, else the account."""
    replayed: bool
    """Whether an earlier request with the same key did it."""


@output
class GrantSuccess:
    """Tokens came in, were taken back, or were assigned."""

    grant: Grant
    """The grant as it stands now."""
    balance: Balance
    """What the account has now; after `assignTokens` what the member or project has."""
    replayed: bool
    """Whether an earlier request with the same key did it."""


@output
class WorkflowSuccess:
    """The workflow was saved, found as it was, or archived."""

    workflow: Workflow
    """Its newest version."""


@output
class ProjectSuccess:
    """The project was made or changed."""

    project: Project
    """As it stands now."""


@output
class GiftFailure:
    """An account that did not get its tokens; the others did."""

    index: int
    """Its place among the accounts of this call, from 0."""
    problem: Problem | None
    """Why; null: the ledger did not answer in time. The same call again finishes what can be finished."""


@output
class GrantTokensToManySuccess:
    """Tokens came in, but for the failures."""

    granted: int
    """How many accounts got them by this call."""
    replayed: int
    """How many had got them before, under the same key."""
    failures: list[GiftFailure]
    """Who did not, in the order of the accounts."""
    end_cursor: str | None
    """With `everyone`: the next call's `after`; null: all accounts were served."""


@output
class PromoCodeSuccess:
    """The promo code was made or changed."""

    promo_code: PromoCode
    """As it stands now."""


@output
class AccountSuccess:
    """The account was made, found or changed."""

    account: Account
    """As it stands now."""


@output
class LimitSuccess:
    """The limit is set, or taken away."""

    limit: LimitStatus
    """As it stands now."""


@output
class MemberSuccess:
    """The member was added, found, changed or removed."""

    member: Member
    """As it stands now."""


@output
class SetLimitsSuccess:
    """All limits are set."""

    limits: list[LimitStatus]
    """As they stand now, in the order in which they were given."""


@output
class ManageMembersSuccess:
    """All changes of members were made."""

    members: list[Member]
    """The members as they stand now, in the order of the changes."""


@output
class CreateTenantSuccess:
    """The tenant was made."""

    tenant_id: strawberry.ID
    """Its id."""
    secret_key: str
    """Its first key, shown this once."""


@output
class CreateApiKeySuccess:
    """The key was made."""

    id: strawberry.ID
    """Its id, by which it can be revoked."""
    key: str
    """The key, shown this once."""


@output
class RotateApiKeySuccess:
    """The key has a successor."""

    id: strawberry.ID
    """The new key's id."""
    key: str
    """The new key, shown this once."""
    old_key_ends_at: datetime
    """When the old key ends."""


@output
class CreateClientTokenSuccess:
    """The token was made."""

    token: str
    """The token, shown this once: send it as `Authorization: Bearer <token>`."""
    expires_at: datetime
    """When it ends."""


@output
class RevokeApiKeySuccess:
    """The key has ended, on every process within 5 seconds."""

    id: strawberry.ID
    """Its id."""
    revoked_at: datetime
    """When it was first revoked."""


@output
class AdvanceClockSuccess:
    """The tenant's clock was moved, and everything due on the way has happened."""

    now: datetime
    """What it says now."""


@output
class MarginSuccess:
    """What work brought in and what it cost."""

    margin: Margin
    """The report."""


@output
class PublishPriceBookSuccess:
    """A version was made, or with `dryRun` could be: what it changes of the version that is in force before it."""

    price_book: PriceBook
    """The version; with `dryRun` the one that it would be."""
    effective_at: datetime
    """From when on it is in force."""
    follows: int | None
    """The version in force until then, with which it is compared; null: there is none."""
    added: list[str]
    """Models that the version before did not have."""
    removed: list[str]
    """Models that it had. Holds that were made with one go on with their own version."""
    changed: list[PriceChange]
    """Models that are priced anew."""
    changes: list[PriceBookChange]
    """Every key of the text with another value, added and removed prices left aside; at most 500."""
    change_count: int
    """How many `changes` there are in all."""


EstimateResult: TypeAlias = Annotated[
    EstimateSuccess | UnknownModel | InvalidParams | NotFound | InvalidInput,
    strawberry.union("EstimateResult", description="The estimate, or why there is none."),
]
AffordableResult: TypeAlias = Annotated[
    Affordable | UnknownModel | InvalidParams | NotFound | InvalidInput,
    strawberry.union("AffordableResult", description="The most that is affordable, or why that cannot be told."),
]
ReserveResult: TypeAlias = Annotated[
    ReserveSuccess
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
    | InvalidInput,
    strawberry.union("ReserveResult", description="The hold, or why nothing was set aside."),
]
CommitResult: TypeAlias = Annotated[
    CommitSuccess
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
    | HoldExceeded
    | NotRefundable
    | IdempotencyConflict
    | NotFound
    | InvalidInput,
    strawberry.union("CommitResult", description="What was captured or given back, or why nothing was."),
]
ReleaseResult: TypeAlias = Annotated[
    ReleaseSuccess | HoldExpired | HoldNotOpen | IdempotencyConflict | NotFound | InvalidInput,
    strawberry.union("ReleaseResult", description="The released hold, or why it was not released."),
]
GrantResult: TypeAlias = Annotated[
    GrantSuccess | InsufficientTokens | PromoNotActive | RateLimited | IdempotencyConflict | NotFound | InvalidInput,
    strawberry.union("GrantResult", description="The grant, or why nothing was changed."),
]
WorkflowResult: TypeAlias = Annotated[
    WorkflowSuccess | UnknownModel | InvalidParams | NotFound | InvalidInput,
    strawberry.union("WorkflowResult", description="The workflow, or why it was not saved."),
]
ArchiveWorkflowResult: TypeAlias = Annotated[
    WorkflowSuccess | NotFound | InvalidInput,
    strawberry.union("ArchiveWorkflowResult", description="The archived workflow, or why there is none."),
]
ProjectResult: TypeAlias = Annotated[
    ProjectSuccess | NotFound | InvalidInput,
    strawberry.union("ProjectResult", description="The project, or why nothing was changed."),
]
GrantTokensToManyResult: TypeAlias = Annotated[
    GrantTokensToManySuccess | InvalidInput,
    strawberry.union("GrantTokensToManyResult", description="Who got tokens and who did not, or why nobody did."),
]
PromoCodeResult: TypeAlias = Annotated[
    PromoCodeSuccess | NotFound | InvalidInput,
    strawberry.union("PromoCodeResult", description="The promo code, or why nothing was changed."),
]
AccountResult: TypeAlias = Annotated[
    AccountSuccess | IdempotencyConflict | NotFound | InvalidInput,
    strawberry.union("AccountResult", description="The account, or why nothing was changed."),
]
LimitResult: TypeAlias = Annotated[
    LimitSuccess | NotFound | InvalidInput,
    strawberry.union("LimitResult", description="The limit, or why nothing was changed."),
]
SetLimitsResult: TypeAlias = Annotated[
    SetLimitsSuccess | NotFound | InvalidInput,
    strawberry.union("SetLimitsResult", description="The limits, or why none was changed."),
]
MemberResult: TypeAlias = Annotated[
    MemberSuccess | NotFound | InvalidInput,
    strawberry.union("MemberResult", description="The member, or why nothing was changed."),
]
ManageMembersResult: TypeAlias = Annotated[
    ManageMembersSuccess | NotFound | InvalidInput,
    strawberry.union("ManageMembersResult", description="The members, or why nothing was changed."),
]
CreateTenantResult: TypeAlias = Annotated[
    CreateTenantSuccess | InvalidInput,
    strawberry.union("CreateTenantResult", description="The tenant, or why none was made."),
]
CreateApiKeyResult: TypeAlias = Annotated[
    CreateApiKeySuccess | NotFound | InvalidInput,
    strawberry.union("CreateApiKeyResult", description="The key, or why none was made."),
]
RevokeApiKeyResult: TypeAlias = Annotated[
    RevokeApiKeySuccess | NotFound,
    strawberry.union("RevokeApiKeyResult", description="The key's end, or that there is no such key."),
]
RotateApiKeyResult: TypeAlias = Annotated[
    RotateApiKeySuccess | NotFound | InvalidInput,
    strawberry.union("RotateApiKeyResult", description="The key that follows, or why there is none."),
]
CreateClientTokenResult: TypeAlias = Annotated[
    CreateClientTokenSuccess | NotFound | InvalidInput,
    strawberry.union("CreateClientTokenResult", description="The token, or why none was made."),
]
AdvanceClockResult: TypeAlias = Annotated[
    AdvanceClockSuccess | InvalidInput,
    strawberry.union("AdvanceClockResult", description="The tenant's new time, or why its clock was not moved."),
]
MarginResult: TypeAlias = Annotated[
    MarginSuccess | InvalidInput,
    strawberry.union("MarginResult", description="The margin, or why it is not told."),
]
PublishPriceBookResult: TypeAlias = Annotated[
    PublishPriceBookSuccess | InvalidInput | InvalidPriceBook,
    strawberry.union("PublishPriceBookResult", description="What was published, or why nothing was."),
]
