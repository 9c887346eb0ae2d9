"""Each check of promotions names its own corruption, and that alone."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from tests.services.ledger.audit.vandal import Vandal
from tests.services.ledger.histories import LivedIn

A_CODE = """INSERT INTO promo_code (promo_code_id, tenant_id, code, canonical, amount, active_from, max_per_account,
    audience, account_external_ids, priority, claimed, created_at)
    VALUES ($1, $2, 'WELCOME', 'WELCOME', 5, now(), 1, 'EVERYONE', '{}', 50, $3, now())"""
A_CLAIM = """INSERT INTO promo_claim (account_id, key, tenant_id, claim_id, promo_code_id, fingerprint, claimed_at,
    made_at, grant_id) VALUES ($1, 'k', $2, $3, $4, sha256(''), now(), now(), $5)"""
A_REFERRAL = """INSERT INTO referral (account_id, tenant_id, referrer_id, referred_at, state, purchase_grant_id,
    purchased, percent, attend_at)
    VALUES ($1, $2, $3, now(), $4, 1, 100, 10, CASE WHEN $4 IN ('DUE', 'TAKING_BACK') THEN now() END)"""
A_GRANT = "SELECT min(grant_id) FROM token_grant WHERE account_id = $1 AND ended IS NULL AND source = 'BONUS'"
NAMES = "UPDATE token_grant SET source_ref = $3 WHERE account_id = $1 AND grant_id = $2"


async def a_claim(
    vandal: Vandal, lived_in: LivedIn, *, claimed: int = 1, grant: int | None = None
) -> tuple[UUID, UUID]:
    """A code that counts so many claims, and one claim of the rider's."""
    code, claim = uuid4(), uuid4()
    await vandal.changes(A_CODE, code, lived_in.tenant_id, claimed)
    await vandal.changes(A_CLAIM, lived_in.rider, lived_in.tenant_id, claim, code, grant)
    return code, claim


async def a_grant_for(vandal: Vandal, account_id: UUID, source_ref: str) -> int:
    """One of the account's grants, now made for something else."""
    grant: int = await vandal.finds(A_GRANT, account_id)
    await vandal.changes(NAMES, account_id, grant, source_ref)
    return grant


@pytest.mark.parametrize("claimed", [0, 2])
async def test_a_code_that_counts_other_claims_than_there_are(vandal: Vandal, lived_in: LivedIn, claimed: int) -> None:
    code, _ = await a_claim(vandal, lived_in, claimed=claimed)
    await vandal.is_caught("promo_code_claims", f"promo_code {code}")


async def test_a_grant_of_a_code_without_its_claim(vandal: Vandal, lived_in: LivedIn) -> None:
    await a_claim(vandal, lived_in)
    grant = await a_grant_for(vandal, lived_in.rider, f"promo:{uuid4().hex}")
    await vandal.is_caught("promo_grants", f"account {lived_in.rider} token_grant {grant}")


async def test_a_finished_claim_with_the_grant_of_something_else(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await vandal.finds(A_GRANT, lived_in.rider)
    await a_claim(vandal, lived_in, grant=grant)
    await vandal.is_caught("promo_grants", f"account {lived_in.rider} promo_claim k")


async def test_a_reward_without_its_referral(vandal: Vandal, lived_in: LivedIn) -> None:
    grant = await a_grant_for(vandal, lived_in.rider, f"referral:{lived_in.borrower.hex}")
    await vandal.is_caught("referral_rewards", f"account {lived_in.rider} token_grant {grant}")


async def test_a_referral_that_was_given_nothing(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(A_REFERRAL, lived_in.borrower, lived_in.tenant_id, lived_in.rider, "GIVEN")
    await vandal.is_caught("referral_rewards", f"account {lived_in.borrower} referral")


@pytest.mark.parametrize("state", ["TAKEN_BACK", "WITHHELD"])
async def test_a_reward_that_should_not_be_there(vandal: Vandal, lived_in: LivedIn, state: str) -> None:
    await vandal.changes(A_REFERRAL, lived_in.borrower, lived_in.tenant_id, lived_in.rider, state)
    await a_grant_for(vandal, lived_in.rider, f"referral:{lived_in.borrower.hex}")
    await vandal.is_caught("referral_rewards", f"account {lived_in.borrower} referral")


async def test_a_referral_by_another_tenants_account(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(A_REFERRAL, lived_in.borrower, lived_in.tenant_id, lived_in.stranger, "DUE")
    await vandal.is_caught("tenants", f"account {lived_in.stranger} referral by it")
