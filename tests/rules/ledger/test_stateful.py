"""The core against the model: any sequence of commands, clock steps and retries leads both to the same place.

`FAREBOX_STATEFUL_EXAMPLES` sets how many sequences are tried (by default few enough for every run of the tests, and
always the same ones); the long run tries new ones each time.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.rules.ledger.machine import LedgerMachine

EXAMPLES = int(os.environ.get("FAREBOX_STATEFUL_EXAMPLES", "120"))
EXAMPLES_SOAK = 4_000
STEPS = 50


def a_run(examples: int, *, repeatable: bool) -> settings:
    shrinks = os.environ.get("FAREBOX_STATEFUL_SHRINK", "1") == "1"
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        derandomize=repeatable,
        database=None,
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if shrinks else [Phase.generate],
    )


def test_any_sequence_of_commands_leads_the_core_and_the_model_to_the_same_place() -> None:
    run_state_machine_as_test(LedgerMachine, settings=a_run(EXAMPLES, repeatable=True))


@pytest.mark.soak
def test_so_do_thousands_of_new_sequences() -> None:
    run_state_machine_as_test(LedgerMachine, settings=a_run(EXAMPLES_SOAK, repeatable=False))
