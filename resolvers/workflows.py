"""Saved workflows: saved, archived, found and listed."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from uuid import UUID

import strawberry

from resolvers.context import Info
from resolvers.scope import account_to_read, required_account, tenant_with
from resolvers.work import lines_of
from rules.ledger.refusals import NotFound
from rules.workflows import Workflow as WorkflowRow
from schema.connections import FIRST_DEFAULT, Connection, connection, slice_of_names
from schema.described import output
from schema.refusals import problem_of
from schema.results import ArchiveWorkflowResult, WorkflowResult, WorkflowSuccess
from schema.saved_inputs import ArchiveWorkflowInput, SaveWorkflowInput
from schema.workflows import Workflow, shown_workflow
from services.principal import Scope


@output
class WorkflowQueries:
    """Reads of workflows."""

    @strawberry.field
    async def workflow(
        self,
        info: Info,
        name: str,
        version: int | None = None,
        account_id: strawberry.ID | None = None,
        account_external_id: str | None = None,
    ) -> Workflow | None:
        """One version of a saved workflow, archived or not; null when the account has none of this name.

        name: its slug, or the name that the slug was made of
        version: which version; absent: the newest
        account_id: whose workflow; or `accountExternalId`
        account_external_id: the tenant's own name for the account
        """
        tenant_id = tenant_with(info, Scope.READ)
        account = account_to_read(tenant_id, account_id, account_external_id)
        if account is None:
            return None
        found = await info.context.services.workflows.find(tenant_id, account, name, version)
        return None if found is None else shown_workflow(found)

    @strawberry.field
    async def workflows(
        self,
        info: Info,
        account_id: strawberry.ID | None = None,
        account_external_id: str | None = None,
        archived: bool | None = False,
        first: int | None = FIRST_DEFAULT,
        after: str | None = None,
    ) -> Connection[Workflow] | None:
        """An account's saved workflows in their newest versions, by slug; null when there is no such account.

        account_id: whose workflows; or `accountExternalId`
        account_external_id: the tenant's own name for the account
        archived: whether those that were archived are listed too
        first: how many, 1 to 100
        after: the cursor that the page follows
        """
        tenant_id = tenant_with(info, Scope.READ)
        account = account_to_read(tenant_id, account_id, account_external_id)
        if account is None or await info.context.services.accounts.get(tenant_id, account) is None:
            return None
        workflows, too = info.context.services.workflows, archived is True
        page = await workflows.list(tenant_id, account, slice_of_names(first, after), archived=too)
        return connection(
            page,
            shown_workflow,
            attrgetter("slug"),
            partial(workflows.count, tenant_id, account, archived=too),
            follows=after is not None,
        )


@output
class WorkflowMutations:
    """The verbs of workflows."""

    @strawberry.mutation
    async def save_workflow(self, info: Info, input: SaveWorkflowInput) -> WorkflowResult | None:
        """Keeps lines of work under a name: a new version, or the newest where it has these very lines.

        input: whose, its name and what is done
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        account = required_account(tenant_id, input.account_id, input.account_external_id)
        if not isinstance(account, UUID):
            return problem_of(account)
        saved = await info.context.services.workflows.save(
            tenant_id, account, name=input.name, lines=lines_of(input.lines), note=input.note, slug=input.slug
        )
        return WorkflowSuccess(workflow=shown_workflow(saved)) if isinstance(saved, WorkflowRow) else problem_of(saved)

    @strawberry.mutation
    async def archive_workflow(self, info: Info, input: ArchiveWorkflowInput) -> ArchiveWorkflowResult | None:
        """Takes a workflow out of lists and use. Its versions are kept, and saving it again brings it back.

        input: which workflow
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        account = required_account(tenant_id, input.account_id, input.account_external_id)
        if not isinstance(account, UUID):
            return problem_of(account)
        archived = await info.context.services.workflows.archive(tenant_id, account, input.name)
        if isinstance(archived, NotFound):
            return problem_of(archived)
        return WorkflowSuccess(workflow=shown_workflow(archived))
