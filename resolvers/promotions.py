"""Promotions: promo codes made, changed, listed and redeemed."""

from __future__ import annotations

from functools import partial

import strawberry

from resolvers.context import Info
from resolvers.grants import grant_result
from resolvers.scope import ScopedAccount, account_in_scope, parsed, principal_of, tenant_with
from rules.identity import IdKind
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from rules.promotions.promo_codes import PromoAudience, PromoTerms, canonical_code
from rules.promotions.promo_codes import PromoCode as PromoCodeRow
from schema.connections import FIRST_DEFAULT, Connection, Listing, connection, slice_of_names
from schema.described import output
from schema.inputs import PRIORITY_DEFAULT
from schema.promotion_inputs import CreatePromoCodeInput, RedeemPromoCodeInput, UpdatePromoCodeInput
from schema.promotions import PromoCode, shown_promo_code
from schema.refusals import problem_of
from schema.results import GrantResult, PromoCodeResult, PromoCodeSuccess
from services.principal import Scope
from services.promo_codes import PromoCodeChanges


@output
class PromotionQueries:
    """Reads of promotions."""

    @strawberry.field
    async def promo_codes(
        self, info: Info, first: int | None = FIRST_DEFAULT, after: str | None = None
    ) -> Connection[PromoCode] | None:
        """The tenant's promo codes, in the order of their letters.

        first: how many, 1 to 100
        after: the cursor that the page follows
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        promo_codes = info.context.services.promo_codes
        page = await promo_codes.list(tenant_id, slice_of_names(Listing.PROMO_CODES, first, after))
        return connection(
            Listing.PROMO_CODES,
            page,
            shown_promo_code,
            lambda found: canonical_code(found.terms.code),
            partial(promo_codes.count, tenant_id),
            follows=after is not None,
        )


@output
class PromotionMutations:
    """The verbs of promotions."""

    @strawberry.mutation
    async def create_promo_code(self, info: Info, input: CreatePromoCodeInput) -> PromoCodeResult | None:
        """Makes a promo code.

        input: the code, what it gives, to whom and when
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        terms = PromoTerms(
            code=input.code,
            amount=input.tokens,
            active_from=input.active_from,
            active_to=input.active_to,
            max_redemptions=input.max_redemptions,
            max_per_account=1 if input.max_per_account is None else input.max_per_account,
            audience=input.audience or PromoAudience.EVERYONE,
            account_external_ids=tuple(input.account_external_ids or ()),
            grant_expires_at=input.expires_at,
            grant_expires_after_days=input.expires_after_days,
            priority=PRIORITY_DEFAULT if input.priority is None else input.priority,
            note=input.note,
        )
        return _result(await info.context.services.promo_codes.create(tenant_id, terms, by=principal_of(info)))

    @strawberry.mutation
    async def update_promo_code(self, info: Info, input: UpdatePromoCodeInput) -> PromoCodeResult | None:
        """Ends a promo code, or changes its caps; what was redeemed stays.

        input: which code, and what to change
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        named = parsed(input.id, IdKind.PROMO_CODE)
        if named is None:
            return problem_of(NotFound("promo code"))
        fields = {
            "active_to": input.active_to,
            "max_redemptions": input.max_redemptions,
            "max_per_account": input.max_per_account,
            "note": input.note,
        }
        changes = PromoCodeChanges(
            given=frozenset(name for name, field in fields.items() if field is not None),
            active_to=None if input.active_to is None else input.active_to.value,
            max_redemptions=None if input.max_redemptions is None else input.max_redemptions.value,
            max_per_account=None if input.max_per_account is None else input.max_per_account.value,
            note=None if input.note is None else input.note.value,
        )
        return _result(
            await info.context.services.promo_codes.update(tenant_id, named.owner, changes, by=principal_of(info))
        )

    @strawberry.mutation
    async def redeem_promo_code(self, info: Info, input: RedeemPromoCodeInput) -> GrantResult | None:
        """Turns a promo code into tokens. Wrong codes are counted, and too many of them end in RateLimited.

        input: which code, and for whom
        """
        account = account_in_scope(info, Scope.BUY, input.account_id, input.account_external_id)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        outcome = await info.context.services.redemptions.redeem(
            account.tenant_id, account.account_id, input.idempotency_key, input.code
        )
        return grant_result(account.tenant_id, outcome)


def _result(outcome: PromoCodeRow | NotFound | InvalidInput) -> PromoCodeResult:
    if isinstance(outcome, PromoCodeRow):
        return PromoCodeSuccess(promo_code=shown_promo_code(outcome))
    return problem_of(outcome)
