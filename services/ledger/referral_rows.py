"""Referrals, as far as they are written with the ledger's rows: who was referred, what was bought first, and reversed.

Written in the batch's own transaction, so that no reward is ever forgotten; `services.referrals` gives it afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg

from models.statements import statement
from rules.ledger.commands import AnyCommand, ClawBack, RevokeGrant
from rules.ledger.kinds import GrantSource
from rules.ledger.outcomes import GrantEffect
from services.ledger.submission import LedgerOutcome, Riders


@dataclass(slots=True)
class ReferralRows:
    """What a batch writes about referrals."""

    referred: list[tuple[UUID, UUID, UUID, datetime]] = field(default_factory=list)
    """(account, tenant, referrer, when)."""
    purchases: dict[UUID, tuple[UUID, int, int, int, str | None]] = field(default_factory=dict)
    """By account the first of this batch: (account, grant, tokens, percent, card)."""
    cards: set[tuple[UUID, str, UUID]] = field(default_factory=set)
    reversals: dict[tuple[UUID, int], tuple[UUID, int, bool]] = field(default_factory=dict)
    """By account and grant the last of this batch: (account, grant, whether it claws back)."""

    def note(self, command: AnyCommand, riders: Riders, outcome: LedgerOutcome) -> None:
        """Takes in what a command came to."""
        if not isinstance(outcome, GrantEffect) or outcome.replayed:
            return
        account_id, grant = command.account_id, outcome.grant
        signal = riders.purchase
        if signal is not None:
            bought = account_id, grant.grant_id, grant.granted, signal.percent, signal.card_fingerprint
            self.purchases.setdefault(account_id, bought)
            if signal.card_fingerprint is not None:
                self.cards.add((account_id, signal.card_fingerprint, command.tenant_id))
        if isinstance(command, RevokeGrant) and grant.source is GrantSource.PURCHASE:
            self.reversals[account_id, grant.grant_id] = account_id, grant.grant_id, isinstance(command, ClawBack)

    async def write(self, connection: asyncpg.Connection) -> None:
        """In the order in which they can have happened."""
        for name, found in (
            ("insert_referrals", self.referred),
            ("mark_first_purchases", self.purchases.values()),
            ("insert_purchase_cards", self.cards),
            ("mark_reversed_purchases", self.reversals.values()),
        ):
            if found:
                await connection.execute(statement(name), *map(list, zip(*found, strict=True)))
