"""Writes what the JavaScript client needs to know of the schema: `python -m clients.generate < schema.graphql`.

Introspection may be switched off, so clients cannot ask for it (docs/conformance.md).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from graphql import GraphQLSchema, build_schema, is_abstract_type, is_object_type

JAVASCRIPT: Final = Path(__file__).with_name("javascript")

SNAPSHOT_FIELDS: Final = frozenset({"id", "version", "asOf"})
"""What makes a type a snapshot: there are many of one id, ordered by (version, asOf)."""


def possible_types(schema: GraphQLSchema) -> dict[str, list[str]]:
    """Which types each union and interface can be."""
    return {
        name: sorted(member.name for member in schema.get_possible_types(named))
        for name, named in sorted(schema.type_map.items())
        if is_abstract_type(named) and not name.startswith("__")
    }


def snapshot_types(schema: GraphQLSchema) -> list[str]:
    """The types whose older values must not replace newer ones."""
    return sorted(
        name
        for name, named in schema.type_map.items()
        if is_object_type(named) and set(named.fields) >= SNAPSHOT_FIELDS
    )


def embedded_types(schema: GraphQLSchema) -> list[str]:
    """The types without an id of their own: a part of what they were asked from."""
    roots = {schema.query_type, schema.mutation_type, schema.subscription_type}
    return sorted(
        name
        for name, named in schema.type_map.items()
        if is_object_type(named) and named not in roots and "id" not in named.fields and not name.startswith("__")
    )


def files_of(schema: GraphQLSchema) -> dict[str, str]:
    """Every generated file of the JavaScript client, by name."""
    possible = json.dumps(possible_types(schema), indent=2)
    types = json.dumps(snapshot_types(schema))
    return {
        "possible-types.json": possible + "\n",
        "schema.js": (
            "// Made from schema.graphql by `make schema`.\n\n"
            "/** Which types each union and interface can be. */\n"
            f"export const possibleTypes = {possible};\n\n"
            "/** The types of which there are many values of one id, ordered by (version, asOf). */\n"
            f"export const snapshotTypes = {types};\n\n"
            "/** The types without an id of their own: a part of what they were asked from. */\n"
            f"export const embeddedTypes = {json.dumps(embedded_types(schema), indent=2)};\n"
        ),
    }


if __name__ == "__main__":
    for file_name, text in files_of(build_schema(sys.stdin.read())).items():
        (JAVASCRIPT / file_name).write_text(text, encoding="utf-8")
