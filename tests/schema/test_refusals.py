from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest
from graphql import GraphQLInterfaceType

from resolvers.roots import build_schema
from rules.ledger.kinds import HoldState, LimitPeriod, LimitScope
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
from rules.pricing.publication import InvalidPriceBook
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from rules.pricing.toml import Fault
from rules.promotions.promo_codes import PromoNotActive
from schema.refusals import problem_of
from tests.resolvers.stage import a_limit

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

AnyRefusal = Refusal | InvalidPriceBook | PromoNotActive

EXAMPLES: list[tuple[AnyRefusal, str, list[str]]] = [
    (InsufficientTokens(35_000_000, 4_500_000), "INSUFFICIENT_TOKENS", ["35 tokens", "4.5 are available"]),
    (
        LimitReached(a_limit(), 16_000_000),
        "LIMIT_REACHED",
        ["16 tokens", "daily limit leaves 15", "03-02T00:"],
    ),
    (
        LimitReached(
            a_limit(scope=LimitScope.PROJECT, project="film", period=LimitPeriod.TOTAL, resets_at=None), 16_000_000
        ),
        "LIMIT_REACHED",
        ["16 tokens", "the project's (film) total limit leaves 15", "`setLimit`"],
    ),
    (RateLimited(1), "RATE_LIMITED", ["in 1 second."]),
    (RateLimited(59), "RATE_LIMITED", ["in 59 seconds."]),
    (AccountFrozen(), "ACCOUNT_FROZEN", ["`updateAccount` with `frozen: false`"]),
    (AccountFrozen(closed=True), "ACCOUNT_FROZEN", ["closed, for good", "another account"]),
    (TierRequired("veo-3", "pro"), "TIER_REQUIRED", ["veo-3", "'pro'", "`plans`"]),
    (PromoNotActive(), "PROMO_NOT_ACTIVE", ["cannot be redeemed"]),
    (PromoNotActive(already_redeemed=True), "PROMO_NOT_ACTIVE", ["redeemed the code already"]),
    (UnknownModel("flx", ("flux",)), "UNKNOWN_MODEL", ["flx", "flux"]),
    (UnknownModel("zzz", ()), "UNKNOWN_MODEL", ["zzz", "`prices`"]),
    (InvalidParams("flux", "width", "width must be at most 2048."), "INVALID_PARAMS", ["flux", "width", "2048"]),
    (QuoteExpired(NOON), "QUOTE_EXPIRED", ["2026-03-01T12:00:00Z", "`estimate`", "`lines`"]),
    (HoldExpired(NOON), "HOLD_EXPIRED", ["2026-03-01T12:00:00Z", "`charge`", "`reserve`", "ttlSeconds"]),
    (HoldNotOpen(HoldState.COMMITTED), "HOLD_NOT_OPEN", ["COMMITTED", "nothing is left", "`refund`"]),
    (HoldExceeded(1_000_000, 2_000_000), "HOLD_EXCEEDED", ["2 tokens", "CAP"]),
    (IdempotencyConflict("job-1"), "IDEMPOTENCY_CONFLICT", ["job-1", "new key"]),
    (NotFound("account"), "NOT_FOUND", ["no such account", "`createAccount`"]),
    (NotFound("workflow"), "NOT_FOUND", ["no such workflow", "`saveWorkflow`", "archived"]),
    (NotFound("quote"), "NOT_FOUND", ["no such quote", "`estimate`"]),
    *[
        (NotFound(what), "NOT_FOUND", [f"no such {what}", "id"])
        for what in ("hold", "grant", "promo code", "tenant", "key", "thing")
    ],
    (InvalidInput("ttlSeconds", "must be at most 86400"), "INVALID_INPUT", ["ttlSeconds", "86400"]),
    (InvalidInput("a", "m", (InvalidInput("b", "m"),)), "INVALID_INPUT", ["a: m", "1 more", "`inputFaults`"]),
    (NotRefundable(1_000_000, 2_500_000), "NOT_REFUNDABLE", ["2.5 tokens", "1 "]),
    (NotRefundable(0, 0), "NOT_REFUNDABLE", ["Nothing is left to refund"]),
    (NotRefundable(0, 5_000_000), "NOT_REFUNDABLE", ["Nothing is left to refund"]),
    (NotRefundable(1_000_000, 0), "NOT_REFUNDABLE", ["above 0", "1 token "]),
    (InvalidPriceBook((Fault(4, "slug", "m"), Fault(9, "x", "m"))), "INVALID_PRICE_BOOK", ["2 faults", "line 4"]),
    (InvalidPriceBook((Fault(None, "", "m"),)), "INVALID_PRICE_BOOK", ["one fault.", "`faults`"]),
]


@pytest.mark.parametrize(("refusal", "code", "said"), EXAMPLES, ids=lambda part: type(part).__name__)
def test_every_refusal_is_shown_as_its_problem_with_what_is_wrong(
    refusal: AnyRefusal, code: str, said: list[str]
) -> None:
    problem = problem_of(refusal)

    assert type(problem).__name__ == type(refusal).__name__
    assert problem.code.value == code
    assert [text for text in said if text not in problem.message] == []


def test_no_refusal_is_left_out_here() -> None:
    assert {type(refusal) for refusal, _, _ in EXAMPLES} == set(get_args(AnyRefusal))


def test_every_problem_is_known_to_the_schema() -> None:
    schema = build_schema()
    problem = schema.type_map["Problem"]
    assert isinstance(problem, GraphQLInterfaceType)

    assert {named.name for named in schema.get_possible_types(problem)} == {
        refusal.__name__ for refusal in get_args(AnyRefusal)
    }
