"""A member sees the pool and itself; of other members it cannot tell that they are there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLError, GraphQLSchema, graphql, subscribe
from graphql import parse as parse_document

from models.account import AccountKind
from resolvers.context import Context
from resolvers.plain import PlainCall, exported_account
from resolvers.scope import ScopedAccount, member_in_account, parsed
from rules.identity import IdKind, public_id
from rules.ledger.kinds import MemberRole
from rules.ledger.outcomes import GrantEffect, HoldEffect, MembersEffect
from rules.ledger.requests import AssignRequest, GrantRequest, MembersRequest, NewMember, ReserveRequest
from rules.pricing.tokens import MICROS
from server.composition import Services, open_services
from services.accounts import AccountRecord
from services.client_tokens import CreatedClientToken
from services.principal import Principal
from tests.resolvers.credential_world import a_tenant

TODAY = datetime.now(UTC).date().isoformat()

LISTS = """{ account(externalId: "team") {
    members { totalCount nodes { id } }
    holds { totalCount nodes { id memberId } }
    grants { totalCount nodes { id memberId } }
    entries { totalCount nodes { id memberId } }
} }"""


@dataclass(frozen=True)
class Team:
    """An account with two members, each with tokens of its own and a charge, beside one of the pool."""

    schema: GraphQLSchema
    services: Services
    account: str
    ann: str
    ben: str
    rows: dict[str, dict[str, str]]
    """Ids by whose they are ("ann", "ben", "pool") and by noun."""
    callers: dict[str, Principal]

    async def ask(self, caller: str, query: str) -> dict[str, Any]:
        context = Context(self.callers[caller], self.services)
        result = await graphql(self.schema, query, context_value=context)
        return {"data": result.data, "errors": [error.message for error in result.errors or []]}


@pytest.fixture
async def team(schema: GraphQLSchema, dsn: str) -> AsyncIterator[Team]:
    async with open_services(dsn, root_key="the root key") as services:
        _, backend = await a_tenant(services, "ours")
        tenant_id = backend.tenant_id
        assert tenant_id is not None
        account = await services.accounts.create(
            tenant_id, external_id="team", name="Team", kind=AccountKind.TEAM, time_zone="UTC"
        )
        assert isinstance(account, AccountRecord)
        owner = account.account_id
        await services.grants.grant_tokens(GrantRequest(tenant_id, owner, "first", 1_000 * MICROS))
        newcomers = tuple(NewMember(name, name, MemberRole.MEMBER) for name in ("ann", "ben"))
        added = await services.members.manage(MembersRequest(tenant_id, owner, newcomers, listed=True))
        assert isinstance(added, MembersEffect)
        members = dict(zip(("ann", "ben"), (member.member_id for member in added.members), strict=True))
        rows: dict[str, dict[str, str]] = {}
        for name, member_id in {**members, "pool": None}.items():
            rows[name] = {}
            if member_id is not None:
                assigned = await services.grants.assign_tokens(
                    AssignRequest(tenant_id, owner, name, 10 * MICROS, member_id=member_id)
                )
                assert isinstance(assigned, GrantEffect), assigned
                rows[name]["grant"] = public_id(IdKind.GRANT, owner, assigned.grant.grant_id)
            held = await services.fares.charge(
                ReserveRequest(tenant_id, owner, name, work=2 * MICROS, member_id=member_id)
            )
            assert isinstance(held, HoldEffect), held
            rows[name]["hold"] = public_id(IdKind.HOLD, owner, held.hold.hold_id)
            rows[name]["entry"] = public_id(IdKind.ENTRY, owner, held.balance.version)
        callers = {"backend": backend}
        for caller, member, role in (
            ("ann", members["ann"], MemberRole.MEMBER),
            ("an admin", None, MemberRole.ADMIN),
            ("nobody in particular", None, MemberRole.MEMBER),
        ):
            made = await services.client_tokens.create(backend, owner, member_id=member, role=role)
            assert isinstance(made, CreatedClientToken)
            principal = await services.credentials.authenticate(made.token)
            assert principal is not None
            callers[caller] = principal
        ids = {name: public_id(IdKind.MEMBER, owner, part=member_id) for name, member_id in members.items()}
        yield Team(schema, services, public_id(IdKind.ACCOUNT, owner), ids["ann"], ids["ben"], rows, callers)


ALERTS = "alertEvents(kinds: [GRANT_EXPIRING]) { totalCount nodes { id grantId amount } }"


async def expiring_notices(team: Team) -> dict[str, set[str]]:
    """Lets the pool's grants come near their end, and with them what is assigned; the ids of what is told, by owner."""
    tenant_id = team.callers["backend"].tenant_id
    assert tenant_id is not None
    await team.services.clocks.advance(tenant_id, 360 * 86_400)
    answer = await team.ask("backend", f'{{ account(externalId: "team") {{ {ALERTS} }} }}')
    told = {node["grantId"]: node["id"] for node in answer["data"]["account"]["alertEvents"]["nodes"]}
    anns, bens = [told.pop(team.rows[name]["grant"]) for name in ("ann", "ben")]
    assert told
    return {"ann": {anns}, "ben": {bens}, "pool": set(told.values())}


@pytest.mark.parametrize(
    ("caller", "sees"),
    [
        ("backend", {"pool", "ann", "ben"}),
        ("an admin", {"pool", "ann", "ben"}),
        ("ann", {"pool", "ann"}),
        ("nobody in particular", {"pool"}),
    ],
)
async def test_of_grants_about_to_expire_are_told_the_pools_and_those_of_members_that_are_seen(
    team: Team, caller: str, sees: set[str]
) -> None:
    told = await expiring_notices(team)
    events = ALERTS.replace("alertEvents(", 'alertEvents(accountExternalId: "team", ')

    answer = await team.ask(caller, f'{{ {events} account(externalId: "team") {{ {ALERTS} }} }}')

    assert answer["errors"] == []
    assert answer["data"]["alertEvents"] == answer["data"]["account"]["alertEvents"]
    seen = {node["id"] for node in answer["data"]["alertEvents"]["nodes"]}
    assert seen == set[str]().union(*(told[owner] for owner in sees))
    assert answer["data"]["alertEvents"]["totalCount"] == len(seen)
    for id in set[str]().union(*told.values()):
        node = (await team.ask(caller, f'{{ node(id: "{id}") {{ id }} }}'))["data"]["node"]
        assert node == ({"id": id} if id in seen else None)


def owners_of(listed: dict[str, Any]) -> set[str | None]:
    return {node["memberId"] for node in listed["nodes"]}


@pytest.mark.parametrize(
    ("caller", "sees_ann", "sees_ben"),
    [
        ("backend", True, True),
        ("an admin", True, True),
        ("ann", True, False),
        ("nobody in particular", False, False),
    ],
)
async def test_lists_have_the_pool_and_the_members_that_are_seen_and_count_no_other(
    team: Team, caller: str, sees_ann: bool, sees_ben: bool
) -> None:
    answer = await team.ask(caller, LISTS)

    assert answer["errors"] == []
    account = answer["data"]["account"]
    seen = {member for member, is_seen in ((team.ann, sees_ann), (team.ben, sees_ben)) if is_seen}
    assert {node["id"] for node in account["members"]["nodes"]} == seen
    for noun in ("holds", "grants", "entries"):
        assert owners_of(account[noun]) == seen | {None}, noun
    for noun in ("members", "holds", "grants", "entries"):
        assert account[noun]["totalCount"] == len(account[noun]["nodes"]), noun


async def test_what_is_anothers_looks_by_its_id_as_if_it_never_was(team: Team) -> None:
    def asked(id: str) -> str:
        explained = f'explainCharge(holdId: "{id}") {{ hold {{ id }} }}'
        return f'{{ node(id: "{id}") {{ id }} hold(id: "{id}") {{ id }} {explained} }}'

    nothing = {"data": {"node": None, "hold": None, "explainCharge": None}, "errors": []}

    for id in (*team.rows["ben"].values(), team.ben):
        assert await team.ask("ann", asked(id)) == nothing
        assert (await team.ask("an admin", asked(id)))["data"]["node"] == {"id": id}
    for id in (*team.rows["ann"].values(), *team.rows["pool"].values(), team.ann):
        assert (await team.ask("ann", asked(id)))["data"]["node"] == {"id": id}


@pytest.mark.parametrize(
    "query",
    [
        '{{ account {{ balance(memberId: "{id}") {{ assigned }} }} }}',
        '{{ account {{ limits(memberId: "{id}") {{ scope }} }} }}',
        '{{ account {{ entries(memberId: "{id}") {{ totalCount }} }} }}',
        '{{ estimate(input: {{amount: 1, memberId: "{id}"}}) {{ __typename }} }}',
        '{{ affordable(input: {{model: "upscale", dimension: "count", memberId: "{id}"}}) {{ __typename }} }}',
        'mutation {{ estimate(input: {{amount: 1, memberId: "{id}"}}) {{ __typename }} }}',
    ],
)
async def test_naming_another_member_is_answered_as_naming_one_that_never_was(team: Team, query: str) -> None:
    owner = team.callers["ann"].account_id
    assert owner is not None
    never = public_id(IdKind.MEMBER, owner, part=owner)

    own, others, nobodys = [await team.ask("ann", query.format(id=id)) for id in (team.ann, team.ben, never)]

    assert own != others
    assert "NotFound" not in str(own)
    assert own["errors"] == []
    assert others == nobodys


async def test_a_members_token_that_names_nobody_means_itself(team: Team) -> None:
    """It has 10 tokens of its own beside the pool's, which what it asks for may take."""
    query = "{ viewer { memberId role } account { balance { assigned } } }"
    estimate = "{ estimate(input: {amount: 1}) { ... on EstimateSuccess { estimate { balanceAfter } } } }"

    viewer = (await team.ask("ann", query))["data"]["viewer"]
    after = {
        caller: (await team.ask(caller, estimate))["data"]["estimate"]["estimate"]["balanceAfter"]
        for caller in ("ann", "nobody in particular")
    }

    assert viewer == {"memberId": team.ann, "role": "MEMBER"}
    # Ann has spent 2 of the 10 that are hers.
    assert float(after["ann"]) - float(after["nobody in particular"]) == 8


def usage_document(more: str = "") -> str:
    return f"""{{ usage(input: {{
        accountExternalId: "team", from: "{TODAY}", to: "{TODAY}", groupBy: [MEMBER] {more}
    }}) {{ total rows {{ memberId tokens }} }} }}"""


async def test_usage_is_told_by_member_to_admins_and_of_itself_to_a_member(team: Team) -> None:
    anns = (await team.ask("ann", usage_document()))["data"]["usage"]
    all_of_it = (await team.ask("an admin", usage_document()))["data"]["usage"]
    others = await team.ask("ann", usage_document(f', memberId: "{team.ben}"'))
    unknown = await team.ask("nobody in particular", usage_document())

    assert anns == {"total": "2", "rows": [{"memberId": team.ann, "tokens": "2"}]}
    assert all_of_it["total"] == "6"
    assert {row["memberId"] for row in all_of_it["rows"]} == {team.ann, team.ben, None}
    assert others["errors"] == ["`memberId` must be the id of a member of the account."]
    assert "ADMIN" in unknown["errors"][0]


@pytest.mark.parametrize("caller", ["ann", "nobody in particular"])
async def test_who_sees_not_everyone_gets_no_export(team: Team, caller: str) -> None:
    with pytest.raises(GraphQLError, match="ADMIN"):
        exported_account(PlainCall(Context(team.callers[caller], team.services)), "team")
    for allowed in ("backend", "an admin"):
        call = PlainCall(Context(team.callers[allowed], team.services))
        assert isinstance(exported_account(call, "team"), ScopedAccount)


HOLDS = "subscription($member: ID) { holds(memberId: $member) { openCount held holds { id memberId } } }"
USAGE = "subscription($member: ID) { usage(memberId: $member) { memberId today { tokens } rows { memberId tokens } } }"


async def first_event(team: Team, caller: str, query: str, member: str | None = None) -> dict[str, Any] | None:
    """What a subscription begins with; None where it is refused."""
    # The backend's key names the account that client tokens are of.
    text = query.replace("(memberId", f'(accountId: "{team.account}", memberId')
    started = subscribe(
        team.schema,
        parse_document(text),
        context_value=Context(team.callers[caller], team.services),
        variable_values={"member": member},
    )
    if not isinstance(started, AsyncIterator | ExecutionResult):
        started = await started
    if isinstance(started, ExecutionResult):
        return None
    event = await anext(started)
    await started.aclose()
    assert not event.errors, event.errors
    assert event.data is not None
    return event.data


@pytest.mark.parametrize(
    ("caller", "holds", "usage", "by_member"),
    [
        ("backend", {"pool", "ann", "ben"}, "6", {"pool", "ann", "ben"}),
        ("an admin", {"pool", "ann", "ben"}, "6", {"pool", "ann", "ben"}),
        ("ann", {"pool", "ann"}, "2", {"ann"}),
        ("nobody in particular", {"pool"}, "6", {"pool"}),
    ],
)
async def test_what_is_watched_is_what_may_be_listed(
    team: Team, caller: str, holds: set[str], usage: str, by_member: set[str]
) -> None:
    owners = {None: "pool", team.ann: "ann", team.ben: "ben"}
    ids = dict(zip(("ann", "ben"), (team.ann, team.ben), strict=True))
    tenant_id = team.callers["backend"].tenant_id
    assert tenant_id is not None
    named = parsed(team.account, IdKind.ACCOUNT)
    assert named is not None
    owner = named.owner
    for name in ("pool", "ann", "ben"):
        member = member_in_account(owner, ids[name]) if name in ids else None
        request = ReserveRequest(tenant_id, owner, f"open {name}", work=MICROS, member_id=member)
        assert isinstance(await team.services.fares.reserve(request), HoldEffect)

    held = await first_event(team, caller, HOLDS)
    used = await first_event(team, caller, USAGE)

    assert held is not None
    assert used is not None
    assert {owners[hold["memberId"]] for hold in held["holds"]["holds"]} == holds
    assert held["holds"]["openCount"] == len(holds)
    assert used["usage"]["today"]["tokens"] == usage
    assert {owners[row["memberId"]] for row in used["usage"]["rows"]} == by_member
    for query in (HOLDS, USAGE):
        of_ben = await first_event(team, caller, query, team.ben)
        assert (of_ben is not None) == ("ben" in holds)
        if of_ben is not None and query is HOLDS:
            assert [hold["memberId"] for hold in of_ben["holds"]["holds"]] == [team.ben]
