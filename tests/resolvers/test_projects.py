"""Projects through the API."""

from __future__ import annotations

from rules.ledger.records import Page
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from rules.projects import Project
from services.projects import ProjectChanges
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT, ACCOUNT_ID, NOON, SECRET, TENANT, Stage

FIELDS = "name estimate bufferPercent budget actual archivedAt"
FILM = Project(ACCOUNT, "film", 100 * MICROS, 20, None, 35 * MICROS, NOON)
SHOWN = {
    "name": "film",
    "estimate": "100",
    "bufferPercent": 20,
    "budget": "120",
    "actual": "35",
    "archivedAt": None,
}
SAVE = f"""mutation($input: SaveProjectInput!) {{ saveProject(input: $input) {{ __typename
    ... on ProjectSuccess {{ project {{ {FIELDS} }} }} ... on InvalidInput {{ field }} }} }}"""


async def test_it_is_saved_as_given_and_absent_is_not_null(ask: Ask, stage: Stage) -> None:
    stage.projects.answers["save"] = FILM
    result = await ask(SAVE, input={"accountId": ACCOUNT_ID, "name": "film", "estimate": "100", "budget": None})
    changes = ProjectChanges(given=frozenset({"estimate", "budget"}), estimate=100 * MICROS)
    assert stage.projects.calls == [("save", (TENANT, ACCOUNT, "film", changes), {"by": SECRET})]
    assert result.data == {"saveProject": {"__typename": "ProjectSuccess", "project": SHOWN}}


async def test_why_it_was_not_saved_is_told(ask: Ask, stage: Stage) -> None:
    stage.projects.answers["save"] = InvalidInput("budget", "must be more")
    result = await ask(SAVE, input={"accountId": ACCOUNT_ID, "name": "film"})
    assert result.data == {"saveProject": {"__typename": "InvalidInput", "field": "budget"}}
    stage.projects.answers["save"] = NotFound("account")
    result = await ask(SAVE, input={"accountId": ACCOUNT_ID, "name": "film"})
    assert result.data == {"saveProject": {"__typename": "NotFound"}}
    nameless = await ask(SAVE, input={"name": "film"})
    assert nameless.data == {"saveProject": {"__typename": "InvalidInput", "field": "accountId"}}


async def test_one_is_found_and_all_are_listed(ask: Ask, stage: Stage) -> None:
    stage.projects.answers |= {"find": FILM, "list": Page((FILM,), True), "count": 3}
    one = await ask(f'{{ project(accountExternalId: "alice", name: "film") {{ {FIELDS} }} }}')
    assert one.data == {"project": SHOWN}
    page = await ask(f'{{ projects(accountId: "{ACCOUNT_ID}", first: 1) {{ totalCount nodes {{ {FIELDS} }} }} }}')
    assert page.data == {"projects": {"totalCount": 3, "nodes": [SHOWN]}}
    stranger = await ask('{ projects(accountExternalId: "bob") { totalCount } }')
    assert stranger.data == {"projects": None}
    nameless = await ask('{ project(name: "film") { name } }')
    assert nameless.errors is not None
    assert nameless.errors[0].extensions == {"code": "BAD_USER_INPUT"}
