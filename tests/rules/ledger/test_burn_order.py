"""Which grants pay: assigned tokens first, then the lowest priority, then the soonest expiry, then the oldest."""

from __future__ import annotations

import pytest

from rules.ledger.refusals import InsufficientTokens
from tests.rules.ledger.notation import fact, in_tokens, refusal, tokens
from tests.rules.ledger.workbench import an_account

FIRST_SECOND = [
    pytest.param({"priority": 1}, {"priority": 2}, id="the lowest priority number"),
    pytest.param({"priority": 1, "expires_in": 900}, {"priority": 2, "expires_in": 60}, id="priority before expiry"),
    pytest.param({"expires_in": 60}, {"expires_in": 61}, id="the soonest expiry"),
    pytest.param({"expires_in": 10**6}, {}, id="any expiry before none"),
]


def assert_burns_first(early: dict[str, int], late: dict[str, int], *, early_comes_first: bool) -> None:
    bench = an_account()
    made = [bench.grant(10, **options) for options in ((early, late) if early_comes_first else (late, early))]
    first, second = made if early_comes_first else made[::-1]
    hold = bench.reserve(15)
    assert [in_tokens(bench.lot(grant).held) for grant in (first, second)] == [10, 5]
    bench.commit(hold, 12)
    assert bench.left_on(first, second) == [0, 8]


@pytest.mark.parametrize(("early", "late"), FIRST_SECOND)
@pytest.mark.parametrize("early_comes_first", [True, False])
def test_burns_first(early: dict[str, int], late: dict[str, int], early_comes_first: bool) -> None:
    assert_burns_first(early, late, early_comes_first=early_comes_first)


def test_the_oldest_burns_first_among_equals() -> None:
    assert_burns_first({}, {}, early_comes_first=True)


def test_assigned_tokens_burn_first_for_their_project() -> None:
    bench = an_account()
    bench.grant(10, priority=99)
    film = bench.assign(10, project="film")
    pool = bench.grant(10, priority=1)
    bench.charge(12, project="film")
    assert bench.left_on(pool, film) == [8, 0]


@pytest.mark.parametrize("project", [None, "game"])
def test_assigned_tokens_serve_nobody_else(project: str | None) -> None:
    bench = an_account()
    pool = bench.grant(20)
    film = bench.assign(10, project="film")
    with refusal(InsufficientTokens(tokens("10.000001"), tokens(10))):
        bench.reserve("10.000001", project=project)
    bench.charge(10, project=project)
    assert bench.left_on(pool, film) == [0, 10]


def test_a_hold_spends_in_burn_order_also_what_joined_it_later() -> None:
    bench = an_account()
    late = bench.grant(10, priority=50)
    hold = bench.reserve(10)
    early = bench.grant(10, priority=1)
    bench.extend(hold, 10)
    bench.commit(hold, 12)
    assert bench.left_on(early, late) == [0, 8]


def test_a_hold_spends_its_grants_before_the_credit_line() -> None:
    bench = an_account(tokens=10, credit_limit=20)
    hold = bench.reserve(25)
    bench.grant(30)
    bench.extend(hold, 5)
    bench.commit(hold, 15)
    assert bench.written == [fact("CAPTURE", total=-15, held=-15, spent=15), fact("RELEASE", held=-15)]


def test_ended_and_expired_grants_pay_nothing_new() -> None:
    bench = an_account()
    expiring, revoked, good = bench.grant(10, expires_in=60), bench.grant(10), bench.grant(10)
    bench.reserve(5)
    bench.revoke(revoked)
    bench.wait(60)
    with refusal(InsufficientTokens(tokens("10.000001"), tokens(10))):
        bench.reserve("10.000001")
    bench.charge(10)
    assert bench.left_on(expiring, revoked, good) == [5, 0, 0]


@pytest.mark.parametrize(("amount", "names_it"), [(10, True), (11, False)])
def test_an_entry_names_its_grant_only_where_one_is_concerned(amount: int, names_it: bool) -> None:
    bench = an_account()
    first = bench.grant(10)
    bench.grant(10)
    hold = bench.reserve(amount)
    bench.release(hold)
    expected = first if names_it else None
    assert [entry.grant_id for entry in bench.entries[-2:]] == [expected, expected]
