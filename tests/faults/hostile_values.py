"""Requests with one hostile value each, for every argument and every field of every input, found in the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import count, pairwise
from string import Template
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    get_nullable_type,
    parse,
    print_ast,
    value_from_ast_untyped,
)

from rules.pricing.tokens import MAX_TOKENS

Path = tuple[str | int, ...]

BAD: Final[Mapping[str, Sequence[object]]] = {
    "Int": (2**31, 2**53 + 1, 2**63, 1.5, "1e3"),
    "Tokens": (2**63, 1.5, "1e3", "NaN", "0.0000001"),
    "Version": (-1, 2**53, 2**63, 1.5, "1e3"),
    "String": ("a\x00b", "\ud800", {}),
    "ID": ("a\x00b", "\ud800", 1.5),
    "Boolean": (0, "true"),
    "DateTime": ("", "NaN", "2026-01-01", 0, "x" * 100_000),
    "Date": ("2026-02-30", "20260101", 0, "2026-01-01T00:00:00Z"),
    "TimeZone": ("", "../etc/passwd", "Europe/Berlin\x00", "x" * 100_000, 0),
    "Params": (0, [], {"a": []}, {"a\x00": 1}, {"a": "\ud800"}),
}
"""By scalar, what no field takes."""

_TEXTS: Final = ("", "x" * 256, "\U0001f600" * 128, "x" * 100_000, "\u202e\n\t\x7f", 0, None)
ODD: Final[Mapping[str, Sequence[object]]] = {
    "Int": (0, -1, 2**31 - 1, -(2**31), None),
    "Tokens": (0, -1, "0.000001", 2**31, "9007199254.740993", MAX_TOKENS, -MAX_TOKENS, None),
    "Version": (0, 2**53 - 1, None),
    "String": _TEXTS,
    "ID": _TEXTS,
    "Boolean": (None,),
    "DateTime": (
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00.000001Z",
        "9999-12-31T23:59:59.999998Z",
        "9999-12-31T23:59:59.999999Z",
        None,
    ),
    "Date": ("0001-01-01", "9999-12-31", None),
    "TimeZone": ("Pacific/Kiritimati", None),
    "Params": (
        None,
        {"steps": 2**63},
        {"steps": 10**400},
        {"steps": 1.5},
        {"steps": 1e300},
        {"steps": "1e3"},
        {"steps": "x" * 100_000},
        {"quality": 0},
        {"": 1},
    ),
}
"""What some fields take, and others refuse."""

_fresh = count()


@dataclass(frozen=True, slots=True)
class Hostile:
    """One request. `bad`: no field takes the value, so that it must be refused."""

    place: str
    document: str
    variables: dict[str, Any]
    bad: bool

    @property
    def shown(self) -> str:
        """For a message."""
        return f"{self.place} with {json.dumps(self.variables)[:300]}"


def hostile_requests(
    schema: GraphQLSchema,
    place: str,
    document: str,
    values: Mapping[str, str],
    tried: set[tuple[str, str]],
    odd: Mapping[str, Sequence[object]],
) -> Iterator[Hostile]:
    """Of a document that asks for one field: the same with one value replaced, or added, each.

    `values`: what stands for its placeholders. `tried`: fields of inputs that have met what no field takes; it is the
    scalar that refuses that, so that once is enough. `odd`: by scalar, what meets every field at every place.
    """
    template = Template(document)
    filled = template.substitute(values, fresh='"fresh"')
    (operation,) = parse(filled).definitions
    assert isinstance(operation, OperationDefinitionNode)
    node = next(node for node in operation.selection_set.selections if isinstance(node, FieldNode))
    root = schema.get_root_type(operation.operation)
    assert root is not None
    field: GraphQLField = root.fields[node.name.value]
    given = {argument.name.value: value_from_ast_untyped(argument.value) for argument in node.arguments or ()}
    declared = ", ".join(f"${name}: {argument.type}" for name, argument in field.args.items())
    passed = ", ".join(f"{name}: ${name}" for name in field.args)
    head = f"{operation.operation.value} ({declared}) {{ a: {node.name.value}({passed}) " if declared else ""
    if not head:
        return
    selection = "" if node.selection_set is None else print_ast(node.selection_set)
    text = f"{head}{selection} }}"
    for owner, path, kind in _places(place, field.args, ()):
        scalar = get_named_type(kind)
        bad = ("NO_SUCH_VALUE",) if isinstance(scalar, GraphQLEnumType) else BAD[scalar.name]
        name = (owner, str(path[-1]))
        values_of = [(value, True) for value in bad if name not in tried]
        tried.add(name)
        for value, is_bad in values_of + [(value, False) for value in odd.get(scalar.name, ())]:
            variables = _renewed(_replaced(given, path, _in_list(kind, value)))
            yield Hostile(f"{place} {'.'.join(map(str, path))}", text, variables, is_bad)


def _in_list(kind: GraphQLInputType, value: object) -> object:
    return [value] if isinstance(get_nullable_type(kind), GraphQLList) else value


def _places(
    owner: str, fields: Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField], path: Path
) -> Iterator[tuple[str, Path, GraphQLInputType]]:
    """Every leaf, with whose it is and its type."""
    for name, field in fields.items():
        kind = get_nullable_type(field.type)
        named = get_named_type(kind)
        if isinstance(named, GraphQLInputObjectType):
            yield from _places(
                named.name, named.fields, (*path, name, 0) if isinstance(kind, GraphQLList) else (*path, name)
            )
        else:
            yield owner, (*path, name), field.type


def _replaced(given: dict[str, Any], path: Path, value: object) -> dict[str, Any]:
    """The variables with that value, and without what excludes it."""
    variables = deepcopy(given)
    at: Any = variables
    for step, following in pairwise(path):
        if isinstance(step, str):
            _drop_alternatives(at, step)
            if not at.get(step):
                at[step] = [] if isinstance(following, int) else {}
        elif not at:
            at.append({})
        at = at[step]
    leaf = path[-1]
    assert isinstance(leaf, str)
    _drop_alternatives(at, leaf)
    at[leaf] = value
    return variables


_ALTERNATIVES: Final = (
    {"accountId", "accountExternalId"},
    {"accountIds", "accountExternalIds", "everyone"},
    {"id", "externalId"},
    {"fromAccountId", "fromExternalId"},
    {"toAccountId", "toExternalId"},
    {"memberId", "memberExternalId"},
    {"memberId", "project"},
    {"amount", "lines", "quoteId", "workflow"},
    {"add", "remove", "update"},
)


def _drop_alternatives(given: dict[str, Any], name: str) -> None:
    for names in _ALTERNATIVES:
        if name in names:
            for other in names - {name}:
                given.pop(other, None)


def _renewed(variables: dict[str, Any]) -> dict[str, Any]:
    """With words that were never used where the document has them, so that no request is a replay."""

    def renewed(value: Any) -> Any:
        match value:
            case "fresh":
                return f"fresh-{next(_fresh)}"
            case dict():
                return {name: renewed(member) for name, member in value.items()}
            case list():
                return [renewed(member) for member in value]
            case _:
                return value

    return {name: renewed(value) for name, value in variables.items()}
