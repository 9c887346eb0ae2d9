"""The roots of the API, and the schema that they make."""

from __future__ import annotations

from functools import cache

import strawberry
from graphql import GraphQLSchema, Undefined, is_input_object_type, is_interface_type, is_object_type
from strawberry.schema.config import StrawberryConfig

from resolvers.accounts import AccountMutations, AccountQueries
from resolvers.alerts import AlertMutations, AlertQueries
from resolvers.changes import ChangeQueries
from resolvers.charges import ChargeQueries
from resolvers.credentials import CredentialMutations, CredentialQueries
from resolvers.direct_calls import call_directly
from resolvers.grants import GrantMutations
from resolvers.holds import HoldMutations, HoldQueries
from resolvers.limits import LimitMutations
from resolvers.live import LiveSubscriptions
from resolvers.live_feeds import FeedSubscriptions
from resolvers.margin import MarginQueries
from resolvers.members import MemberMutations
from resolvers.offers import OfferQueries
from resolvers.prices import PriceMutations, PriceQueries
from resolvers.projects import ProjectMutations, ProjectQueries
from resolvers.promotions import PromotionMutations, PromotionQueries
from resolvers.publishing import PublishingMutations, PublishingQueries
from resolvers.tenants import TenantMutations, TenantQueries
from resolvers.usage import UsageQueries
from resolvers.viewer import ViewerQueries
from resolvers.workflows import WorkflowMutations, WorkflowQueries
from schema.described import output
from schema.problems import PROBLEMS
from schema.scalars import SCALARS


@output
class Query(
    ViewerQueries,
    PriceQueries,
    OfferQueries,
    PublishingQueries,
    MarginQueries,
    PromotionQueries,
    WorkflowQueries,
    ProjectQueries,
    AccountQueries,
    HoldQueries,
    ChargeQueries,
    CredentialQueries,
    ChangeQueries,
    TenantQueries,
    AlertQueries,
    UsageQueries,
):
    """What can be asked."""


@output
class Mutation(
    PriceMutations,
    HoldMutations,
    AccountMutations,
    LimitMutations,
    AlertMutations,
    MemberMutations,
    GrantMutations,
    PromotionMutations,
    WorkflowMutations,
    ProjectMutations,
    PublishingMutations,
    CredentialMutations,
    TenantMutations,
):
    """What can be done. Every verb answers with one success or one problem."""


@output
class Subscription(LiveSubscriptions, FeedSubscriptions):
    """What is told as it happens."""


@cache
def build_schema() -> GraphQLSchema:
    """The whole schema, ready to execute; made once, because nothing of it depends on who asks."""
    built = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=PROBLEMS,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    # Strawberry keeps the schema that graphql-core executes under this name only.
    graphql_schema = built._schema
    _finish(graphql_schema)
    call_directly(graphql_schema)
    return graphql_schema


def _finish(graphql_schema: GraphQLSchema) -> None:
    """Corrects what Strawberry hands to graphql-core.

    A default of None in Python says that an argument may be absent, not that it is null; and where exactly one member
    of an input is to be given, graphql-core can see to it by itself.
    """
    for named in graphql_schema.type_map.values():
        if is_object_type(named) or is_interface_type(named):
            for field in named.fields.values():
                for argument in field.args.values():
                    if argument.default_value is None:
                        argument.default_value = Undefined
        elif is_input_object_type(named):
            named.is_one_of = named.extensions["strawberry-definition"].is_one_of
            for member in named.fields.values():
                if member.default_value is None:
                    member.default_value = Undefined
