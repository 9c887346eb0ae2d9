"""Saved workflows through the API."""

from __future__ import annotations

from typing import Any

import pytest

from rules.ledger.outcomes import HoldEffect
from rules.ledger.records import Page
from rules.ledger.refusals import NotFound
from rules.ledger.requests import SavedWork
from rules.pricing.rating import LineRequest
from rules.pricing.refusals import InvalidInput, UnknownModel
from rules.workflows import Workflow
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT, ACCOUNT_ID, NOON, SECRET, TENANT, Stage, a_balance, a_hold

LINES = (LineRequest("flux", {"width": 512}, 2, "n1"),)
WORKFLOW = Workflow(ACCOUNT, "poster", "Poster", 3, LINES, "hello", NOON)
SHOWN = {
    "slug": "poster",
    "name": "Poster",
    "version": 3,
    "note": "hello",
    "archivedAt": None,
    "lines": [{"ref": "n1", "model": "flux", "params": {"width": 512}, "count": 2}],
}
FIELDS = "slug name version note archivedAt lines { ref model params count }"
SAVE = f"""mutation($input: SaveWorkflowInput!) {{ saveWorkflow(input: $input) {{ __typename
    ... on WorkflowSuccess {{ workflow {{ {FIELDS} }} }} ... on Problem {{ code }} }} }}"""
ARCHIVE = "mutation($input: ArchiveWorkflowInput!) { archiveWorkflow(input: $input) { __typename } }"


async def test_it_is_saved_as_the_input_says(ask: Ask, stage: Stage) -> None:
    stage.workflows.answers["save"] = WORKFLOW
    lines = [{"ref": "n1", "model": "flux", "params": {"width": 512, "height": None}, "count": 2}]
    given = {"accountExternalId": "alice", "name": "Poster", "lines": lines, "note": "hello"}

    result = await ask(SAVE, input=given)

    assert stage.workflows.calls == [
        ("save", (TENANT, ACCOUNT), {"name": "Poster", "lines": LINES, "note": "hello", "slug": None, "by": SECRET})
    ]
    assert result.data == {"saveWorkflow": {"__typename": "WorkflowSuccess", "workflow": SHOWN}}


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (UnknownModel("flx", ("flux",)), "UNKNOWN_MODEL"),
        (NotFound("account"), "NOT_FOUND"),
        (InvalidInput("slug", "must be another"), "INVALID_INPUT"),
    ],
)
async def test_why_it_was_not_saved_is_told(ask: Ask, stage: Stage, refusal: Any, code: str) -> None:
    stage.workflows.answers["save"] = refusal
    result = await ask(SAVE, input={"accountId": ACCOUNT_ID, "name": "a", "lines": []})
    assert result.data is not None
    assert result.data["saveWorkflow"] == {"__typename": type(refusal).__name__, "code": code}


@pytest.mark.parametrize("document", [SAVE, ARCHIVE])
async def test_whose_it_is_must_be_said(ask: Ask, stage: Stage, document: str) -> None:
    lines = {"lines": []} if document == SAVE else {}
    result = await ask(document, input={"name": "a"} | lines)
    assert result.data is not None
    (answer,) = result.data.values()
    assert answer["__typename"] == "InvalidInput"
    assert stage.workflows.calls == []


async def test_it_is_archived_by_its_name(ask: Ask, stage: Stage) -> None:
    stage.workflows.answers["archive"] = WORKFLOW
    result = await ask(ARCHIVE, input={"accountId": ACCOUNT_ID, "name": "Poster"})
    assert stage.workflows.calls == [("archive", (TENANT, ACCOUNT, "Poster"), {"by": SECRET})]
    assert result.data == {"archiveWorkflow": {"__typename": "WorkflowSuccess"}}


async def test_one_is_found_by_name_and_version(ask: Ask, stage: Stage) -> None:
    stage.workflows.answers["find"] = WORKFLOW
    result = await ask(f'{{ workflow(accountExternalId: "alice", name: "Poster", version: 3) {{ {FIELDS} }} }}')
    assert stage.workflows.calls == [("find", (TENANT, ACCOUNT, "Poster", 3), {})]
    assert result.data == {"workflow": SHOWN}


async def test_an_accounts_are_listed_and_another_has_none(ask: Ask, stage: Stage) -> None:
    stage.workflows.answers |= {"list": Page((WORKFLOW,), False), "count": 1}
    result = await ask(f'{{ workflows(accountId: "{ACCOUNT_ID}", archived: true) {{ totalCount nodes {{ slug }} }} }}')
    assert result.data == {"workflows": {"totalCount": 1, "nodes": [{"slug": "poster"}]}}
    assert [keywords for _, _, keywords in stage.workflows.calls] == [{"archived": True}] * 2
    stranger = await ask('{ workflows(accountExternalId: "bob") { totalCount } }')
    assert stranger.data == {"workflows": None}
    nameless = await ask("{ workflows { totalCount } }")
    assert nameless.errors is not None
    assert nameless.errors[0].extensions == {"code": "BAD_USER_INPUT"}


async def test_work_can_be_named_where_it_is_estimated_and_reserved(ask: Ask, stage: Stage) -> None:
    stage.fares.answers |= {"estimate": NotFound("workflow"), "reserve": HoldEffect(a_hold(), a_balance())}
    await ask(f'{{ estimate(input: {{accountId: "{ACCOUNT_ID}", workflow: {{name: "Poster"}}}}) {{ __typename }} }}')
    assert stage.fares.request.work == SavedWork("Poster")
    stage.fares.calls.clear()
    await ask(
        f'mutation {{ reserve(input: {{idempotencyKey: "k", accountId: "{ACCOUNT_ID}", '
        'work: {workflow: {name: "Poster", version: 2}}}) { __typename } }'
    )
    assert stage.fares.request.work == SavedWork("Poster", 2)


async def test_a_workflow_beside_lines_or_an_amount_is_refused(ask: Ask, stage: Stage) -> None:
    for other in ("lines: []", "amount: 1"):
        result = await ask(
            f'{{ estimate(input: {{accountId: "{ACCOUNT_ID}", workflow: {{name: "a"}}, {other}}}) {{ __typename }} }}'
        )
        assert result.data == {"estimate": {"__typename": "InvalidInput"}}
    assert stage.fares.calls == []
