"""Problems: what a caller can expect and act on, as members of the results' unions."""

from __future__ import annotations

from datetime import datetime

from schema.described import interface, output
from schema.limits import LimitStatus
from schema.scalars import Tokens
from schema.words import HoldState, ProblemCode


@interface
class Problem:
    """Why a request was refused. Exactly one is answered, the first in the order of precedence; nothing was changed."""

    code: ProblemCode
    """The reason, for programs."""
    message: str
    """The reason and the remedy, for people."""


@output
class InsufficientTokens(Problem):
    """More is required than is available now."""

    required: Tokens
    """Tokens that would have to be available."""
    available: Tokens
    """Tokens that are."""


@output
class LimitReached(Problem):
    """More is required than a limit leaves: where several do not leave it, the one that leaves the least."""

    limit: LimitStatus
    """The limit as it stands."""
    required: Tokens
    """Tokens that it would have to leave."""


@output
class RateLimited(Problem):
    """Too many in too short a time: runs, which are reserves and charges that took effect, or codes that were tried."""

    retry_after_seconds: int
    """Whole seconds after which one more is allowed."""


@output
class AccountFrozen(Problem):
    """The account takes no new work; what is open may still be finished."""

    closed: bool
    """Whether it is so for good: the account was closed."""


@output
class TierRequired(Problem):
    """The model needs a plan of at least this tier, and the account is on none such."""

    model: str
    """The model."""
    tier: str
    """The lowest plan tier that may use it; `plans` lists who has it."""


@output
class PromoNotActive(Problem):
    """The promo code gives nothing to this account now. Which of the reasons it is, is not told."""


@output
class UnknownModel(Problem):
    """No price of the price book has this model."""

    model: str
    """The model that was asked for."""
    suggestions: list[str]
    """At most five models that may have been meant, closest first."""


@output
class InvalidParams(Problem):
    """A line's params cannot be priced."""

    model: str
    """The line's model."""
    param: str | None
    """The param to blame, where there is one."""


@output
class QuoteExpired(Problem):
    """The quote's time is over; its price is no longer promised."""

    expired_at: datetime
    """When it was."""


@output
class HoldExpired(Problem):
    """The hold outlived its time; what was not captured has gone back."""

    expired_at: datetime
    """When it did."""


@output
class HoldNotOpen(Problem):
    """The hold has ended already."""

    state: HoldState
    """How it ended."""


@output
class HoldExceeded(Problem):
    """The work cost more than the hold still has, and the commit asked to refuse that."""

    held: Tokens
    """Tokens still on hold."""
    required: Tokens
    """Tokens that the work cost."""


@output
class IdempotencyConflict(Problem):
    """The idempotency key has taken effect before, with another input."""


@output
class NotFound(Problem):
    """There is no such thing in the credential's scope; the same whether it never was or is somebody else's."""


@output
class InputFault:
    """One field of an input that is out of form or bounds."""

    field: str
    """The field's path within the input, such as "members[3].name"."""
    message: str
    """What is wrong, and what would be right."""


@output
class InvalidInput(Problem):
    """A field of the input is out of form or bounds."""

    field: str
    """The field's path within the input, such as "lines[2].count"; of several the first."""
    input_faults: list[InputFault]
    """What is wrong. Where many members or limits are given at once, everything that is, by its place."""


@output
class NotRefundable(Problem):
    """Less was captured, net of earlier refunds, than is asked back; or nothing is left to give back."""


@output
class PriceBookFault:
    """One fault of a price book's text."""

    line: int | None
    """Its line, from 1; null where it is of the text as a whole."""
    path: str
    """Where it stands, such as "prices[3].formula.rates[0].of"; empty where it is of the text as a whole."""
    message: str
    """What is wrong, and what would be right."""


@output
class InvalidPriceBook(Problem):
    """The text is no sound price book. Nothing was published."""

    faults: list[PriceBookFault]
    """Everything that is wrong with it, by line."""


PROBLEMS: tuple[type[Problem], ...] = (
    InsufficientTokens,
    LimitReached,
    RateLimited,
    AccountFrozen,
    TierRequired,
    RateLimited,
    PromoNotActive,
    UnknownModel,
    InvalidParams,
    QuoteExpired,
    HoldExpired,
    HoldNotOpen,
    HoldExceeded,
    IdempotencyConflict,
    NotFound,
    InvalidInput,
    NotRefundable,
    InvalidPriceBook,
)
"""Every problem. All are named to the schema: one that is reached only through the interface would fail at run time."""
