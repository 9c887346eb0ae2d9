from __future__ import annotations

from typing import Any

import pytest

from rules.identity import IdKind, public_id
from rules.ledger.charges import BurnedPart, ChargeBasis, ChargeCheck, ChargeFacts, LineCheck
from rules.ledger.journal import Entry
from rules.ledger.kinds import EntryKind, GrantSource, HoldState
from rules.ledger.records import LineView
from rules.ledger.state import CapturedLine
from rules.pricing.costs import CostStep
from rules.pricing.formulas import PricingType
from rules.pricing.tokens import MICROS
from services.charges import ExplainedCharge
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT, ACCOUNT_ID, GRANT_ID, HOLD_ID, NOON, TENANT, Stage, a_hold, a_limit

EXPLAIN = """query($id: ID!) { explainCharge(holdId: $id) {
    hold { id state captured } priceBook { version }
    lines { ref model cost steps { label amount } }
    checks { entryId ref model basis charged recomputed matches }
    recomputed matches
    burned { grantId source amount refunded } onCreditLine onCreditLineRefunded
    limits { scope period consumed } entries { kind spent } moreEntries
} }"""


def a_line(version: int, amount: int, **more: Any) -> CapturedLine:
    return CapturedLine(version, 8, 7, NOON, amount, 1, 3, None, None, cost=amount, day=NOON.date(), **more)


def an_entry(kind: EntryKind, version: int, spent: int) -> Entry:
    changes, texts = (-spent, 0, 0, 0, spent, 0, 0), (None, None, b"", b"", b"")
    return Entry(ACCOUNT, version, kind, NOON, *changes, None, None, None, None, 7, None, *texts)


def a_charge(*, recomputed: int | None = 9 * MICROS, matches: bool | None = False) -> ExplainedCharge:
    flux = a_line(8, 8 * MICROS, model="flux", ref="n1")
    rounding = a_line(9, MICROS, rounding=True)
    facts = ChargeFacts(
        a_hold(state=HoldState.COMMITTED, captured=9 * MICROS, remaining=0, captures=2, ended_at=NOON),
        (flux, rounding),
        (BurnedPart(1, GrantSource.TRIAL, 5 * MICROS, 2 * MICROS), BurnedPart(None, None, 4 * MICROS, MICROS)),
        (an_entry(EntryKind.CAPTURE, 8, 8 * MICROS), an_entry(EntryKind.ROUNDING, 9, MICROS)),
        more_entries=True,
    )
    checks = (LineCheck(flux, ChargeBasis.PRICE, 8 * MICROS), LineCheck(rounding, ChargeBasis.ROUNDING, 0))
    steps = (CostStep("price", 8 * MICROS),)
    view = LineView("n1", "flux", "image", 1, 8 * MICROS, 8 * MICROS, 8, 8, PricingType.FLAT, 3, steps)
    return ExplainedCharge(facts, ChargeCheck(checks, recomputed, matches), (view,), (a_limit(),))


async def test_a_charge_is_shown_with_all_that_made_it(ask: Ask, stage: Stage) -> None:
    stage.charges.answers["explain"] = a_charge()

    result = await ask(EXPLAIN, id=HOLD_ID)

    assert stage.charges.calls == [("explain", (TENANT, ACCOUNT, 7), {})]
    assert result.errors is None, result.errors
    assert result.data is not None
    assert result.data["explainCharge"] == {
        "hold": {"id": HOLD_ID, "state": "COMMITTED", "captured": "9"},
        "priceBook": {"version": 3},
        "lines": [{"ref": "n1", "model": "flux", "cost": "8", "steps": [{"label": "price", "amount": "8"}]}],
        "checks": [
            {
                "entryId": public_id(IdKind.ENTRY, ACCOUNT, 8),
                "ref": "n1",
                "model": "flux",
                "basis": "PRICE",
                "charged": "8",
                "recomputed": "8",
                "matches": True,
            },
            {
                "entryId": public_id(IdKind.ENTRY, ACCOUNT, 9),
                "ref": None,
                "model": None,
                "basis": "ROUNDING",
                "charged": "1",
                "recomputed": "0",
                "matches": False,
            },
        ],
        "recomputed": "9",
        "matches": False,
        "burned": [{"grantId": GRANT_ID, "source": "TRIAL", "amount": "5", "refunded": "2"}],
        "onCreditLine": "4",
        "onCreditLineRefunded": "1",
        "limits": [{"scope": "ACCOUNT", "period": "DAY", "consumed": "35"}],
        "entries": [{"kind": "CAPTURE", "spent": "8"}, {"kind": "ROUNDING", "spent": "1"}],
        "moreEntries": True,
    }


async def test_where_not_every_line_was_checked_nothing_is_claimed(ask: Ask, stage: Stage) -> None:
    stage.charges.answers["explain"] = a_charge(recomputed=None, matches=None)

    result = await ask(EXPLAIN, id=HOLD_ID)

    assert result.data is not None
    assert result.data["explainCharge"]["recomputed"] is None
    assert result.data["explainCharge"]["matches"] is None


@pytest.mark.parametrize("id", ["", "7", ACCOUNT_ID, HOLD_ID + "!", "hold_" + "A" * 10_000, "\ud800"])
async def test_what_is_no_holds_id_is_null_unread(ask: Ask, stage: Stage, id: str) -> None:
    result = await ask(EXPLAIN, id=id)

    assert (result.errors, result.data) == (None, {"explainCharge": None})
    assert stage.charges.calls == []


async def test_a_hold_that_the_tenant_does_not_have_is_null(ask: Ask, stage: Stage) -> None:
    stage.charges.answers["explain"] = None

    result = await ask(EXPLAIN, id=HOLD_ID)

    assert (result.errors, result.data) == (None, {"explainCharge": None})
