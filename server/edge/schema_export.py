"""The schema as text: what `schema.graphql` at the root holds, kept fresh by a test."""

from __future__ import annotations

from graphql import GraphQLSchema, lexicographic_sort_schema, print_schema

from resolvers.roots import build_schema


def build_sdl() -> str:
    """The API's schema, sorted, with a newline at the end."""
    return sdl_of(build_schema())


def sdl_of(schema: GraphQLSchema) -> str:
    """Any schema as text."""
    return print_schema(lexicographic_sort_schema(schema)) + "\n"
