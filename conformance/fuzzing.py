"""What schemathesis needs to know: our scalars, and what must hold of every answer. Loaded by SCHEMATHESIS_HOOKS."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

import graphql
import schemathesis
from hypothesis import strategies
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.graphql import nodes, scalar

LONG_MAX: Final = 2**63 - 1

_TOKENS: Final = strategies.one_of(
    strategies.integers(0, 200).map(str),
    strategies.decimals(0, 1_000, places=6).map(str),
    # The bounds and their neighbours, and what is none.
    strategies.sampled_from(
        [
            "9007199254.740993",
            "9223372036854.775807",
            "9223372036854.775808",
            "0.0000001",
            "-1",
            "1e3",
            "NaN",
            "",
            "\uff11",
        ]
    ),
)
_INSTANTS: Final = strategies.one_of(
    strategies.datetimes().map(lambda instant: f"{instant.isoformat()}Z"),
    strategies.sampled_from(["2030-01-31T12:00:00Z", "2040-01-31T12:00:00.5+01:00"]),
    strategies.sampled_from(["2026-01-31T12:00:00Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+14:00", ""]),
)
_DATES: Final = strategies.one_of(
    strategies.dates().map(str), strategies.sampled_from(["2026-W01-1", "0001-01-01", "9999-12-31", ""])
)
_ZONES: Final = strategies.sampled_from(["UTC", "Europe/Berlin", "Pacific/Kiritimati", "Mars/Olympus", ""])
_WHOLE: Final = strategies.integers(-1, LONG_MAX + 1)
_PARAM: Final = strategies.one_of(
    strategies.integers(-(2**70), 2**70),
    strategies.floats(allow_nan=False, allow_infinity=False),
    strategies.booleans(),
    strategies.text(max_size=20),
)
_PARAMS: Final = strategies.dictionaries(
    strategies.sampled_from(["width", "height", "seconds", "quality", "steps"]), _PARAM, max_size=3
)


def _literal(value: bool | int | float | str) -> graphql.ValueNode:
    match value:
        case bool():
            return nodes.Boolean(value)
        case int():
            return nodes.Int(value)
        case float():
            return nodes.Float(value)
        case str():
            return nodes.String(value)


def _object(params: dict[str, Any]) -> graphql.ValueNode:
    fields = (
        graphql.ObjectFieldNode(name=graphql.NameNode(value=name), value=_literal(value))
        for name, value in params.items()
    )
    return graphql.ObjectValueNode(fields=tuple(fields))


scalar("Tokens", strategies.one_of(_TOKENS.map(nodes.String), strategies.integers(-1, 2**70).map(nodes.Int)))
scalar("Version", _WHOLE.map(nodes.Int))
scalar("Long", _WHOLE.map(nodes.Int))
scalar("DateTime", _INSTANTS.map(nodes.String))
scalar("Date", _DATES.map(nodes.String))
scalar("TimeZone", _ZONES.map(nodes.String))
scalar("Params", _PARAMS.map(_object))


ALTERNATIVES: Final = (
    ("accountId", "accountExternalId"),
    ("id", "externalId"),
    ("fromAccountId", "fromExternalId"),
    ("toAccountId", "toExternalId"),
    ("accountIds", "accountExternalIds", "everyone"),
    ("amount", "lines", "quoteId", "workflow"),
    ("add", "remove", "update"),
    ("memberId", "memberExternalId"),
    ("memberId", "project"),
    # A cursor or a search that hits something comes by chance too seldom.
    (None, "after"),
    (None, "search"),
    (None, "memberId"),
    (None, "memberExternalId"),
    (None, "project"),
    (None, "notAfter"),
    (None, "params"),
)
"""Of each of these one at most makes sense, or perhaps none where the first is None.

Where all are given most is refused at once, so of half the documents what is too much is taken out.
"""

_Given = TypeVar("_Given", graphql.ArgumentNode, graphql.ObjectFieldNode)


def _sensible(given: Sequence[_Given], choice: int) -> tuple[_Given, ...]:
    left = {node.name.value: node for node in given if not isinstance(node.value, graphql.NullValueNode)}
    for place, names in enumerate(ALTERNATIVES):
        there = [name for name in names if name is None or name in left]
        if len(there) > 1:
            kept = there[(choice >> place) % len(there)]
            for name in there:
                if name is not None and name != kept:
                    del left[name]
    return tuple(left.values())


class _Sensible(graphql.Visitor):
    """Takes out of arguments and inputs what excludes the rest."""

    def __init__(self, choice: int) -> None:
        super().__init__()
        self._choice = choice

    def enter_field(self, node: graphql.FieldNode, *_: object) -> graphql.FieldNode:
        return replace(node, arguments=_sensible(node.arguments or (), self._choice))

    def enter_object_value(self, node: graphql.ObjectValueNode, *_: object) -> graphql.ObjectValueNode:
        return replace(node, fields=_sensible(node.fields, self._choice))


@schemathesis.hook
def flatmap_body(_: HookContext, body: graphql.DocumentNode) -> strategies.SearchStrategy[graphql.DocumentNode]:
    """Half of the documents as they are, half made sensible."""
    choices = strategies.integers(0, 2 ** len(ALTERNATIVES) - 1)
    return choices.map(lambda choice: body if choice % 2 else graphql.visit(body, _Sensible(choice // 2)))


@schemathesis.hook
def before_call(_: HookContext, case: Case[Any], __: dict[str, Any]) -> None:
    """Puts in the ids of the stage, which the dictionaries of schemathesis.toml have by name."""
    document = str(case.body)
    for name, value in os.environ.items():
        if name.startswith("CONFORMANCE_FUZZED_"):
            document = document.replace(f"${name}$", value)
    case.body = document


@schemathesis.check
def no_server_error(_: CheckContext, response: Response, case: Case[Any]) -> None:
    """Whatever is sent, it is answered or refused with a code, and nothing breaks here."""
    assert response.status_code < 500, response.text
    for error in response.json().get("errors") or ():
        code = error.get("extensions", {}).get("code")
        assert code not in (None, "INTERNAL", "UNAVAILABLE"), error
