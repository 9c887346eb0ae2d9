"""Opening an account, and the settings that decisions rest on."""

from __future__ import annotations

import pytest

from rules.ledger.commands import Reserve, Settle
from rules.ledger.kinds import Mutation
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from tests.rules.ledger.notation import ACCOUNT, TENANT, fact, refusal
from tests.rules.ledger.workbench import Workbench, an_account


@pytest.mark.parametrize(
    ("setting", "note"),
    [
        ({"frozen": True}, "frozen true"),
        ({"credit_limit": "2.5"}, "creditLimit 0 -> 2.5"),
        ({"credit_limit": "unlimited"}, "creditLimit 0 -> unlimited"),
        ({"time_zone": "Europe/Berlin"}, "timeZone UTC -> Europe/Berlin"),
    ],
)
def test_a_changed_setting_writes_one_adjustment_with_zero_changes_and_the_setting_in_its_note(
    setting: dict[str, object], note: str
) -> None:
    bench = an_account(tokens=10)
    bench.adjust(**setting)
    assert bench.written == [fact("ADJUSTMENT")]
    assert bench.entries[-1].note == note
    bench.adjust(**setting)
    assert bench.written == [], "nothing changed"


def test_two_settings_write_two() -> None:
    bench = an_account()
    bench.adjust(frozen=True, credit_limit=5)
    assert bench.written == [fact("ADJUSTMENT"), fact("ADJUSTMENT")]
    assert [entry.available_after for entry in bench.entries] == [0, 5_000_000]


def test_a_credit_limit_that_cannot_be_counted_changes_no_setting_at_all() -> None:
    bench = an_account(tokens=1)
    with refusal(InvalidInput):
        bench.adjust(frozen=True, credit_limit="9000000000000")
    assert not bench.account.frozen


def test_an_account_that_was_not_opened_is_not_found() -> None:
    bench = Workbench(opened=False)
    with refusal(NotFound("account")):
        bench.reserve(1)
    with refusal(NotFound("account")):
        bench.balance()


@pytest.mark.parametrize(("tenant", "account"), [(ACCOUNT, ACCOUNT), (TENANT, TENANT)])
def test_a_command_never_touches_another_tenants_or_accounts_row(tenant: object, account: object) -> None:
    bench = an_account(tokens=1)
    with refusal(NotFound("account")):
        bench.submit(Settle(tenant, account))
    with refusal(NotFound("account")):
        once = bench.once(Mutation.RESERVE, "key")
        bench.submit(Reserve(tenant, account, once, 1, (), "[]", 1))
