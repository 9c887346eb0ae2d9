"""What holds for every list of the API, found in the schema."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type

from resolvers.roots import build_schema
from schema.connections import Listing, cursor_of
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ROOT, SECRET


def lists_of(schema: GraphQLSchema) -> Iterator[tuple[str, str]]:
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType):
            for name, field in kind.fields.items():
                if get_named_type(field.type).name.endswith("Connection"):
                    yield kind.name, name


LISTS = sorted(lists_of(build_schema()))


def test_every_list_has_a_name_for_its_cursors() -> None:
    named = {listing.value for listing in Listing} - {Listing.EVERYONE.value}

    assert {name for _, name in LISTS} == named


@pytest.mark.parametrize(("owner", "name"), LISTS)
async def test_a_list_takes_no_other_lists_cursor(ask: Ask, owner: str, name: str) -> None:
    # These are of an account that must be named.
    account = (
        ', accountExternalId: "alice"' if name in ("alertEvents", "projects", "workflows") and owner == "Query" else ""
    )
    field = f"{name}(after: $after{account}) {{ totalCount }}"
    query = {"Query": field, "Account": f'account(externalId: "alice") {{ {field} }}'}[owner]
    others = [listing for listing in Listing if listing.value != name]
    assert others

    for other in others:
        result = await ask(
            f"query ($after: String) {{ {query} }}", ROOT if name == "tenants" else SECRET, after=cursor_of(other, 7)
        )

        assert result.errors is not None
        assert "a page of this list" in result.errors[0].message
        assert result.errors[0].extensions == {"code": "BAD_USER_INPUT"}
