"""Projects: the budget that follows from an estimate."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from rules.projects import Project, budget_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("estimate", "percent", "budget"),
    [(None, 20, None), (0, 20, 0), (100, 0, 100), (100, 20, 120), (1, 1, 2), (101, 10, 112), (2**62, 0, 2**62)],
)
def test_it_is_the_estimate_with_its_buffer_rounded_up(estimate: int | None, percent: int, budget: int | None) -> None:
    assert budget_of(estimate, percent) == budget


def test_a_budget_of_its_own_stands_whatever_the_estimate_says() -> None:
    for estimate in (None, 100):
        assert Project(UUID(int=1), "film", estimate, 20, 50, 0, NOON).budget == 50
    assert Project(UUID(int=1), "film", 100, 20, 0, 0, NOON).budget == 0
    assert Project(UUID(int=1), "film", 100, 20, None, 0, NOON).budget == 120
