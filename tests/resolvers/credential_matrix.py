"""What every credential may ask of every field: the table, written by hand.

To add a field, add one line: its name, who may, and a document that asks it. In a document stand for what it is asked
of: $account $expendable $debtor $external $hold $grant $entry $member $apiKey $tenant $promoCode $code; $fresh is a
word never used. The test fills in the caller's own, those of another account of the tenant, those of another tenant,
and ones that never were: who may must tell its own from what never was, and must not tell what lies beyond its reach
from it. So select enough: a success must look different from null or NotFound, and a list must show the ids of its
rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Who(Enum):
    """A kind of credential. All but ROOT are of one tenant; from ACCOUNT_PARTNER on they are of one account of it."""

    ROOT = "the root key"
    SECRET = "a secret key"
    PARTNER = "a partner key of the tenant"
    ACCOUNT_PARTNER = "a partner key of an account"
    ADMIN = "a client token, role ADMIN"
    MEMBER = "a client token, role MEMBER"
    VIEWER = "a client token, role VIEWER"


@dataclass(frozen=True)
class Row:
    """Who may ask a field, and how it is asked. `root`: how the root key asks, where that differs.

    `logged`: it is an administrative act, which leaves a line in the change log; the document must then succeed.
    `ends_tokens`: it may end the client tokens of the account that is asked of.
    """

    who: frozenset[Who]
    document: str
    root: str | None = None
    logged: bool = False
    ends_tokens: bool = False


CLIENTS: Final = frozenset({Who.ADMIN, Who.MEMBER, Who.VIEWER})
SECRET: Final = frozenset({Who.SECRET})
ROOT: Final = frozenset({Who.ROOT})
KEYHOLDERS: Final = SECRET | ROOT
ADMINS: Final = SECRET | {Who.ADMIN}
QUOTERS: Final = SECRET | CLIENTS
READERS: Final = QUOTERS | {Who.PARTNER, Who.ACCOUNT_PARTNER}
EVERYBODY: Final = READERS | ROOT

_BOOK: Final = json.dumps(
    'slug = "small"\nname = "Small"\ncurrency = "usd"\n[[prices]]\nname = "Upscale"\ncategory = "tool"\ntokens = 8'
)
_KEYED: Final = "idempotencyKey: $fresh, holdId: $hold"

TABLE: Final[dict[str, Row]] = {
    "Query.viewer": Row(EVERYBODY, "{ viewer { kind tenantId accountId } }"),
    "Query.prices": Row(READERS, "{ prices { totalCount } }"),
    "Query.price": Row(READERS, '{ price(model: "upscale") { model } }'),
    "Query.estimate": Row(READERS, "{ estimate(input: {amount: 1, accountId: $account}) { __typename } }"),
    "Query.affordable": Row(
        READERS, '{ affordable(input: {model: "upscale", dimension: "count", accountId: $account}) { __typename } }'
    ),
    "Query.packages": Row(READERS, "{ packages { id } }"),
    "Query.plans": Row(READERS, "{ plans { id } }"),
    "Query.priceBooks": Row(SECRET, "{ priceBooks { totalCount } }"),
    "Query.priceBook": Row(SECRET, "{ priceBook { source } }"),
    "Query.margin": Row(SECRET, "{ margin(input: {}) { __typename } }"),
    "Query.account": Row(READERS, "{ account(externalId: $external) { id externalId } }"),
    "Query.accounts": Row(READERS, "{ accounts { nodes { id externalId } totalCount } }"),
    "Query.hold": Row(READERS, "{ hold(id: $hold) { id accountId } }"),
    "Query.explainCharge": Row(READERS, "{ explainCharge(holdId: $hold) { hold { id } } }"),
    "Query.node": Row(
        READERS, "{ a: node(id: $account) { id } b: node(id: $grant) { id } c: node(id: $member) { id } }"
    ),
    "Query.alertEvents": Row(READERS, "{ alertEvents(accountId: $account) { nodes { id } } }"),
    "Query.usage": Row(
        READERS,
        '{ usage(input: {accountId: $account, from: "2026-05-01", to: "2026-05-31", groupBy: []}) { operations } }',
    ),
    "Query.promoCodes": Row(SECRET, "{ promoCodes { totalCount } }"),
    "Query.workflow": Row(READERS, '{ workflow(accountId: $account, name: "poster") { version } }'),
    "Query.workflows": Row(READERS, "{ workflows(accountId: $account) { totalCount nodes { slug } } }"),
    "Query.project": Row(READERS, '{ project(accountId: $account, name: "film") { name } }'),
    "Query.projects": Row(READERS, "{ projects(accountId: $account) { totalCount nodes { name } } }"),
    "Query.apiKeys": Row(
        KEYHOLDERS,
        "{ apiKeys { nodes { id accountId } totalCount } }",
        root="{ apiKeys(tenantId: $tenant) { nodes { id } } }",
    ),
    "Query.tenants": Row(ROOT, "{ tenants { nodes { id slug } totalCount } }"),
    "Query.changes": Row(ADMINS, "{ changes(accountId: $account) { nodes { id act accountId subject } } }"),
    "Mutation.estimate": Row(QUOTERS, "mutation { estimate(input: {amount: 1, accountId: $account}) { __typename } }"),
    "Mutation.reserve": Row(
        SECRET,
        "mutation { reserve(input: {idempotencyKey: $fresh, accountId: $account, work: {amount: 0}}) { __typename } }",
    ),
    "Mutation.charge": Row(
        SECRET,
        "mutation { charge(input: {idempotencyKey: $fresh, accountId: $account, work: {amount: 0}}) { __typename } }",
    ),
    "Mutation.commit": Row(
        SECRET, f"mutation {{ commit(input: {{{_KEYED}, actual: {{amount: 0}}, final: false}}) {{ __typename }} }}"
    ),
    "Mutation.release": Row(SECRET, f"mutation {{ release(input: {{{_KEYED}}}) {{ __typename }} }}"),
    "Mutation.extend": Row(SECRET, f"mutation {{ extend(input: {{{_KEYED}, ttlSeconds: 60}}) {{ __typename }} }}"),
    "Mutation.refund": Row(SECRET, f"mutation {{ refund(input: {{{_KEYED}}}) {{ __typename }} }}"),
    "Mutation.publishPriceBook": Row(
        SECRET, f"mutation {{ publishPriceBook(input: {{source: {_BOOK}}}) {{ __typename }} }}", logged=True
    ),
    "Mutation.createTenant": Row(
        ROOT,
        'mutation { createTenant(input: {slug: $fresh, name: "A", mode: TEST, priceBook: "elumenta"}) { __typename } }',
        logged=True,
    ),
    "Mutation.createApiKey": Row(
        KEYHOLDERS,
        'mutation { createApiKey(input: {name: "A", kind: PARTNER, accountId: $account}) { __typename } }',
        root='mutation { createApiKey(input: {name: "A", kind: SECRET, tenantId: $tenant}) { __typename } }',
        logged=True,
    ),
    "Mutation.rotateApiKey": Row(
        KEYHOLDERS, "mutation { rotateApiKey(input: {id: $apiKey, overlapSeconds: 60}) { __typename } }", logged=True
    ),
    "Mutation.revokeApiKey": Row(
        KEYHOLDERS, "mutation { revokeApiKey(input: {id: $apiKey}) { __typename } }", logged=True
    ),
    "Mutation.createClientToken": Row(
        SECRET, "mutation { createClientToken(input: {accountExternalId: $external}) { __typename } }", logged=True
    ),
    "Mutation.revokeClientTokens": Row(
        SECRET,
        "mutation { revokeClientTokens(input: {accountId: $account}) { __typename } }",
        logged=True,
        ends_tokens=True,
    ),
    "Mutation.createAccount": Row(
        SECRET, 'mutation { createAccount(input: {externalId: $fresh, name: "A"}) { __typename } }', logged=True
    ),
    "Mutation.updateAccount": Row(
        ADMINS, 'mutation { updateAccount(input: {accountId: $account, name: "A"}) { __typename } }', logged=True
    ),
    "Mutation.saveWorkflow": Row(
        ADMINS,
        'mutation { saveWorkflow(input: {accountId: $account, name: $fresh, lines: [{model: "upscale"}]}) '
        "{ __typename } }",
        logged=True,
    ),
    "Mutation.archiveWorkflow": Row(
        ADMINS, 'mutation { archiveWorkflow(input: {accountId: $account, name: "poster"}) { __typename } }', logged=True
    ),
    "Mutation.saveProject": Row(
        ADMINS, "mutation { saveProject(input: {accountId: $account, name: $fresh}) { __typename } }", logged=True
    ),
    "Mutation.createPromoCode": Row(
        SECRET, "mutation { createPromoCode(input: {code: $fresh, tokens: 1}) { __typename } }", logged=True
    ),
    "Mutation.updatePromoCode": Row(
        SECRET, "mutation { updatePromoCode(input: {id: $promoCode, maxPerAccount: 2}) { __typename } }", logged=True
    ),
    "Mutation.redeemPromoCode": Row(
        SECRET | {Who.ADMIN, Who.MEMBER},
        "mutation { redeemPromoCode(input: {idempotencyKey: $fresh, accountId: $account, code: $code}) "
        "{ __typename } }",
    ),
    "Mutation.grantTokensToMany": Row(
        SECRET,
        "mutation { grantTokensToMany(input: {idempotencyKey: $fresh, accountIds: [$account], amount: 1}) "
        "{ __typename ... on GrantTokensToManySuccess { granted } } }",
        logged=True,
    ),
    "Mutation.settleOwed": Row(
        SECRET,
        "mutation { settleOwed(input: {idempotencyKey: $fresh, accountId: $debtor, amount: 1}) { __typename } }",
        logged=True,
    ),
    "Mutation.transferTokens": Row(
        SECRET,
        "mutation { transferTokens(input: {idempotencyKey: $fresh, fromAccountId: $account, "
        'toExternalId: "receiver", amount: "0.000001"}) { __typename } }',
        logged=True,
    ),
    "Mutation.closeAccount": Row(
        SECRET, "mutation { closeAccount(input: {accountId: $expendable}) { __typename } }", logged=True
    ),
    "Mutation.grantTokens": Row(
        SECRET,
        "mutation { grantTokens(input: {idempotencyKey: $fresh, accountId: $account, amount: 1}) { __typename } }",
        logged=True,
    ),
    "Mutation.assignTokens": Row(
        ADMINS,
        "mutation { assignTokens(input: {idempotencyKey: $fresh, accountId: $account, memberId: $member, amount: 1}) "
        "{ __typename } }",
        logged=True,
    ),
    "Mutation.addMember": Row(
        ADMINS,
        'mutation { addMember(input: {accountId: $account, externalId: $fresh, name: "A"}) { __typename } }',
        logged=True,
    ),
    "Mutation.updateMember": Row(
        ADMINS, 'mutation { updateMember(input: {memberId: $member, name: "A"}) { __typename } }', logged=True
    ),
    "Mutation.removeMember": Row(
        ADMINS, "mutation { removeMember(input: {memberId: $member}) { __typename } }", logged=True
    ),
    "Mutation.manageMembers": Row(
        ADMINS,
        "mutation { manageMembers(input: {accountId: $account, members: [{remove: $member}]}) { __typename } }",
        logged=True,
    ),
    "Mutation.setLimit": Row(
        ADMINS,
        "mutation { setLimit(input: {accountId: $account, scope: ACCOUNT, period: DAY, limit: 5}) { __typename } }",
        logged=True,
    ),
    "Mutation.setLimits": Row(
        ADMINS,
        "mutation { setLimits(input: {accountId: $account, limits: [{scope: ACCOUNT, period: DAY, limit: 9}]}) "
        "{ __typename } }",
        logged=True,
    ),
    "Mutation.setAlerts": Row(
        ADMINS,
        "mutation { setAlerts(input: {accountId: $account, lowBalancePercents: [7]}) { __typename } }",
        logged=True,
    ),
    "Mutation.revokeGrant": Row(
        SECRET, "mutation { revokeGrant(input: {idempotencyKey: $fresh, grantId: $grant}) { __typename } }", logged=True
    ),
    "Mutation.advanceClock": Row(SECRET, "mutation { advanceClock(input: {seconds: 1}) { __typename } }", logged=True),
    "Subscription.balance": Row(READERS, "subscription { balance(accountId: $account) { accountId version } }"),
    "Subscription.holds": Row(READERS, "subscription { holds(accountId: $account) { accountId version } }"),
    "Subscription.usage": Row(READERS, "subscription { usage(accountId: $account) { accountId version } }"),
    "Subscription.dailyLimit": Row(READERS, "subscription { dailyLimit(accountId: $account) { accountId version } }"),
    "Subscription.lowBalance": Row(READERS, "subscription { lowBalance(accountId: $account) { id accountId } }"),
}
"""By "<root type>.<field>"."""
