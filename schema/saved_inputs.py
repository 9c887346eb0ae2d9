"""Inputs of what an account keeps under a name: workflows and projects."""

from __future__ import annotations

import strawberry
from strawberry import Maybe

from schema.described import given
from schema.inputs import LineInput
from schema.scalars import Tokens


@given
class SaveWorkflowInput:
    """Lines of work to keep under a name."""

    account_id: strawberry.ID | None
    """Whose workflow; or `accountExternalId`."""
    account_external_id: str | None
    """The tenant's own name for the account."""
    name: str
    """What people call it, at most 200 characters."""
    slug: str | None
    """What it is known by within the account; absent: made of the name, in lower case and with hyphens."""
    lines: list[LineInput]
    """The lines, 1 to 100. They must have a price now; each use prices them anew."""
    note: str | None
    """What this version is about."""


@given
class ArchiveWorkflowInput:
    """Which workflow is not needed any more."""

    account_id: strawberry.ID | None
    """Whose workflow; or `accountExternalId`."""
    account_external_id: str | None
    """The tenant's own name for the account."""
    name: str
    """Its slug, or the name that the slug was made of."""


@given
class SaveProjectInput:
    """A project to make or to change. An absent field stays as it is."""

    account_id: strawberry.ID | None
    """Whose project; or `accountExternalId`."""
    account_external_id: str | None
    """The tenant's own name for the account."""
    name: str
    """The label that its work carries as `project`, 1 to 255 characters."""
    estimate: Maybe[Tokens | None]
    """How many tokens it is expected to take, 0 or more; null: not known."""
    buffer_percent: Maybe[int | None]
    """By how many percent the budget lies above the estimate, 0 to 1000; 0 at first."""
    budget: Maybe[Tokens | None]
    """How many tokens it may take, 0 or more, whatever the estimate says; null: as estimate and buffer say."""
    archived: Maybe[bool | None]
    """Whether it is left out of lists. Its label can go on being used."""
