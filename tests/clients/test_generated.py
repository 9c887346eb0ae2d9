"""What the JavaScript client knows of the schema is what the schema says."""

from __future__ import annotations

import json

import pytest
from graphql import build_schema

from clients.generate import JAVASCRIPT, embedded_types, files_of, possible_types, snapshot_types
from server.edge.schema_export import build_sdl

SCHEMA = build_schema(build_sdl())


@pytest.mark.parametrize("name", ["possible-types.json", "schema.js"])
def test_a_generated_file_is_fresh(name: str) -> None:
    assert (JAVASCRIPT / name).read_text(encoding="utf-8") == files_of(SCHEMA)[name], "run `make schema`"


def test_every_union_and_interface_is_published() -> None:
    published = json.loads((JAVASCRIPT / "possible-types.json").read_text(encoding="utf-8"))
    assert "InsufficientTokens" in published["ReserveResult"]
    assert "InsufficientTokens" in published["Problem"]
    assert "Account" in published["Node"]


def test_a_union_of_a_new_member_makes_the_files_stale() -> None:
    older = build_schema("type Query { a: Either } type A { id: ID! } union Either = A")
    newer = build_schema("type Query { a: Either } type A { id: ID! } type B { id: ID! } union Either = A | B")
    assert possible_types(older) == {"Either": ["A"]}
    assert possible_types(newer) == {"Either": ["A", "B"]}
    assert files_of(older) != files_of(newer)


def test_snapshots_are_the_types_with_an_id_a_version_and_an_instant() -> None:
    assert {"Balance", "LimitStatus"} <= set(snapshot_types(SCHEMA))
    assert "Hold" not in snapshot_types(SCHEMA)


def test_what_has_an_id_is_embedded_nowhere_and_roots_are_no_part_of_anything() -> None:
    assert "ReserveSuccess" in embedded_types(SCHEMA)
    assert not {"Balance", "Account", "Query", "Mutation", "Subscription"} & set(embedded_types(SCHEMA))
