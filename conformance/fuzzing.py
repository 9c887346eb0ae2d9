"""What schemathesis needs to know: our scalars, and what must hold of every answer. Loaded by SCHEMATHESIS_HOOKS."""

from __future__ import annotations

from typing import Any, Final

import graphql
import schemathesis
from hypothesis import strategies
from schemathesis import Case, CheckContext, Response
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


@schemathesis.check
def no_server_error(_: CheckContext, response: Response, case: Case[Any]) -> None:
    """Whatever is sent, it is answered or refused with a code, and nothing breaks here."""
    assert response.status_code < 500, response.text
    for error in response.json().get("errors") or ():
        code = error.get("extensions", {}).get("code")
        assert code not in (None, "INTERNAL", "UNAVAILABLE"), error
