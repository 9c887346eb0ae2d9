"""Gates: models that only some plans open. Judged when work begins or grows, never when it is captured."""

from __future__ import annotations

from typing import NamedTuple

from rules.ledger.refusals import TierRequired


class Gate(NamedTuple):
    """A model that needs a tier, and the plans that have it."""

    model: str
    tier: str
    plans: frozenset[str]


def first_closed(plan_id: str | None, gates: tuple[Gate, ...]) -> TierRequired | None:
    """The first gate that an account on this plan does not get through; None where all are open."""
    for gate in gates:
        if plan_id is None or plan_id not in gate.plans:
            return TierRequired(gate.model, gate.tier)
    return None
