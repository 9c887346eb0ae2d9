"""Inputs: what the API's verbs take. Field names and defaults are promises.

Fields without a default are None when absent; a `Maybe` tells absent from null.
"""

from __future__ import annotations

from datetime import date, datetime

import strawberry
from strawberry import Maybe

from rules.credentials import CLIENT_TTL_SECONDS_DEFAULT
from rules.ledger.commands import HOLD_TTL_SECONDS_DEFAULT
from schema.described import exactly_one_of, given
from schema.scalars import Params, TimeZone, Tokens
from schema.words import (
    AccountKind,
    ApiKeyKind,
    GrantSource,
    LimitPeriod,
    LimitScope,
    MemberRole,
    OverrunPolicy,
    TenantMode,
    UsageGroup,
    WorkOutcome,
)

PRIORITY_DEFAULT = 50


@given
class PriceFilter:
    """Which prices are meant; every part given must hold."""

    category: str | None
    """Only this category."""
    provider: str | None
    """Only this provider, whatever its case and punctuation."""
    tier: str | None
    """Only prices that need exactly this plan tier."""
    search: str | None
    """Found in model or name, whatever its case and punctuation. Where nothing has it as a whole, its words are looked
    for one by one in any order; where nothing has them either, typing errors are forgiven: "sable diffusion" finds
    Stable Diffusion."""
    models: list[str] | None
    """Only these models."""
    premium: bool | None
    """Only those that are marked as premium, or only those that are not."""


@given
class LineInput:
    """One thing to be priced: `count` uses of a model with these params."""

    ref: str | None
    """The caller's own name for it (a workflow node, an agent step), at most 255 characters; comes back unchanged."""
    model: str
    """The model's slug, as `prices` lists it."""
    params: Params | None
    """The params; absent ones take their default."""
    count: int | None = 1
    """How many uses, 1 to 1,000,000."""


@given
class WorkflowInput:
    """A workflow that the account has saved."""

    name: str
    """Its slug, or the name that the slug was made of."""
    version: int | None
    """Which version; absent: the newest. Under a known idempotency key: the one that was taken then."""


@given
class EstimateInput:
    """What to price: lines (1 to 100), a workflow, or a plain amount to ask whether it could be spent. One of them."""

    lines: list[LineInput] | None
    """The lines, 1 to 100."""
    amount: Tokens | None
    """Or a plain amount of tokens."""
    workflow: WorkflowInput | None
    """Or a workflow of the account, which must then be named."""
    account_id: strawberry.ID | None
    """Whose balance is asked; or `accountExternalId`. Neither: prices alone."""
    account_external_id: str | None
    """The tenant's own name for the account."""
    member_id: strawberry.ID | None
    """The member that the work is for; or `memberExternalId`."""
    member_external_id: str | None
    """The tenant's own name for the member."""
    project: str | None
    """The project that the work is for."""


@given
class AffordableInput:
    """Of what the most is wanted that an account can pay for now."""

    model: str
    """The model's slug, as `prices` lists it."""
    params: Params | None
    """The params beside the one that is asked for; absent ones take their default."""
    dimension: str
    """A numeric dimension of the price, for one use; or "count", for how many uses."""
    account_id: strawberry.ID | None
    """Who is to pay; or `accountExternalId`."""
    account_external_id: str | None
    """The tenant's own name for the account."""
    member_id: strawberry.ID | None
    """The member that the work is for; or `memberExternalId`."""
    member_external_id: str | None
    """The tenant's own name for the member."""
    project: str | None
    """The project that the work is for."""


@exactly_one_of
class WorkInput:
    """What is to be paid for. Exactly one member; leave the other out."""

    lines: list[LineInput] | None
    """Lines to be priced, 1 to 100."""
    amount: Tokens | None
    """A plain amount of tokens, above 0."""
    quote_id: strawberry.ID | None
    """Or a quote, whose work is taken as it was priced, until the quote expires."""
    workflow: WorkflowInput | None
    """Or a workflow of the account, priced now."""


@exactly_one_of
class ActualInput:
    """What a commit captures, on top of earlier captures. Exactly one member; leave the other out.

    Work that has run is never refused for its params: types are checked, bounds are not, and what goes beyond the hold
    follows `overrun`. Only what has no price at all, an unknown param or choice, is InvalidParams; the hold stays open.
    """

    lines: list[LineInput] | None
    """Lines, priced at the hold's price book version; a model that this version lacks at the current one."""
    amount: Tokens | None
    """A plain amount of tokens; 0 is allowed."""


@given
class ReserveInput:
    """What to set aside, and for whom. The same input serves `charge`."""

    idempotency_key: str
    """1 to 255 characters, unique per account and mutation, for good. The same key with the same input does nothing
    again and is answered with the same effect and `replayed: true`; with another input: IdempotencyConflict. A refusal
    is not remembered. `hold` and `balance` show today's state, so start work only on an OPEN hold."""
    account_id: strawberry.ID | None
    """Whose tokens; or `accountExternalId`."""
    account_external_id: str | None
    """The tenant's own name for the account."""
    member_id: strawberry.ID | None
    """The member that the work is for; or `memberExternalId`."""
    member_external_id: str | None
    """The tenant's own name for the member."""
    project: str | None
    """The project that the work is for."""
    work: WorkInput
    """What is to be paid for."""
    ttl_seconds: int | None = HOLD_TTL_SECONDS_DEFAULT
    """Seconds from now until the hold ends by itself, 1 to 86,400."""
    not_after: datetime | None
    """Judged later than this (a delayed duplicate), it is refused as InvalidInput."""
    description: str | None
    """Anything that people should find on the hold."""


@given
class CommitInput:
    """What was used of a hold."""

    idempotency_key: str
    """As in `ReserveInput`."""
    hold_id: strawberry.ID
    """The hold."""
    actual: ActualInput | None
    """What this call captures; absent: all that remains."""
    final: bool | None = True
    """Whether the rest goes back; false: more captures will follow."""
    overrun: OverrunPolicy | None = OverrunPolicy.REFUSE
    """What happens when the work cost more than the hold; what stays uncharged is told in `uncovered`."""


@given
class ReleaseInput:
    """Which hold to give back, and why."""

    idempotency_key: str
    """As in `ReserveInput`."""
    hold_id: strawberry.ID
    """The hold."""
    outcome: WorkOutcome | None = WorkOutcome.CANCELLED
    """How the work ended."""
    note: str | None
    """Anything that people should find in the journal."""


@given
class ExtendInput:
    """What to add to a hold: time, work, or both."""

    idempotency_key: str
    """As in `ReserveInput`."""
    hold_id: strawberry.ID
    """The hold."""
    ttl_seconds: int | None
    """Seconds from now that it lives at least; 7 days from its making at most."""
    work: WorkInput | None
    """What is added, priced at the hold's price book version; a quote of another version is InvalidInput."""


@given
class RefundInput:
    """What to give back of what a hold captured."""

    idempotency_key: str
    """As in `ReserveInput`."""
    hold_id: strawberry.ID
    """The hold."""
    amount: Tokens | None
    """How many tokens; absent: all that was captured and not yet refunded."""
    reason: str | None
    """Anything that people should find in the journal."""


@given
class LimitSettingInput:
    """One limit. `memberId` for MEMBER, `project` for PROJECT, neither for ACCOUNT."""

    scope: LimitScope
    """Whose limit."""
    period: LimitPeriod
    """For which time."""
    member_id: strawberry.ID | None
    """The member; MEMBER without it is the default for every member that has no limit of its own."""
    project: str | None
    """The project."""
    limit: Tokens | None
    """Tokens that may be consumed, 0 or more; -1: no limit, whatever the default; null takes it away, so that the
    default holds where there is one."""


@given
class SetLimitInput(LimitSettingInput):
    """Which limit to set, of which account. `memberId` for MEMBER, `project` for PROJECT, neither for ACCOUNT."""

    account_id: strawberry.ID
    """The account."""


@given
class SetLimitsInput:
    """Which limits to set, all of them or none."""

    account_id: strawberry.ID
    """The account."""
    limits: list[LimitSettingInput]
    """The limits, 1 to 1,000, none of them twice; everything that is wrong is named by its place: `limits[3].limit`."""


@given
class CreateTenantInput:
    """A new AI product."""

    slug: str
    """Its name in lower case: letters and digits in words joined by hyphens, at most 63 characters; unique."""
    name: str
    """What people call it, at most 200 characters."""
    mode: TenantMode
    """LIVE or TEST, for good."""
    price_book: str
    """The slug of a price book that was shipped with the server; its copy becomes the tenant's version 1."""


@given
class CreateApiKeyInput:
    """A new key."""

    name: str
    """What people call it, at most 200 characters."""
    kind: ApiKeyKind
    """What it may do."""
    tenant_id: strawberry.ID | None
    """Whose key it is: for the root key alone, which must give it."""
    account_id: strawberry.ID | None
    """The one account that a PARTNER key is to read; absent: all of the tenant."""
    expires_at: datetime | None
    """When it ends; absent: never by itself."""


@given
class RevokeApiKeyInput:
    """Which key to end."""

    id: strawberry.ID
    """The key's id, not the key."""


@given
class RotateApiKeyInput:
    """Which key to replace by a new one."""

    id: strawberry.ID
    """The key's id, not the key."""
    overlap_seconds: int
    """How long the old key lives on, in seconds of real time: 0 to 604,800 (7 days)."""
    expires_at: datetime | None
    """When the new key ends; absent: when the old one would have ended by itself."""


@given
class CreateClientTokenInput:
    """A token for somebody's browser."""

    account_id: strawberry.ID | None
    """The account that it is for; or `accountExternalId`."""
    account_external_id: str | None
    """The tenant's own name for the account."""
    member_id: strawberry.ID | None
    """The member of the account that it is for; or `memberExternalId`; absent: it is the account's."""
    member_external_id: str | None
    """The account's own name for the member."""
    role: MemberRole | None = MemberRole.MEMBER
    """What it may do in the account; a member's token never more than the member may."""
    ttl_seconds: int | None = CLIENT_TTL_SECONDS_DEFAULT
    """How long it lives, in seconds of real time: 1 to 86,400 (24 hours)."""


@given
class RevokeClientTokensInput:
    """Whose tokens to end."""

    account_id: strawberry.ID
    """The account."""
    member_id: strawberry.ID | None
    """Only tokens of this member; absent: all of the account."""


@given
class CreateAccountInput:
    """A new account, or the one that already has this external id, which stays as it is."""

    external_id: str
    """The tenant's own name for it, 1 to 255 characters; never changed."""
    name: str
    """What people call it, at most 200 characters."""
    kind: AccountKind | None = AccountKind.PERSONAL
    """Whether it is one person's or a team's."""
    time_zone: TimeZone | None = TimeZone("UTC")
    """Where its days begin and end."""
    plan_id: str | None
    """The plan that it is put on without payment. The tokens of a one-time plan come with it."""
    referred_by: str | None
    """Another account's referral code, for a new account alone; case, spaces and hyphens are forgiven."""


@given
class UpdateAccountInput:
    """What to change of an account. An absent field stays as it is."""

    account_id: strawberry.ID
    """The account."""
    name: Maybe[str | None]
    """What people call it, at most 200 characters."""
    time_zone: Maybe[TimeZone | None]
    """Where its days begin and end."""
    plan_id: Maybe[str | None]
    """The plan that it is put on without payment; null: none. The tokens of a one-time plan come with its first
    assignment, once per account, ever."""
    frozen: Maybe[bool | None]
    """Whether it takes no new work."""
    credit_limit: Maybe[Tokens | None]
    """How many tokens it may go below zero; 0: prepaid only; -1: unlimited."""


@given
class SetAlertsInput:
    """What to warn an account of. An absent list stays as it is; an empty one warns of nothing of its kind.

    Having nothing left is always told of.
    """

    account_id: strawberry.ID | None
    """The account; or `accountExternalId`."""
    account_external_id: str | None
    """The tenant's own name for it."""
    low_balance_percents: Maybe[list[int] | None]
    """Percentages of what was available after tokens last came in: at most 10 different ones, each 0 to 100. One that
    the balance is below already is told of at once."""
    low_balance_tokens: Maybe[list[Tokens] | None]
    """Amounts of tokens: at most 10 different ones, each above 0."""
    daily_limit_percents: Maybe[list[int] | None]
    """Percentages of a day's limit: at most 10 different ones, each 1 to 100."""


@given
class CloseAccountInput:
    """Which account to close, for good."""

    account_id: strawberry.ID
    """The account."""
    note: str | None
    """Anything that people should find in the journal."""


@given
class SettleOwedInput:
    """What was paid elsewhere of what an account owes. What was clawed back is paid first."""

    idempotency_key: str
    """As in `ReserveInput`."""
    account_id: strawberry.ID
    """The account."""
    amount: Tokens
    """How many tokens, above 0; more than is owed is InvalidInput."""
    note: str | None
    """Anything that people should find in the journal."""


@given
class TransferTokensInput:
    """Tokens to move from one account of the tenant to another. Name each of the two by its id or its external id."""

    idempotency_key: str
    """As in `ReserveInput`; unique for the account that sends."""
    from_account_id: strawberry.ID | None
    """Whose they are."""
    from_external_id: str | None
    """The tenant's own name for that account."""
    to_account_id: strawberry.ID | None
    """Whose they are to be."""
    to_external_id: str | None
    """The tenant's own name for that account."""
    amount: Tokens
    """How many tokens, above 0: of those that no hold has, no debt claims and no member or project was assigned."""
    note: str | None
    """Anything that people should find in the journal of the account that sends."""


@given
class GrantTokensInput:
    """A lot of tokens to add."""

    idempotency_key: str
    """As in `ReserveInput`."""
    account_id: strawberry.ID | None
    """Whose they are to be; or `accountExternalId`."""
    account_external_id: str | None
    """The tenant's own name for the account."""
    amount: Tokens
    """How many tokens, above 0."""
    source: GrantSource | None = GrantSource.BONUS
    """Where they come from."""
    priority: int | None = PRIORITY_DEFAULT
    """Lower is spent first."""
    expires_at: Maybe[datetime | None]
    """When what is left ends; absent: as the price book's policy says for the source; null: never."""
    note: str | None
    """Anything that people should find on the grant."""


@given
class RevokeGrantInput:
    """Which grant to take back."""

    idempotency_key: str
    """As in `ReserveInput`."""
    grant_id: strawberry.ID
    """The grant."""
    note: str | None
    """Anything that people should find in the journal."""


@given
class AssignTokensInput:
    """Tokens to move between the pool and one member or one project."""

    idempotency_key: str
    """As in `ReserveInput`."""
    account_id: strawberry.ID
    """Whose tokens."""
    member_id: strawberry.ID | None
    """The member that they are for; or `project`."""
    project: str | None
    """The project that they are for."""
    amount: Tokens
    """How many tokens: above 0 from the pool, in burn order; below 0 back to it, what would be spent last first."""


@given
class AddMemberInput:
    """A new member, or the one who already has this external id, who stays as it is unless it had been removed."""

    account_id: strawberry.ID
    """The account."""
    external_id: str
    """The tenant's own name for the member, 1 to 255 characters; unique per account, never changed."""
    name: str
    """What people call it, at most 200 characters."""
    role: MemberRole | None = MemberRole.MEMBER
    """What it may do in its account."""


@given
class UpdateMemberInput:
    """What to change of a member. An absent field stays as it is."""

    member_id: strawberry.ID
    """The member."""
    name: Maybe[str | None]
    """What people call it, at most 200 characters."""
    role: Maybe[MemberRole | None]
    """What it may do in its account."""


@given
class RemoveMemberInput:
    """Whom to remove."""

    member_id: strawberry.ID
    """The member."""


@given
class NewMemberInput:
    """A member to add, as in `AddMemberInput`."""

    external_id: str
    """The tenant's own name for the member, 1 to 255 characters."""
    name: str
    """What people call it, at most 200 characters."""
    role: MemberRole | None = MemberRole.MEMBER
    """What it may do in its account."""


@exactly_one_of
class MemberChangeInput:
    """One change. Exactly one member; leave the others out."""

    add: NewMemberInput | None
    """Whom to add."""
    update: UpdateMemberInput | None
    """What to change of whom."""
    remove: strawberry.ID | None
    """Whom to remove, by id."""


@given
class ManageMembersInput:
    """Changes of an account's members, made one after the other, all or none."""

    account_id: strawberry.ID
    """The account."""
    members: list[MemberChangeInput]
    """The changes, at most 1,000; everything that is wrong is named by its place: `members[3].name`."""


@given
class AdvanceClockInput:
    """How far to move the clock."""

    seconds: int
    """Seconds forward, 1 to 31,622,400 (366 days) a call; in all the clock may be 158,112,000 (about 5 years) ahead."""


@given
class MarginInput:
    """Of which work the margin is asked, and at which rate."""

    days: int | None = 30
    """How many days back, by the tenant's clock: 1 to 3660."""
    package_id: str | None
    """The package whose rate revenue is told at; absent: the smallest, else the price book's token value."""


@given
class UsageInput:
    """Of whose usage is asked, of which days, and grouped by what."""

    account_id: strawberry.ID | None
    """The account. Absent, with no externalId either: the credential's own."""
    account_external_id: str | None
    """Instead of accountId, the tenant's own name for the account."""
    since: date = strawberry.field(name="from")
    """The first local day."""
    until: date = strawberry.field(name="to")
    """The last local day, included; at most 3660 days in all."""
    group_by: list[UsageGroup]
    """What to group by; one row of all together where the list is empty."""
    member_id: strawberry.ID | None
    """Only this member's."""
    project: str | None
    """Only this project's."""
    model: str | None
    """Only of this model."""


@given
class PublishPriceBookInput:
    """A price book to publish, or to try."""

    source: str
    """The TOML text, at most 1,000,000 characters (over this API 512 KB with all of the request)."""
    effective_at: datetime | None
    """When it comes into force, by the tenant's clock; absent, or within the last minute: now. A version for a later
    instant is replaced by publishing another one for the same instant."""
    dry_run: bool | None = False
    """Whether to check it and say what would change, and write nothing."""
