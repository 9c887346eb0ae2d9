"""Saved workflows: an account's lines of work by name."""

from __future__ import annotations

from datetime import datetime

from rules import workflows as rules
from schema.described import output
from schema.scalars import Params


@output
class WorkflowLine:
    """One thing to be priced: `count` uses of a model with these params."""

    ref: str | None
    """The caller's own name for it (a workflow node, an agent step)."""
    model: str
    """The model's slug."""
    params: Params
    """The params that were given; absent ones take their default when it is used."""
    count: int
    """How many uses."""


@output
class Workflow:
    """One version of a saved workflow. A version never changes."""

    slug: str
    """What it is known by within its account."""
    name: str
    """What people call it."""
    version: int
    """The version's number: 1, 2, 3 … without a gap."""
    lines: list[WorkflowLine]
    """What is done."""
    note: str | None
    """What this version is about."""
    created_at: datetime
    """When this version was saved, by the tenant's clock."""
    archived_at: datetime | None
    """When the workflow was archived: it cannot be used until it is saved again. Null: it can."""


def shown_workflow(workflow: rules.Workflow) -> Workflow:
    """A workflow as it is shown."""
    return Workflow(
        slug=workflow.slug,
        name=workflow.name,
        version=workflow.version,
        lines=[
            WorkflowLine(ref=line.ref, model=line.model, params=Params(line.params), count=line.count)
            for line in workflow.lines
        ],
        note=workflow.note,
        created_at=workflow.created_at,
        archived_at=workflow.archived_at,
    )
