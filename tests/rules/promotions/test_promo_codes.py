"""Promo codes: what is forgiven to those who type them, and whom they are for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from rules.promotions.promo_codes import (
    PromoAudience,
    PromoCode,
    PromoNotActive,
    PromoTerms,
    Redeemer,
    canonical_code,
    judge_promo_code,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ALICE = Redeemer("alice", has_purchased=False, claims=0)
TERMS = PromoTerms("WELCOME", 5_000_000, active_from=NOON)


def a_code(claimed: int = 0, **changes: object) -> PromoCode:
    return PromoCode(UUID(int=1), replace(TERMS, **changes), claimed, NOON)


@pytest.mark.parametrize(
    "typed",
    ["SPRING-2026", "spring2026", " spring 2026 ", "S-P-R-I-N-G 2026", "spring\u20112026", "spring\u2013\u00a02026\t"],
)
def test_case_spaces_and_hyphens_are_forgiven(typed: str) -> None:
    assert canonical_code(typed) == "SPRING2026"


def test_what_looks_alike_in_other_widths_and_ligatures_is_one_code() -> None:
    assert canonical_code("\uff33\uff30\uff32\uff29\uff2e\uff27") == "SPRING"
    assert canonical_code("straße") == canonical_code("STRASSE")
    assert canonical_code(canonical_code("ßpring-ﬁn")) == canonical_code("ßpring-ﬁn")


class TestWhen:
    def test_from_its_first_instant_until_its_last(self) -> None:
        code = a_code(active_to=NOON + timedelta(hours=1))
        assert judge_promo_code(code, ALICE, NOON - SECOND) == PromoNotActive()
        assert judge_promo_code(code, ALICE, NOON) is None
        assert judge_promo_code(code, ALICE, NOON + timedelta(hours=1) - SECOND) is None
        assert judge_promo_code(code, ALICE, NOON + timedelta(hours=1)) == PromoNotActive()

    def test_not_once_its_grants_would_be_over_at_once(self) -> None:
        code = a_code(grant_expires_at=NOON + SECOND)
        assert judge_promo_code(code, ALICE, NOON) is None
        assert judge_promo_code(code, ALICE, NOON + SECOND) == PromoNotActive()

    def test_its_grants_end_so_many_days_after_they_were_redeemed(self) -> None:
        assert replace(TERMS, grant_expires_after_days=3).expires_at(NOON) == NOON + timedelta(days=3)
        assert TERMS.expires_at(NOON) is None


class TestHowOften:
    def test_up_to_the_cap_in_total(self) -> None:
        assert judge_promo_code(a_code(1, max_redemptions=2), ALICE, NOON) is None
        assert judge_promo_code(a_code(2, max_redemptions=2), ALICE, NOON) == PromoNotActive()

    def test_up_to_the_accounts_own_cap_which_it_is_told(self) -> None:
        again = replace(ALICE, claims=1)
        assert judge_promo_code(a_code(1, max_per_account=2), again, NOON) is None
        assert judge_promo_code(a_code(1), again, NOON) == PromoNotActive(already_redeemed=True)


class TestForWhom:
    def test_new_accounts_are_those_without_a_purchase(self) -> None:
        code = a_code(audience=PromoAudience.NEW_ACCOUNTS)
        assert judge_promo_code(code, ALICE, NOON) is None
        assert judge_promo_code(code, replace(ALICE, has_purchased=True), NOON) == PromoNotActive()

    def test_named_accounts_are_named_to_the_letter(self) -> None:
        code = a_code(audience=PromoAudience.ACCOUNTS, account_external_ids=("alice",))
        assert judge_promo_code(code, ALICE, NOON) is None
        assert judge_promo_code(code, replace(ALICE, external_id="Alice"), NOON) == PromoNotActive()


def test_nothing_tells_a_wrong_code_from_one_that_gives_nothing_now() -> None:
    unfit = [
        None,
        a_code(active_from=NOON + SECOND),
        a_code(active_to=NOON),
        a_code(1, max_redemptions=1),
        a_code(audience=PromoAudience.ACCOUNTS, account_external_ids=("bob",)),
    ]
    assert {judge_promo_code(code, ALICE, NOON) for code in unfit} == {PromoNotActive()}
