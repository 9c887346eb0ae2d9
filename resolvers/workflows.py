"""Saved workflows: saved, archived, found and listed."""

from __future__ import annotations

from functools import partial
from operator import attrgetter

import strawberry

from resolvers.context import Info
from resolvers.scope import ScopedAccount, account_in_scope, account_to_read, principal_of
from resolvers.work import lines_of
from rules.ledger.refusals import NotFound
from rules.workflows import Workflow as WorkflowRow
from schema.connections import FIRST_DEFAULT, Connection, Listing, connection, slice_of_names
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
        account = account_to_read(info, account_id, account_external_id)
        if account is None:
            return None
        found = await info.context.services.workflows.find(account.tenant_id, account.account_id, name, version)
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
        account = account_to_read(info, account_id, account_external_id)
        if account is None:
            return None
        tenant_id, owner = account.tenant_id, account.account_id
        if await info.context.services.accounts.get(tenant_id, owner) is None:
            return None
        workflows, too = info.context.services.workflows, archived is True
        page = await workflows.list(tenant_id, owner, slice_of_names(Listing.WORKFLOWS, first, after), archived=too)
        return connection(
            Listing.WORKFLOWS,
            page,
            shown_workflow,
            attrgetter("slug"),
            partial(workflows.count, tenant_id, owner, archived=too),
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
        account = account_in_scope(info, Scope.ADMINISTER, input.account_id, input.account_external_id)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        saved = await info.context.services.workflows.save(
            account.tenant_id,
            account.account_id,
            name=input.name,
            lines=lines_of(input.lines),
            note=input.note,
            slug=input.slug,
            by=principal_of(info),
        )
        return WorkflowSuccess(workflow=shown_workflow(saved)) if isinstance(saved, WorkflowRow) else problem_of(saved)

    @strawberry.mutation
    async def archive_workflow(self, info: Info, input: ArchiveWorkflowInput) -> ArchiveWorkflowResult | None:
        """Takes a workflow out of lists and use. Its versions are kept, and saving it again brings it back.

        input: which workflow
        """
        account = account_in_scope(info, Scope.ADMINISTER, input.account_id, input.account_external_id)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        archived = await info.context.services.workflows.archive(
            account.tenant_id, account.account_id, input.name, by=principal_of(info)
        )
        if isinstance(archived, NotFound):
            return problem_of(archived)
        return WorkflowSuccess(workflow=shown_workflow(archived))
