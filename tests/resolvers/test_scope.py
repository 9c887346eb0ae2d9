"""What each credential may do, field by field; a field that this table lacks fails."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLObjectType, GraphQLSchema, subscribe
from graphql import parse as parse_document

from resolvers.context import Context
from rules.identity import IdKind, public_id
from services.principal import Principal
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT_ID, GRANT_ID, HOLD_ID, MEMBER_ID, ROOT, SECRET, TENANT, Stage

KEYED = f'idempotencyKey: "k", holdId: "{HOLD_ID}"'

DOCUMENTS = {
    "Query.viewer": "{ viewer { kind } }",
    "Query.prices": "{ prices { totalCount } }",
    "Query.price": '{ price(model: "x") { model } }',
    "Query.estimate": "{ estimate(input: {amount: 1}) { __typename } }",
    "Query.affordable": (
        f'{{ affordable(input: {{model: "x", dimension: "count", accountId: "{ACCOUNT_ID}"}}) {{ __typename }} }}'
    ),
    "Query.packages": "{ packages { id } }",
    "Query.plans": "{ plans { id } }",
    "Query.priceBooks": "{ priceBooks { totalCount } }",
    "Query.priceBook": "{ priceBook { source } }",
    "Query.margin": "{ margin(input: {}) { __typename } }",
    "Query.usage": (
        f'{{ usage(input: {{accountId: "{ACCOUNT_ID}", from: "2026-05-01", to: "2026-05-31", groupBy: []}}) '
        "{ total } }"
    ),
    "Query.account": '{ account(externalId: "alice") { id } }',
    "Query.accounts": "{ accounts { totalCount } }",
    "Query.hold": f'{{ hold(id: "{HOLD_ID}") {{ id }} }}',
    "Query.explainCharge": f'{{ explainCharge(holdId: "{HOLD_ID}") {{ hold {{ id }} }} }}',
    "Query.alertEvents": f'{{ alertEvents(accountId: "{ACCOUNT_ID}") {{ totalCount }} }}',
    "Query.node": f'{{ node(id: "{HOLD_ID}") {{ id }} }}',
    "Mutation.estimate": "mutation { estimate(input: {amount: 1}) { __typename } }",
    "Mutation.reserve": (
        f'mutation {{ reserve(input: {{idempotencyKey: "k", accountId: "{ACCOUNT_ID}", work: {{amount: 1}}}}) '
        "{ __typename } }"
    ),
    "Mutation.charge": (
        f'mutation {{ charge(input: {{idempotencyKey: "k", accountId: "{ACCOUNT_ID}", work: {{amount: 1}}}}) '
        "{ __typename } }"
    ),
    "Mutation.commit": f"mutation {{ commit(input: {{{KEYED}}}) {{ __typename }} }}",
    "Mutation.release": f"mutation {{ release(input: {{{KEYED}}}) {{ __typename }} }}",
    "Mutation.extend": f"mutation {{ extend(input: {{{KEYED}}}) {{ __typename }} }}",
    "Mutation.refund": f"mutation {{ refund(input: {{{KEYED}}}) {{ __typename }} }}",
    "Mutation.publishPriceBook": 'mutation { publishPriceBook(input: {source: "x"}) { __typename } }',
    "Mutation.createTenant": (
        'mutation { createTenant(input: {slug: "a", name: "A", mode: TEST, priceBook: "p"}) { __typename } }'
    ),
    "Mutation.createApiKey": 'mutation { createApiKey(input: {name: "A", kind: SECRET}) { __typename } }',
    "Mutation.revokeApiKey": (
        f'mutation {{ revokeApiKey(input: {{id: "{public_id(IdKind.API_KEY, TENANT)}"}}) {{ __typename }} }}'
    ),
    "Mutation.createAccount": 'mutation { createAccount(input: {externalId: "a", name: "A"}) { __typename } }',
    "Mutation.updateAccount": f'mutation {{ updateAccount(input: {{accountId: "{ACCOUNT_ID}"}}) {{ __typename }} }}',
    "Mutation.setAlerts": f'mutation {{ setAlerts(input: {{accountId: "{ACCOUNT_ID}"}}) {{ __typename }} }}',
    "Mutation.closeAccount": f'mutation {{ closeAccount(input: {{accountId: "{ACCOUNT_ID}"}}) {{ __typename }} }}',
    "Mutation.settleOwed": (
        f'mutation {{ settleOwed(input: {{idempotencyKey: "k", accountId: "{ACCOUNT_ID}", amount: 1}}) '
        "{ __typename } }"
    ),
    "Mutation.transferTokens": (
        f'mutation {{ transferTokens(input: {{idempotencyKey: "k", fromAccountId: "{ACCOUNT_ID}", '
        'toExternalId: "bob", amount: 1}) { __typename } }'
    ),
    "Mutation.grantTokens": (
        f'mutation {{ grantTokens(input: {{idempotencyKey: "k", accountId: "{ACCOUNT_ID}", amount: 1}}) '
        "{ __typename } }"
    ),
    "Mutation.assignTokens": (
        f'mutation {{ assignTokens(input: {{idempotencyKey: "k", accountId: "{ACCOUNT_ID}", amount: 1}}) '
        "{ __typename } }"
    ),
    "Mutation.addMember": (
        f'mutation {{ addMember(input: {{accountId: "{ACCOUNT_ID}", externalId: "a", name: "A"}}) {{ __typename }} }}'
    ),
    "Mutation.updateMember": f'mutation {{ updateMember(input: {{memberId: "{MEMBER_ID}"}}) {{ __typename }} }}',
    "Mutation.removeMember": f'mutation {{ removeMember(input: {{memberId: "{MEMBER_ID}"}}) {{ __typename }} }}',
    "Mutation.manageMembers": (
        f'mutation {{ manageMembers(input: {{accountId: "{ACCOUNT_ID}", members: []}}) {{ __typename }} }}'
    ),
    "Query.workflow": f'{{ workflow(accountId: "{ACCOUNT_ID}", name: "a") {{ version }} }}',
    "Query.workflows": f'{{ workflows(accountId: "{ACCOUNT_ID}") {{ totalCount }} }}',
    "Query.project": f'{{ project(accountId: "{ACCOUNT_ID}", name: "a") {{ name }} }}',
    "Query.projects": f'{{ projects(accountId: "{ACCOUNT_ID}") {{ totalCount }} }}',
    "Mutation.saveProject": (
        f'mutation {{ saveProject(input: {{accountId: "{ACCOUNT_ID}", name: "a"}}) {{ __typename }} }}'
    ),
    "Mutation.saveWorkflow": (
        f'mutation {{ saveWorkflow(input: {{accountId: "{ACCOUNT_ID}", name: "a", lines: [{{model: "flux"}}]}}) '
        "{ __typename } }"
    ),
    "Mutation.archiveWorkflow": (
        f'mutation {{ archiveWorkflow(input: {{accountId: "{ACCOUNT_ID}", name: "a"}}) {{ __typename }} }}'
    ),
    "Mutation.grantTokensToMany": (
        f'mutation {{ grantTokensToMany(input: {{idempotencyKey: "k", accountIds: ["{ACCOUNT_ID}"], amount: 1}}) '
        "{ __typename } }"
    ),
    "Mutation.revokeGrant": (
        f'mutation {{ revokeGrant(input: {{idempotencyKey: "k", grantId: "{GRANT_ID}"}}) {{ __typename }} }}'
    ),
    "Mutation.setLimit": (
        f'mutation {{ setLimit(input: {{accountId: "{ACCOUNT_ID}", scope: ACCOUNT, period: DAY}}) {{ __typename }} }}'
    ),
    "Mutation.setLimits": (
        f'mutation {{ setLimits(input: {{accountId: "{ACCOUNT_ID}", limits: []}}) {{ __typename }} }}'
    ),
    "Query.promoCodes": "{ promoCodes { totalCount } }",
    "Mutation.createPromoCode": 'mutation { createPromoCode(input: {code: "WELCOME", tokens: 1}) { __typename } }',
    "Mutation.updatePromoCode": (
        f'mutation {{ updatePromoCode(input: {{id: "{public_id(IdKind.PROMO_CODE, TENANT)}"}}) {{ __typename }} }}'
    ),
    "Mutation.redeemPromoCode": (
        f'mutation {{ redeemPromoCode(input: {{idempotencyKey: "k", accountId: "{ACCOUNT_ID}", code: "WELCOME"}}) '
        "{ __typename } }"
    ),
    "Mutation.advanceClock": "mutation { advanceClock(input: {seconds: 1}) { __typename } }",
    "Subscription.balance": f'subscription {{ balance(accountId: "{ACCOUNT_ID}") {{ version }} }}',
}
FOR_ROOT = {"Query.viewer", "Mutation.createTenant", "Mutation.createApiKey", "Mutation.revokeApiKey"}
FOR_SECRET = set(DOCUMENTS) - {"Mutation.createTenant"}


class Reached(Exception):
    """The service was asked: the credential was allowed in."""


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    for noun in (
        stage.fares,
        stage.charges,
        stage.grants,
        stage.limits,
        stage.members,
        stage.transfers,
        stage.workflows,
        stage.projects,
        stage.gifts,
        stage.promo_codes,
        stage.redemptions,
        stage.accounts,
        stage.alerts,
        stage.reads,
        stage.price_books,
        stage.publishing,
        stage.margins,
        stage.usage,
        stage.tenants,
        stage.clocks,
        stage.api_keys,
    ):
        noun.answers = Everything()
    return stage


class Everything(dict[str, Any]):
    def __missing__(self, name: str) -> Any:
        return Reached(name)


async def code_of(schema: GraphQLSchema, stage: Stage, ask: Ask, place: str, principal: Principal | None) -> str | None:
    if place.startswith("Subscription"):
        context = Context(principal, stage)
        result = subscribe(schema, parse_document(DOCUMENTS[place]), context_value=context)
        result = await result if not hasattr(result, "__aiter__") else result  # type: ignore[misc]
    else:
        result = await ask(DOCUMENTS[place], principal)
    errors = getattr(result, "errors", None) or []
    return next((error.extensions["code"] for error in errors if error.extensions), None)


def test_every_root_field_is_in_the_table(schema: GraphQLSchema) -> None:
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    fields = {f"{root.name}.{field}" for root in roots if isinstance(root, GraphQLObjectType) for field in root.fields}

    assert fields == set(DOCUMENTS)


@pytest.mark.parametrize("place", DOCUMENTS)
async def test_nobody_gets_in_without_a_key(schema: GraphQLSchema, stage: Stage, ask: Ask, place: str) -> None:
    assert await code_of(schema, stage, ask, place, None) == "UNAUTHENTICATED"


@pytest.mark.parametrize("place", DOCUMENTS)
async def test_the_root_key_makes_tenants_and_keys_and_nothing_else(
    schema: GraphQLSchema, stage: Stage, ask: Ask, place: str
) -> None:
    assert await code_of(schema, stage, ask, place, ROOT) == (None if place in FOR_ROOT else "FORBIDDEN")


@pytest.mark.parametrize("place", DOCUMENTS)
async def test_a_secret_key_does_everything_of_its_tenant(
    schema: GraphQLSchema, stage: Stage, ask: Ask, place: str
) -> None:
    assert await code_of(schema, stage, ask, place, SECRET) == (None if place in FOR_SECRET else "FORBIDDEN")


async def test_a_refusal_says_which_key_is_needed(ask: Ask) -> None:
    without = await ask("{ viewer { kind } }", None)
    root = await ask("{ prices { totalCount } }", ROOT)
    secret = await ask(DOCUMENTS["Mutation.createTenant"], SECRET)

    assert without.errors is not None
    assert root.errors is not None
    assert secret.errors is not None
    assert "Authorization: Bearer" in without.errors[0].message
    assert "secret key" in root.errors[0].message
    assert "root key" in secret.errors[0].message
