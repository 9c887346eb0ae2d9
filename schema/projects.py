"""Projects: what work under a label is expected to cost, and what it did cost."""

from __future__ import annotations

from datetime import datetime

from rules import projects as rules
from schema.described import output
from schema.scalars import Tokens, tokens_or_none


@output
class Project:
    """A label to budget by. It caps nothing by itself."""

    name: str
    """The label that its work carries as `project`; unique within its account."""
    estimate: Tokens | None
    """How many tokens it is expected to take; null: not known."""
    buffer_percent: int
    """By how many percent the budget lies above the estimate."""
    budget: Tokens | None
    """How many tokens it may take: as it was set, else the estimate with its buffer, rounded up; null: not known."""
    actual: Tokens
    """Tokens spent on it so far, refunds taken off."""
    created_at: datetime
    """When it was made, by the tenant's clock."""
    archived_at: datetime | None
    """When it was archived; null: it was not."""


def shown_project(project: rules.Project) -> Project:
    """A project as it is shown."""
    return Project(
        name=project.name,
        estimate=tokens_or_none(project.estimate),
        buffer_percent=project.buffer_percent,
        budget=tokens_or_none(project.budget),
        actual=Tokens(project.actual),
        created_at=project.created_at,
        archived_at=project.archived_at,
    )
