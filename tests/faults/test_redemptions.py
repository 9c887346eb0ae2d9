"""Promo codes redeemed by processes that are killed at any moment."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models.database import Database
from rules.ledger.outcomes import GrantEffect
from rules.promotions.promo_codes import PromoNotActive
from services import redemptions as module
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import of_kind, value_of
from tests.services.ledger.sums import contradictions
from tests.services.shop import open_shop
from tests.services.test_promo_codes import made

ROOT = Path(__file__).resolve().parents[2]
END_SECONDS_MAX = 120.0
CAP = 30


async def test_a_cap_is_used_up_to_the_last_and_never_beyond_by_processes_that_are_killed(
    database: Database, a_tenant: TenantBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ABANDONED_SECONDS", 0)
    async with open_shop(database, (await a_tenant()).id) as shop:
        code = (await made(shop, max_redemptions=CAP)).terms.code
        accounts = [await shop.open(f"{number}") for number in range(2 * CAP)]
        words = [database.dsn, str(shop.tenant_id), code, "8", *map(str, accounts)]
        for redeemed_before_the_kill in (2, 5, 1):
            loop = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.redeem_loop", *words], stdout=subprocess.PIPE, cwd=ROOT
            )
            assert loop.stdout is not None
            for _ in range(redeemed_before_the_kill):
                assert loop.stdout.readline()
            loop.send_signal(signal.SIGKILL)
            assert loop.wait(END_SECONDS_MAX) == -signal.SIGKILL
            loop.stdout.close()
        while await shop.redemptions.finish():
            pass

        outcomes = [await shop.redemptions.redeem(shop.tenant_id, account, "the key", code) for account in accounts]

        assert len(of_kind(outcomes, GrantEffect)) == CAP
        assert len(of_kind(outcomes, PromoNotActive)) == CAP
        assert await value_of(database, "SELECT claimed FROM promo_code") == CAP
        assert await value_of(database, "SELECT count(*) FROM token_grant WHERE source = 'PROMO'") == CAP
        assert await value_of(database, "SELECT count(*) FROM promo_claim WHERE grant_id IS NOT NULL") == CAP
        assert await contradictions(database) == []
