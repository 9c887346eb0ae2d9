"""How a refusal of the core is shown: its data, and a message that says what is wrong and what would help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, assert_never, overload

from rules.ledger import refusals
from rules.ledger.kinds import LimitPeriod
from rules.ledger.limit_status import LimitStatus
from rules.pricing import publication
from rules.pricing import refusals as pricing
from rules.pricing.tokens import MICROS, format_tokens
from rules.pricing.toml import Fault
from rules.promotions import promo_codes
from schema import problems
from schema.limits import shown_limit
from schema.scalars import Tokens
from schema.words import ProblemCode


@overload
def problem_of(refusal: refusals.InsufficientTokens) -> problems.InsufficientTokens: ...
@overload
def problem_of(refusal: refusals.LimitReached) -> problems.LimitReached: ...
@overload
def problem_of(refusal: refusals.RateLimited) -> problems.RateLimited: ...
@overload
def problem_of(refusal: refusals.AccountFrozen) -> problems.AccountFrozen: ...
@overload
def problem_of(refusal: refusals.TierRequired) -> problems.TierRequired: ...
@overload
def problem_of(refusal: promo_codes.PromoNotActive) -> problems.PromoNotActive: ...
@overload
def problem_of(refusal: pricing.UnknownModel) -> problems.UnknownModel: ...
@overload
def problem_of(refusal: pricing.InvalidParams) -> problems.InvalidParams: ...
@overload
def problem_of(refusal: refusals.QuoteExpired) -> problems.QuoteExpired: ...
@overload
def problem_of(refusal: refusals.HoldExpired) -> problems.HoldExpired: ...
@overload
def problem_of(refusal: refusals.HoldNotOpen) -> problems.HoldNotOpen: ...
@overload
def problem_of(refusal: refusals.HoldExceeded) -> problems.HoldExceeded: ...
@overload
def problem_of(refusal: refusals.IdempotencyConflict) -> problems.IdempotencyConflict: ...
@overload
def problem_of(refusal: refusals.NotFound) -> problems.NotFound: ...
@overload
def problem_of(refusal: pricing.InvalidInput) -> problems.InvalidInput: ...
@overload
def problem_of(refusal: refusals.NotRefundable) -> problems.NotRefundable: ...
@overload
def problem_of(refusal: publication.InvalidPriceBook) -> problems.InvalidPriceBook: ...


def problem_of(
    refusal: refusals.Refusal | publication.InvalidPriceBook | promo_codes.PromoNotActive,
) -> problems.Problem:
    """The problem that shows this refusal. The overloads pair them, so that a result's union is checked by types."""
    match refusal:
        case refusals.InsufficientTokens(required, available):
            return problems.InsufficientTokens(
                code=ProblemCode.INSUFFICIENT_TOKENS,
                message=f"This needs {_tokens(required)}, and {format_tokens(available)} are available. "
                "Add tokens, or ask for less.",
                required=Tokens(required),
                available=Tokens(available),
            )
        case refusals.LimitReached(limit, required):
            return problems.LimitReached(
                code=ProblemCode.LIMIT_REACHED,
                message=_limit_reached(limit, required),
                limit=shown_limit(limit),
                required=Tokens(required),
            )
        case refusals.RateLimited(retry_after_seconds):
            seconds = "1 second" if retry_after_seconds == 1 else f"{retry_after_seconds} seconds"
            return problems.RateLimited(
                code=ProblemCode.RATE_LIMITED,
                message=f"Too many runs, or codes that were tried, in too short a time. Try again in {seconds}.",
                retry_after_seconds=retry_after_seconds,
            )
        case refusals.AccountFrozen(closed):
            return problems.AccountFrozen(
                code=ProblemCode.ACCOUNT_FROZEN,
                message=_CLOSED if closed else _FROZEN,
                closed=closed,
            )
        case refusals.TierRequired(model, tier):
            return problems.TierRequired(
                code=ProblemCode.TIER_REQUIRED,
                message=f"{model} needs a plan of the tier {tier!r} or a higher one. Put the account on such a plan, "
                "which `plans` lists, or choose a model without a tier.",
                model=model,
                tier=tier,
            )
        case refusals.RateLimited(retry_after_seconds):
            return problems.RateLimited(
                code=ProblemCode.RATE_LIMITED,
                message=f"Too many in too short a time. Try again in {retry_after_seconds} seconds.",
                retry_after_seconds=retry_after_seconds,
            )
        case promo_codes.PromoNotActive(already_redeemed):
            return problems.PromoNotActive(
                code=ProblemCode.PROMO_NOT_ACTIVE,
                message="This account has redeemed the code already."
                if already_redeemed
                else "This code cannot be redeemed. Check how it is written, and when and for whom it is meant.",
            )
        case pricing.UnknownModel(model, suggestions):
            return problems.UnknownModel(
                code=ProblemCode.UNKNOWN_MODEL,
                message=refusal.message if suggestions else f"{refusal.message} The query `prices` lists its models.",
                model=model,
                suggestions=list(suggestions),
            )
        case pricing.InvalidParams(model, param, message):
            return problems.InvalidParams(
                code=ProblemCode.INVALID_PARAMS, message=f"{model}: {message}", model=model, param=param
            )
        case refusals.QuoteExpired(expired_at):
            return problems.QuoteExpired(
                code=ProblemCode.QUOTE_EXPIRED,
                message=f"The quote expired at {expired_at:%Y-%m-%dT%H:%M:%SZ}, and its price is no longer promised. "
                "Ask for a new one with the mutation `estimate`, or give `lines` for today's price.",
                expired_at=expired_at,
            )
        case refusals.HoldExpired(expired_at):
            return problems.HoldExpired(
                code=ProblemCode.HOLD_EXPIRED,
                message=f"The hold expired at {expired_at:%Y-%m-%dT%H:%M:%SZ}, and what was not captured went back. "
                "Work that has run can still be paid for with `charge`; work that has not takes a new `reserve`. For "
                "work that takes longer, give a greater ttlSeconds, or `extend` the hold while it runs.",
                expired_at=expired_at,
            )
        case refusals.HoldNotOpen(state):
            return problems.HoldNotOpen(
                code=ProblemCode.HOLD_NOT_OPEN,
                message=f"The hold has ended already: it is {state}, so nothing is left on it to capture, give back or "
                "extend. `refund` gives back what it captured; further work takes a new `reserve` or `charge`.",
                state=state,
            )
        case refusals.HoldExceeded(held, required):
            return problems.HoldExceeded(
                code=ProblemCode.HOLD_EXCEEDED,
                message=f"The work cost {_tokens(required)}, and {format_tokens(held)} are left on the hold. "
                "Extend the hold, or commit with the overrun CAP or CHARGE_AVAILABLE.",
                held=Tokens(held),
                required=Tokens(required),
            )
        case refusals.IdempotencyConflict(key):
            return problems.IdempotencyConflict(
                code=ProblemCode.IDEMPOTENCY_CONFLICT,
                message=f"The idempotency key {key!r} has taken effect before, with another input. Use a new key "
                "for new work, or repeat the very same input.",
            )
        case refusals.NotFound(what):
            return problems.NotFound(
                code=ProblemCode.NOT_FOUND, message=f"There is no such {what}. {_REMEDIES.get(what, _REMEDY)}"
            )
        case pricing.InvalidInput(field, message, others):
            more = f" ({len(others)} more in `inputFaults`)" if others else ""
            return problems.InvalidInput(
                code=ProblemCode.INVALID_INPUT,
                message=f"{field}: {message}{more}",
                field=field,
                input_faults=[
                    problems.InputFault(field=fault.field, message=fault.message) for fault in refusal.faults
                ],
            )
        case refusals.NotRefundable(captured, requested):
            return problems.NotRefundable(
                code=ProblemCode.NOT_REFUNDABLE,
                message=_not_refundable(captured, requested),
            )
        case publication.InvalidPriceBook(faults):
            return problems.InvalidPriceBook(
                code=ProblemCode.INVALID_PRICE_BOOK,
                message=_invalid_price_book(faults),
                faults=[
                    problems.PriceBookFault(line=fault.line, path=fault.path, message=fault.message) for fault in faults
                ],
            )
        case _:
            assert_never(refusal)


_FROZEN: Final = (
    "The account is frozen: it takes no new work until `updateAccount` with `frozen: false` unfreezes it. What is on "
    "hold may still be committed or released."
)
_CLOSED: Final = (
    "The account was closed, for good: it takes no new work. What is on hold may still be committed or released; new "
    "work takes another account."
)
_REMEDIES: Final = {
    "account": "Make it with `createAccount`, or check the id: another tenant's account is not found either.",
    "hold": "Check the id: `reserve` answers with it, and `account.holds` lists them.",
    "quote": "Give the id that the mutation `estimate` answers with; a quote for another account is not found, nor is "
    "one that expired days ago.",
    "grant": "Check the id: `grantTokens` answers with it, and `account.grants` lists them.",
    "member": "Add it with `addMember`, or check the id: one that was removed takes no new work.",
    "workflow": "Check its name and version: `saveWorkflow` answers with them, and `workflows` lists them. One "
    "that was archived cannot be used until it is saved again.",
    "promo code": "Check the id: `createPromoCode` answers with it, and `promoCodes` lists them.",
    "tenant": "Check the id: `createTenant` answers with it.",
    "key": "Give the id that `createApiKey` answers with, not the key itself.",
}
_REMEDY: Final = "Check the id."


_PERIODS: Final = {
    LimitPeriod.DAY: "daily",
    LimitPeriod.WEEK: "weekly",
    LimitPeriod.MONTH: "monthly",
    LimitPeriod.TOTAL: "total",
}


def _limit_reached(limit: LimitStatus, required: int) -> str:
    whose = f"project's ({limit.project})" if limit.project is not None else f"{limit.scope.lower()}'s"
    when = "" if limit.resets_at is None else f" It resets at {limit.resets_at:%Y-%m-%dT%H:%M:%SZ}."
    return (
        f"This needs {_tokens(required)}, and the {whose} {_PERIODS[limit.period]} limit leaves "
        f"{format_tokens(limit.remaining or 0)}.{when} Ask for less, or raise the limit with `setLimit`."
    )


def _not_refundable(captured: int, requested: int) -> str:
    if captured <= 0:
        return "Nothing is left to refund: everything that the hold captured, if anything, was refunded already."
    if requested <= 0:
        return f"A refund must be above 0; up to {_tokens(captured)} can be refunded. Without an amount: all of it."
    return (
        f"{_tokens(requested)} cannot be refunded: net of earlier refunds {format_tokens(captured)} were captured. "
        "Ask for no more than that, or leave the amount out for all of it."
    )


def _invalid_price_book(faults: Sequence[Fault]) -> str:
    number = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
    line = "" if faults[0].line is None else f", the first in line {faults[0].line}"
    return f"The price book has {number}{line}. Mend what `faults` names, and publish again; nothing was changed."


def _tokens(micros: int) -> str:
    return "1 token" if micros == MICROS else f"{format_tokens(micros)} tokens"
