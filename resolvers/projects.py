"""Projects: saved, found and listed."""

from __future__ import annotations

from functools import partial
from operator import attrgetter

import strawberry

from resolvers.context import Info
from resolvers.scope import ScopedAccount, account_in_scope, account_to_read, principal_of
from rules.projects import Project as ProjectRow
from schema.connections import FIRST_DEFAULT, Connection, Listing, connection, slice_of_names
from schema.described import output
from schema.projects import Project, shown_project
from schema.refusals import problem_of
from schema.results import ProjectResult, ProjectSuccess
from schema.saved_inputs import SaveProjectInput
from services.principal import Scope
from services.projects import ProjectChanges


@output
class ProjectQueries:
    """Reads of projects."""

    @strawberry.field
    async def project(
        self,
        info: Info,
        name: str,
        account_id: strawberry.ID | None = None,
        account_external_id: str | None = None,
    ) -> Project | None:
        """One project, archived or not; null when the account has none of this name.

        name: the label that its work carries
        account_id: whose project; or `accountExternalId`
        account_external_id: the tenant's own name for the account
        """
        account = account_to_read(info, account_id, account_external_id)
        if account is None:
            return None
        found = await info.context.services.projects.find(account.tenant_id, account.account_id, name)
        return None if found is None else shown_project(found)

    @strawberry.field
    async def projects(
        self,
        info: Info,
        account_id: strawberry.ID | None = None,
        account_external_id: str | None = None,
        archived: bool | None = False,
        first: int | None = FIRST_DEFAULT,
        after: str | None = None,
    ) -> Connection[Project] | None:
        """An account's projects by name; null when there is no such account.

        account_id: whose projects; or `accountExternalId`
        account_external_id: the tenant's own name for the account
        archived: whether those that were archived are listed too
        first: how many, 1 to 100
        after: the cursor that the page follows
        """
        account = account_to_read(info, account_id, account_external_id)
        if account is None:
            return None
        tenant_id, owner = account.tenant_id, account.account_id
        if await info.context.services.accounts.get(tenant_id, owner) is None:
            return None
        projects, too = info.context.services.projects, archived is True
        page = await projects.list(tenant_id, owner, slice_of_names(Listing.PROJECTS, first, after), archived=too)
        return connection(
            Listing.PROJECTS,
            page,
            shown_project,
            attrgetter("name"),
            partial(projects.count, tenant_id, owner, archived=too),
            follows=after is not None,
        )


@output
class ProjectMutations:
    """The verbs of projects."""

    @strawberry.mutation
    async def save_project(self, info: Info, input: SaveProjectInput) -> ProjectResult | None:
        """Makes a project, or changes what is given of it.

        input: whose, its name and what to set
        """
        account = account_in_scope(info, Scope.ADMINISTER, input.account_id, input.account_external_id)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        fields = {
            "estimate": input.estimate,
            "buffer_percent": input.buffer_percent,
            "budget": input.budget,
            "archived": input.archived,
        }
        changes = ProjectChanges(
            given=frozenset(name for name, field in fields.items() if field is not None),
            estimate=None if input.estimate is None else input.estimate.value,
            buffer_percent=None if input.buffer_percent is None else input.buffer_percent.value,
            budget=None if input.budget is None else input.budget.value,
            archived=None if input.archived is None else input.archived.value,
        )
        saved = await info.context.services.projects.save(
            account.tenant_id, account.account_id, input.name, changes, by=principal_of(info)
        )
        return ProjectSuccess(project=shown_project(saved)) if isinstance(saved, ProjectRow) else problem_of(saved)
