"""Which of two refusals is told: the earlier one of the order written in api.graphql.

Each case meets two neighbours of that order at once; the first must be told.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from rules.ledger.gates import Gate
from rules.ledger.outcomes import RepriceAt
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
    TierRequired,
)
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from tests.rules.ledger.notation import START, a_line, refusal
from tests.rules.ledger.workbench import Workbench, an_account

NOWHERE = 4_711
UNKNOWN = UnknownModel("flux", ("flux-pro",))
PARAMS = InvalidParams("flux", "width", "must be at most 4096")
INPUT = InvalidInput("work", "…")
NO_QUOTE = NotFound("quote")
PAST = START - timedelta(seconds=1)
TOO_MUCH = "9000000000000"
GATES = (Gate("flux", "pro", frozenset({"pro"})),)
OLD: dict[str, Any] = {"quote_expires_at": PAST}


class Scene:
    """An account with few tokens left, an open hold, a committed and an expired one, and a used key of each verb."""

    def __init__(self) -> None:
        self.bench = Workbench(opened=False)
        self.bench.runs_per_minute = 60
        self.bench.open()
        self.bench.grant(100, key="used")
        self.expired = self.bench.reserve(5, ttl_seconds=1)
        self.bench.wait(1)
        self.open = self.bench.reserve(20, key="used")
        self.ended = self.bench.reserve(20)
        self.bench.commit(self.ended, 20, key="used")
        self.bench.extend(self.open, 5, key="used")
        self.bench.refund(self.ended, 5, key="used")
        self.bench.release(self.bench.reserve(5), key="used")
        self.bench.charge(50, key="used")

    def freeze(self) -> Scene:
        self.bench.adjust(frozen=True)
        return self

    def busy(self) -> Scene:
        """No more runs this minute."""
        self.bench.runs_per_minute = 1
        return self

    def capped(self) -> Scene:
        """Five tokens are left of a limit, whatever was spent."""
        spending = self.bench.account.spending
        assert spending is not None
        spending.total.limit = spending.total.consumed + 5_000_000
        return self


CASES: dict[str, tuple[object, Callable[[Scene], object]]] = {
    # IdempotencyConflict before NotFound
    "commit: known key, no such hold": (IdempotencyConflict, lambda s: s.bench.commit(NOWHERE, key="used")),
    "release: known key, no such hold": (IdempotencyConflict, lambda s: s.bench.release(NOWHERE, key="used")),
    "extend: known key, no such hold": (IdempotencyConflict, lambda s: s.bench.extend(NOWHERE, 1, key="used")),
    "refund: known key, no such hold": (IdempotencyConflict, lambda s: s.bench.refund(NOWHERE, key="used")),
    # IdempotencyConflict before InvalidInput
    "reserve: known key, bad input": (IdempotencyConflict, lambda s: s.bench.reserve(1, key="used", refused=INPUT)),
    "grant: known key, bad input": (IdempotencyConflict, lambda s: s.bench.grant(1, key="used", refused=INPUT)),
    # NotFound before InvalidInput
    "commit: no such hold, bad input": (NotFound, lambda s: s.bench.commit(NOWHERE, 1, refused=INPUT)),
    "release: no such hold, bad input": (NotFound, lambda s: s.bench.release(NOWHERE, refused=INPUT)),
    "extend: no such hold, bad input": (NotFound, lambda s: s.bench.extend(NOWHERE, 1, refused=INPUT)),
    "refund: no such hold, bad input": (NotFound, lambda s: s.bench.refund(NOWHERE, 1, refused=INPUT)),
    "revoke: no such grant, bad input": (NotFound, lambda s: s.bench.revoke(NOWHERE, refused=INPUT)),
    "reserve: no such quote, too late": (NO_QUOTE, lambda s: s.bench.reserve(1, not_after=PAST, refused=NO_QUOTE)),
    "charge: no such quote, too late": (NO_QUOTE, lambda s: s.bench.charge(1, not_after=PAST, refused=NO_QUOTE)),
    "extend: no such quote, ended hold": (NO_QUOTE, lambda s: s.bench.extend(s.ended, 1, refused=NO_QUOTE)),
    "extend: no such hold, no such quote": (NotFound("hold"), lambda s: s.bench.extend(NOWHERE, 1, refused=NO_QUOTE)),
    # InvalidInput before UnknownModel (which pricing finds before InvalidParams)
    "reserve: too late, unknown model": (InvalidInput, lambda s: s.bench.reserve(1, not_after=PAST, refused=UNKNOWN)),
    "charge: too late, unknown model": (InvalidInput, lambda s: s.bench.charge(1, not_after=PAST, refused=UNKNOWN)),
    "reserve: too late, bad params": (InvalidInput, lambda s: s.bench.reserve(1, not_after=PAST, refused=PARAMS)),
    # InvalidInput before HoldNotOpen and HoldExpired
    "commit: bad input, ended hold": (InvalidInput, lambda s: s.bench.commit(s.ended, 1, refused=INPUT)),
    "commit: bad input, expired hold": (InvalidInput, lambda s: s.bench.commit(s.expired, 1, refused=INPUT)),
    "release: bad input, ended hold": (InvalidInput, lambda s: s.bench.release(s.ended, refused=INPUT)),
    "extend: bad input, ended hold": (InvalidInput, lambda s: s.bench.extend(s.ended, 1, refused=INPUT)),
    "extend: uncountable, expired hold": (InvalidInput, lambda s: s.bench.extend(s.expired, TOO_MUCH)),
    # UnknownModel and InvalidParams before HoldNotOpen and HoldExpired
    "commit: unknown model, ended hold": (UNKNOWN, lambda s: s.bench.commit(s.ended, 1, refused=UNKNOWN)),
    "commit: bad params, ended hold": (PARAMS, lambda s: s.bench.commit(s.ended, 1, refused=PARAMS)),
    "commit: bad params, expired hold": (PARAMS, lambda s: s.bench.commit(s.expired, 1, refused=PARAMS)),
    "extend: bad params, ended hold": (PARAMS, lambda s: s.bench.extend(s.ended, 1, refused=PARAMS)),
    "extend: bad params, expired hold": (PARAMS, lambda s: s.bench.extend(s.expired, 1, refused=PARAMS)),
    # IdempotencyConflict, NotFound, InvalidInput, UnknownModel and InvalidParams before QuoteExpired
    "reserve: known key, old quote": (IdempotencyConflict, lambda s: s.bench.reserve(1, key="used", **OLD)),
    "charge: known key, old quote": (IdempotencyConflict, lambda s: s.bench.charge(1, key="used", **OLD)),
    "extend: known key, old quote": (IdempotencyConflict, lambda s: s.bench.extend(s.open, 1, key="used", **OLD)),
    "extend: no such hold, old quote": (NotFound, lambda s: s.bench.extend(NOWHERE, 1, **OLD)),
    "reserve: too late, old quote": (InvalidInput, lambda s: s.bench.reserve(1, not_after=PAST, **OLD)),
    "reserve: uncountable, old quote": (InvalidInput, lambda s: s.bench.reserve(TOO_MUCH, **OLD)),
    "extend: uncountable, old quote": (InvalidInput, lambda s: s.bench.extend(s.open, TOO_MUCH, **OLD)),
    "reserve: unknown model, old quote": (UNKNOWN, lambda s: s.bench.reserve(1, refused=UNKNOWN, **OLD)),
    "reserve: bad params, old quote": (PARAMS, lambda s: s.bench.reserve(1, refused=PARAMS, **OLD)),
    # QuoteExpired before HoldNotOpen, HoldExpired, AccountFrozen and InsufficientTokens
    "extend: old quote, ended hold": (QuoteExpired, lambda s: s.bench.extend(s.ended, 1, **OLD)),
    "extend: old quote, expired hold": (QuoteExpired, lambda s: s.bench.extend(s.expired, 1, **OLD)),
    "reserve: old quote, frozen": (QuoteExpired, lambda s: s.freeze().bench.reserve(1, **OLD)),
    "extend: old quote, frozen": (QuoteExpired, lambda s: s.freeze().bench.extend(s.open, 1, **OLD)),
    "charge: old quote, no tokens": (QuoteExpired, lambda s: s.bench.charge(99, **OLD)),
    "extend: old quote, no tokens": (QuoteExpired, lambda s: s.bench.extend(s.open, 99, **OLD)),
    # HoldNotOpen and HoldExpired before HoldExceeded, AccountFrozen and InsufficientTokens
    "commit: ended hold, too much": (HoldNotOpen, lambda s: s.bench.commit(s.ended, 99)),
    "commit: expired hold, too much": (HoldExpired, lambda s: s.bench.commit(s.expired, 99)),
    "extend: ended hold, frozen": (HoldNotOpen, lambda s: s.freeze().bench.extend(s.ended, 1)),
    "extend: expired hold, frozen": (HoldExpired, lambda s: s.freeze().bench.extend(s.expired, 1)),
    "extend: ended hold, no tokens": (HoldNotOpen, lambda s: s.bench.extend(s.ended, 99)),
    # HoldExceeded before AccountFrozen
    "commit: too much, frozen": (HoldExceeded, lambda s: s.freeze().bench.commit(s.open, 99)),
    # InvalidInput before AccountFrozen
    "reserve: bad input, frozen": (InvalidInput, lambda s: s.freeze().bench.reserve(1, refused=INPUT)),
    "reserve: uncountable, frozen": (InvalidInput, lambda s: s.freeze().bench.reserve(TOO_MUCH)),
    "reserve: bad params, frozen": (PARAMS, lambda s: s.freeze().bench.reserve(1, refused=PARAMS)),
    # AccountFrozen before TierRequired
    "reserve: frozen, tier": (AccountFrozen, lambda s: s.freeze().bench.reserve(1, gates=GATES)),
    "charge: frozen, tier": (AccountFrozen, lambda s: s.freeze().bench.charge(1, gates=GATES)),
    "extend: frozen, tier": (AccountFrozen, lambda s: s.freeze().bench.extend(s.open, 1, gates=GATES)),
    # and all that comes before AccountFrozen before TierRequired
    "reserve: old quote, tier": (QuoteExpired, lambda s: s.bench.reserve(1, gates=GATES, **OLD)),
    "extend: ended hold, tier": (HoldNotOpen, lambda s: s.bench.extend(s.ended, 1, gates=GATES)),
    # TierRequired before InsufficientTokens
    "reserve: tier, no tokens": (TierRequired, lambda s: s.bench.reserve(99, gates=GATES)),
    "charge: tier, no tokens": (TierRequired, lambda s: s.bench.charge(99, gates=GATES)),
    "extend: tier, no tokens": (TierRequired, lambda s: s.bench.extend(s.open, 99, gates=GATES)),
    # AccountFrozen before InsufficientTokens
    "reserve: frozen, no tokens": (AccountFrozen, lambda s: s.freeze().bench.reserve(99)),
    "charge: frozen, no tokens": (AccountFrozen, lambda s: s.freeze().bench.charge(99)),
    "extend: frozen, no tokens": (AccountFrozen, lambda s: s.freeze().bench.extend(s.open, 99)),
    # AccountFrozen before RateLimited and LimitReached, each before the next, and all before InsufficientTokens
    "reserve: frozen, too many runs": (AccountFrozen, lambda s: s.freeze().busy().bench.reserve(1)),
    "charge: frozen, over the limit": (AccountFrozen, lambda s: s.freeze().capped().bench.charge(6)),
    "extend: frozen, over the limit": (AccountFrozen, lambda s: s.freeze().capped().bench.extend(s.open, 6)),
    "reserve: too many runs, over the limit": (RateLimited, lambda s: s.busy().capped().bench.reserve(6)),
    "charge: too many runs, over the limit": (RateLimited, lambda s: s.busy().capped().bench.charge(6)),
    "reserve: too many runs, no tokens": (RateLimited, lambda s: s.busy().bench.reserve(99)),
    "reserve: over the limit, no tokens": (LimitReached, lambda s: s.capped().bench.reserve(99)),
    "charge: over the limit, no tokens": (LimitReached, lambda s: s.capped().bench.charge(99)),
    "extend: over the limit, no tokens": (LimitReached, lambda s: s.capped().bench.extend(s.open, 99)),
    # and what comes before AccountFrozen comes before them
    "reserve: bad params, too many runs": (PARAMS, lambda s: s.busy().bench.reserve(1, refused=PARAMS)),
    "reserve: old quote, too many runs": (QuoteExpired, lambda s: s.busy().bench.reserve(1, **OLD)),
    "extend: ended hold, over the limit": (HoldNotOpen, lambda s: s.capped().bench.extend(s.ended, 6)),
    "commit: too much, over the limit": (HoldExceeded, lambda s: s.capped().bench.commit(s.open, 99)),
    # and the last ones by themselves
    "reserve: no tokens": (InsufficientTokens, lambda s: s.bench.reserve(99)),
    "extend: no tokens": (InsufficientTokens, lambda s: s.bench.extend(s.open, 99)),
    "refund: bad input, nothing captured": (InvalidInput, lambda s: s.bench.refund(s.open, 1, refused=INPUT)),
    "refund: nothing captured": (NotRefundable, lambda s: s.bench.refund(s.open, 1)),
    "revoke: bad input, taken back": (INPUT, lambda s: s.bench.revoke(1, refused=INPUT)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_earlier_refusal_is_told(case: str) -> None:
    expected, say = CASES[case]
    with refusal(expected):
        say(Scene())


class TestPricingRefusalsCountOnlyAtTheHoldsOwnVersion:
    def test_elsewhere_the_lines_are_priced_anew(self) -> None:
        scene = Scene()
        with refusal(RepriceAt(1)):
            scene.bench.commit(scene.open, lines=[a_line(1)], priced_at=2, refused=UNKNOWN)
        with refusal(UNKNOWN):
            scene.bench.commit(scene.open, lines=[a_line(1)], priced_at=1, refused=UNKNOWN)

    def test_but_bad_input_is_bad_at_any_version(self) -> None:
        scene = Scene()
        with refusal(INPUT):
            scene.bench.commit(scene.open, lines=[a_line(1)], priced_at=2, refused=INPUT)


def test_an_expired_hold_is_told_as_expired_also_before_anybody_settled_it() -> None:
    bench = an_account(tokens=100)
    hold = bench.reserve(5, ttl_seconds=1)
    bench.wait(1)
    with refusal(HoldExpired(START + timedelta(seconds=1))):
        bench.commit(hold, 99)
