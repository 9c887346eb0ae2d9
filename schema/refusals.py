"""How a refusal of the core is shown: its data, and a message that says what is wrong and what would help."""

from __future__ import annotations

from typing import assert_never, overload

from rules.ledger import refusals
from rules.pricing import refusals as pricing
from rules.pricing.tokens import MICROS, format_tokens
from schema import problems
from schema.scalars import Tokens
from schema.words import ProblemCode


@overload
def problem_of(refusal: refusals.InsufficientTokens) -> problems.InsufficientTokens: ...
@overload
def problem_of(refusal: refusals.AccountFrozen) -> problems.AccountFrozen: ...
@overload
def problem_of(refusal: pricing.UnknownModel) -> problems.UnknownModel: ...
@overload
def problem_of(refusal: pricing.InvalidParams) -> problems.InvalidParams: ...
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


def problem_of(refusal: refusals.Refusal) -> problems.Problem:
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
        case refusals.AccountFrozen():
            return problems.AccountFrozen(
                code=ProblemCode.ACCOUNT_FROZEN,
                message="The account is frozen: it takes no new work until it is unfrozen. What is on hold may still "
                "be committed or released.",
            )
        case pricing.UnknownModel(model, suggestions):
            return problems.UnknownModel(
                code=ProblemCode.UNKNOWN_MODEL,
                message=refusal.message,
                model=model,
                suggestions=list(suggestions),
            )
        case pricing.InvalidParams(model, param, message):
            return problems.InvalidParams(
                code=ProblemCode.INVALID_PARAMS, message=f"{model}: {message}", model=model, param=param
            )
        case refusals.HoldExpired(expired_at):
            return problems.HoldExpired(
                code=ProblemCode.HOLD_EXPIRED,
                message=f"The hold expired at {expired_at:%Y-%m-%dT%H:%M:%SZ}, and what was not captured went back. "
                "Reserve with a greater ttlSeconds, or extend the hold while the work runs.",
                expired_at=expired_at,
            )
        case refusals.HoldNotOpen(state):
            return problems.HoldNotOpen(
                code=ProblemCode.HOLD_NOT_OPEN,
                message=f"The hold has ended already: it is {state}. Reserve anew for more work.",
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
            return problems.NotFound(code=ProblemCode.NOT_FOUND, message=f"There is no such {what}.")
        case pricing.InvalidInput(field, message):
            return problems.InvalidInput(code=ProblemCode.INVALID_INPUT, message=f"{field}: {message}", field=field)
        case refusals.NotRefundable(captured, requested):
            return problems.NotRefundable(
                code=ProblemCode.NOT_REFUNDABLE,
                message=f"{_tokens(requested)} cannot be refunded: net of earlier refunds {format_tokens(captured)} "
                "were captured.",
            )
        case _:
            assert_never(refusal)


def _tokens(micros: int) -> str:
    return "1 token" if micros == MICROS else f"{format_tokens(micros)} tokens"
