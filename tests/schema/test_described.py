from __future__ import annotations

from enum import StrEnum

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    is_introspection_type,
    is_specified_scalar_type,
)

from resolvers.roots import build_schema
from schema.described import output, word


@output
class Ticket:
    """A ticket,
    of paper.

    It is punched once."""

    price: int
    """What it costs,
    in cents."""
    undescribed: int


def test_every_type_field_argument_and_enum_value_is_described() -> None:
    missing = []
    for name, named in build_schema().type_map.items():
        if is_introspection_type(named) or is_specified_scalar_type(named):
            continue
        described = {name: named.description}
        match named:
            case GraphQLEnumType():
                described |= {f"{name}.{value}": found.description for value, found in named.values.items()}
            case GraphQLInputObjectType():
                described |= {f"{name}.{field}": found.description for field, found in named.fields.items()}
            case GraphQLObjectType() | GraphQLInterfaceType():
                for field, found in named.fields.items():
                    described[f"{name}.{field}"] = found.description
                    described |= {f"{name}.{field}({arg})": given.description for arg, given in found.args.items()}
        missing += [place for place, text in described.items() if not text]

    assert missing == []


def test_a_docstring_becomes_a_description_with_one_line_to_a_paragraph() -> None:
    definition = Ticket.__strawberry_definition__

    assert definition.description == "A ticket, of paper.\n\nIt is punched once."
    assert [field.description for field in definition.fields] == ["What it costs, in cents.", None]


def test_a_word_without_a_description_is_refused() -> None:
    class Fare(StrEnum):
        """What a ride costs."""

        FULL = "FULL"
        HALF = "HALF"

    with pytest.raises(TypeError, match="every member needs a description"):
        word(Fare, {Fare.FULL: "For adults."})
