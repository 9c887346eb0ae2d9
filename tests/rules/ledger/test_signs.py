"""The journal's signs, walked for every kind of account: what each act changes of total, held, owed and spent.

prepaid: tokens alone. hybrid: 40 tokens, then credit. postpaid: credit alone. unlimited: credit without a bound.
Rows read like the product's table: an act and, for each kind of account, the entries that it writes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from rules.ledger.commands import TransferPart
from rules.ledger.kinds import EntryKind, OverrunPolicy
from rules.ledger.refusals import InsufficientTokens
from rules.pricing.refusals import InvalidInput
from tests.rules.ledger.notation import Fact, a_line, fact, refusal
from tests.rules.ledger.workbench import Workbench, an_account

PREPAID, HYBRID, POSTPAID, UNLIMITED = "prepaid", "hybrid", "postpaid", "unlimited"


class Kind(NamedTuple):
    """What such an account begins with."""

    tokens: int | None
    credit_limit: int | str


KINDS = {
    PREPAID: Kind(200, 0),
    HYBRID: Kind(40, 200),
    POSTPAID: Kind(None, 200),
    UNLIMITED: Kind(None, "unlimited"),
}

HOLD_60 = fact("HOLD", held=60)
RELEASE_60 = fact("RELEASE", held=-60)

ON_TOKENS = fact("CAPTURE", total=-50, held=-50, spent=50)
ON_BOTH = fact("CAPTURE", total=-40, held=-50, owed=10, spent=50)
ON_CREDIT = fact("CAPTURE", held=-50, owed=50, spent=50)

CAPTURES = {PREPAID: ON_TOKENS, HYBRID: ON_BOTH, POSTPAID: ON_CREDIT, UNLIMITED: ON_CREDIT}
"""Of 50 out of a hold of 60: tokens first, then credit."""

OVERRUNS = {
    PREPAID: fact("CAPTURE", total=-70, held=-60, spent=70),
    HYBRID: fact("CAPTURE", total=-40, held=-60, owed=30, spent=70),
    POSTPAID: fact("CAPTURE", held=-60, owed=70, spent=70),
    UNLIMITED: fact("CAPTURE", held=-60, owed=70, spent=70),
}

ROUNDINGS = {
    PREPAID: fact("ROUNDING", total="-0.5", held="-0.5", spent="0.5"),
    HYBRID: fact("ROUNDING", held="-0.5", owed="0.5", spent="0.5"),
    POSTPAID: fact("ROUNDING", held="-0.5", owed="0.5", spent="0.5"),
    UNLIMITED: fact("ROUNDING", held="-0.5", owed="0.5", spent="0.5"),
}

REFUNDS = {
    PREPAID: fact("REFUND", total=30, spent=-30),
    HYBRID: fact("REFUND", total=20, owed=-10, spent=-30),
    POSTPAID: fact("REFUND", owed=-30, spent=-30),
    UNLIMITED: fact("REFUND", owed=-30, spent=-30),
}
"""Of 30 out of 50: the credit line first, as far as it is drawn."""

ACTS: dict[str, tuple[Callable[[Workbench], object], dict[str, list[Fact]]]] = {
    "GRANT": (lambda bench: bench.grant(5), {kind: [fact("GRANT", total=5)] for kind in KINDS}),
    "HOLD by reserve": (lambda bench: bench.reserve(60), {kind: [HOLD_60] for kind in KINDS}),
    "HOLD by extend": (
        lambda bench: bench.extend(bench.reserve(1), 60),
        {kind: [HOLD_60] for kind in KINDS},
    ),
    "HOLD and CAPTURE by charge": (
        lambda bench: bench.charge(50),
        {kind: [fact("HOLD", held=50), capture] for kind, capture in CAPTURES.items()},
    ),
    "CAPTURE and RELEASE of the rest": (
        lambda bench: bench.commit(bench.reserve(60), 50),
        {kind: [capture, fact("RELEASE", held=-10)] for kind, capture in CAPTURES.items()},
    ),
    "CAPTURE beyond the hold": (
        lambda bench: bench.commit(bench.reserve(60), 70, overrun=OverrunPolicy.CHARGE_AVAILABLE),
        {kind: [capture] for kind, capture in OVERRUNS.items()},
    ),
    "ROUNDING": (
        lambda bench: bench.charge(lines=[a_line("49.5", metered=True)], rounding_unit=1),
        {
            PREPAID: [fact("HOLD", held=50), fact("CAPTURE", total="-49.5", held="-49.5", spent="49.5")],
            HYBRID: [fact("HOLD", held=50), fact("CAPTURE", total=-40, held="-49.5", owed="9.5", spent="49.5")],
            POSTPAID: [fact("HOLD", held=50), fact("CAPTURE", held="-49.5", owed="49.5", spent="49.5")],
            UNLIMITED: [fact("HOLD", held=50), fact("CAPTURE", held="-49.5", owed="49.5", spent="49.5")],
        },
    ),
    "RELEASE": (lambda bench: bench.release(bench.reserve(60)), {kind: [RELEASE_60] for kind in KINDS}),
    "RELEASE by itself": (
        lambda bench: (bench.reserve(60, ttl_seconds=1), bench.wait(1), bench.balance()),
        {kind: [RELEASE_60] for kind in KINDS},
    ),
    "REFUND": (
        lambda bench: bench.refund(bench.charge(50).hold.hold_id, 30),
        {kind: [refund] for kind, refund in REFUNDS.items()},
    ),
    "EXPIRY": (
        lambda bench: (bench.grant(5, expires_in=1), bench.wait(1), bench.balance()),
        {kind: [fact("EXPIRY", total=-5)] for kind in KINDS},
    ),
    "REVOCATION": (
        lambda bench: bench.revoke(bench.grant(5)),
        {kind: [fact("REVOCATION", total=-5)] for kind in KINDS},
    ),
    "CLAWBACK": (
        lambda bench: (lambda lot: (bench.charge(3), bench.claw_back(lot)))(bench.grant(5, priority=1)),
        {kind: [fact("CLAWBACK", total=-2, owed=3)] for kind in KINDS},
    ),
    "SETTLEMENT by incoming tokens": (
        lambda bench: (a_debt(bench), bench.grant(5)),
        {kind: [fact("GRANT", total=5), fact("SETTLEMENT", total=-3, owed=-3)] for kind in KINDS},
    ),
    "SETTLEMENT elsewhere": (
        lambda bench: (a_debt(bench), bench.settle_owed(2)),
        {kind: [fact("SETTLEMENT", owed=-2)] for kind in KINDS},
    ),
    "TRANSFER away": (
        lambda bench: (bench.grant(5, priority=1), bench.send(5)),
        {kind: [fact("TRANSFER", total=-5)] for kind in KINDS},
    ),
    "TRANSFER here": (
        lambda bench: bench.receive(TransferPart(1, 5_000_000, 50, None)),
        {kind: [fact("TRANSFER", total=5)] for kind in KINDS},
    ),
    "ADJUSTMENT": (lambda bench: bench.adjust(frozen=True), {kind: [fact("ADJUSTMENT")] for kind in KINDS}),
}
for kind, rounding in ROUNDINGS.items():
    ACTS["ROUNDING"][1][kind].append(rounding)


def a_debt(bench: Workbench) -> None:
    """3 tokens clawed back after they were spent, and nothing else."""
    lot = bench.grant(3, priority=1)
    bench.charge(3)
    bench.claw_back(lot)


def account_of(kind: str) -> Workbench:
    bench = an_account(tokens=KINDS[kind].tokens, credit_limit=KINDS[kind].credit_limit)
    bench.wait(1)
    return bench


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("act", ACTS)
def test_an_act_writes_its_entries(act: str, kind: str) -> None:
    do, expected = ACTS[act]
    bench = account_of(kind)
    do(bench)
    assert bench.written == expected[kind]


def test_every_kind_of_entry_is_walked() -> None:
    written = {entry.kind for _, expected in ACTS.values() for facts in expected.values() for entry in facts}
    assert written == set(EntryKind) - {EntryKind.ASSIGNMENT}


class TestHowFarEachGoes:
    @pytest.mark.parametrize(("kind", "available"), [(PREPAID, 200), (HYBRID, 240), (POSTPAID, 200)])
    def test_so_far_and_no_further(self, kind: str, available: int) -> None:
        bench = account_of(kind)
        with refusal(InsufficientTokens):
            bench.charge(f"{available}.000001")
        bench.charge(available)
        assert (bench.available, bench.total) == (0, 0)

    def test_unlimited_without_an_end_and_all_of_it_is_told(self) -> None:
        bench = account_of(UNLIMITED)
        bench.charge(1_000_000)
        bench.charge(1_000_000)
        assert (bench.owed, bench.available, bench.balance().unlimited) == (2_000_000, 0, True)
        assert sum(entry.spent for entry in bench.entries) == 2_000_000_000_000

    @pytest.mark.parametrize("kind", [HYBRID, POSTPAID, UNLIMITED])
    def test_what_is_drawn_can_be_settled_and_drawn_again(self, kind: str) -> None:
        bench = account_of(kind)
        bench.charge(100)
        owed = int(bench.owed)
        assert owed == (60 if kind == HYBRID else 100)
        with refusal(InvalidInput):
            bench.settle_owed(owed + 1)
        bench.settle_owed(owed)
        assert (bench.owed, bench.total) == (0, 0)
        bench.charge(100)

    @pytest.mark.parametrize("limit", [0, 30, 99])
    def test_a_line_lowered_below_what_is_drawn_leaves_nothing_and_takes_nothing(self, limit: int) -> None:
        bench = account_of(POSTPAID)
        bench.charge(100)
        bench.adjust(credit_limit=limit)
        assert (bench.available, bench.owed, bench.total) == (0, 100, 0)
        with refusal(InsufficientTokens):
            bench.reserve("0.000001")
        bench.settle_owed(100)
        assert bench.available == limit
