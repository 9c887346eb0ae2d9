"""Scalars: exact forms on the wire, and the only place where they are read and written.

Parsers raise ValueError with a message fit for the caller's eyes; serializers raise it for what would be our own bug.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import wraps
from typing import Any, Final, NewType

import strawberry
from graphql import (
    BooleanValueNode,
    FloatValueNode,
    GraphQLError,
    IntValueNode,
    Node,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)
from graphql.language import print_ast
from strawberry.types.scalar import ScalarDefinition

from rules.pricing.tokens import MAX_MICROS, MAX_TOKENS, format_tokens, parse_tokens
from rules.time_zones import is_time_zone

Tokens = NewType("Tokens", int)
"""Micro-tokens inside, a decimal string of tokens on the wire."""
Params = NewType("Params", Mapping[str, object])
"""A line's params: strings, whole numbers, finite floats and booleans by name; those given as null are left out."""
Version = NewType("Version", int)
Long = NewType("Long", int)
"""Minor units of money inside; a JSON number on the wire."""
TimeZone = NewType("TimeZone", str)

MAX_SAFE_INTEGER: Final = 2**53 - 1
"""The greatest integer that every JSON reader keeps exact."""
MAX_PARAMS: Final = 100
_LONGEST_LITERAL: Final = 32
"""Characters of a number literal that are looked at; int() takes quadratic time over more."""

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NO_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
_NO_END: Final = datetime.max.replace(tzinfo=UTC)
"""The database's driver takes these two for -infinity and infinity, and gives them back as times of no zone."""
_SHOWN: Final = 60


def _refused(message: str, node: Node | None = None) -> GraphQLError:
    return GraphQLError(message, node, extensions={"code": "BAD_USER_INPUT"})


_TOKENS_FORM: Final = (
    'Tokens take a whole number, or a decimal with at most 6 decimals as a string such as "12.5", '
    f"from -{MAX_TOKENS} to {MAX_TOKENS}"
)


def _serialize_tokens(value: object) -> str:
    if type(value) is not int or not -MAX_MICROS <= value <= MAX_MICROS:
        raise ValueError(f"not an amount of micro-tokens: {value!r}")
    return format_tokens(value)


def _parse_tokens(value: object) -> int:
    if type(value) is int or type(value) is str:
        with suppress(ValueError):
            return parse_tokens(value)
    raise _refused(f"{_TOKENS_FORM}, not {_shown(value)}.")


def _parse_tokens_literal(node: ValueNode, variables: Mapping[str, Any] | None = None) -> int:
    del variables
    match node:
        case StringValueNode(value=text):
            return _parse_tokens(text)
        case IntValueNode(value=text) if len(text) <= _LONGEST_LITERAL:
            return _parse_tokens(int(text))
        case _:
            raise _refused(f"{_TOKENS_FORM}, not {_shown_node(node)}.", node)


def _serialize_params(value: Mapping[str, object]) -> dict[str, object]:
    return dict(value)


def _parse_params(value: object) -> dict[str, object]:
    if type(value) is not dict:
        raise _refused(f"Params take a JSON object, not {_shown(value)}.")
    if len(value) > MAX_PARAMS:
        raise _refused(f"Params take at most {MAX_PARAMS} members.")
    return {name: _param(name, member) for name, member in value.items() if member is not None}


def _param(name: str, member: object) -> object:
    if type(member) is float and not math.isfinite(member):
        raise _refused(f"Param {_shown(name)} must be a finite number.")
    if type(member) not in (str, int, float, bool):
        raise _refused(f"Param {_shown(name)} must be a string, a number or a boolean, not {_shown(member)}.")
    return member


def _parse_params_literal(node: ValueNode, variables: Mapping[str, Any] | None = None) -> dict[str, object]:
    if not isinstance(node, ObjectValueNode):
        raise _refused(f"Params take a JSON object, not {_shown_node(node)}.", node)
    members: dict[str, object] = {}
    for field in node.fields:
        name = field.name.value
        if name in members:
            raise _refused(f"Param {_shown(name)} is given twice.", field)
        members[name] = _literal_member(name, field.value, variables)
    return _parse_params(members)


def _literal_member(name: str, node: ValueNode, variables: Mapping[str, Any] | None) -> object:
    match node:
        case StringValueNode(value=text):
            return text
        case BooleanValueNode(value=given):
            return given
        case NullValueNode():
            return None
        case IntValueNode(value=text) if len(text) <= _LONGEST_LITERAL:
            return int(text)
        case FloatValueNode(value=text) if len(text) <= _LONGEST_LITERAL:
            return float(text)
        case VariableNode(name=variable):
            # While a document is validated nobody knows the variables yet; one that is not given is an absent param.
            return variables.get(variable.value) if variables else None
        case _:
            raise _refused(f"Param {_shown(name)} must be a string, a number or a boolean.", node)


def tokens_or_none(micros: int | None) -> Tokens | None:
    """An amount of tokens, where there is one."""
    return None if micros is None else Tokens(micros)


def _serialize_long(value: object) -> int:
    if type(value) is not int or not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        raise ValueError(f"not an integer that JSON keeps exact: {value!r}")
    return value


def _parse_long(value: object) -> int:
    if type(value) is int and -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        return value
    raise _refused(f"{_LONG_FORM}, not {_shown(value)}.")


def _parse_long_literal(node: ValueNode, variables: Mapping[str, Any] | None = None) -> int:
    del variables
    if isinstance(node, IntValueNode) and len(node.value) <= _LONGEST_LITERAL:
        return _parse_long(int(node.value))
    raise _refused(f"{_LONG_FORM}, not {_shown_node(node)}.", node)


def _serialize_version(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_SAFE_INTEGER:
        raise ValueError(f"not a version: {value!r}")
    return value


def _parse_version(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_SAFE_INTEGER:
        raise _refused(f"A Version is a whole number from 0 to {MAX_SAFE_INTEGER}, not {_shown(value)}.")
    return value


def _parse_version_literal(node: ValueNode, variables: Mapping[str, Any] | None = None) -> int:
    del variables
    if isinstance(node, IntValueNode) and len(node.value) <= _LONGEST_LITERAL:
        return _parse_version(int(node.value))
    raise _refused(f"A Version is a whole number from 0 to {MAX_SAFE_INTEGER}, not {_shown_node(node)}.", node)


def _serialize_instant(value: datetime) -> str:
    if value.utcoffset() != timedelta(0):
        raise ValueError(f"not an instant in UTC: {value!r}")
    return _shown_instant(value)


def _shown_instant(value: datetime) -> str:
    return value.replace(tzinfo=None).isoformat() + "Z"


def parse_instant(value: object) -> datetime:
    """An instant, in UTC. Raises a coded GraphQLError."""
    # fromisoformat also takes weeks and dates without hyphens, so the form is judged first.
    if type(value) is str and len(value) <= _SHOWN and _INSTANT.fullmatch(value):
        try:
            instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        else:
            if _NO_BEGINNING < instant < _NO_END:
                return instant
            beginning, end = _shown_instant(_NO_BEGINNING), _shown_instant(_NO_END)
            raise _refused(f"A DateTime lies after {beginning} and before {end}.")
    raise _refused(f'A DateTime is an RFC 3339 instant such as "2026-01-31T12:00:00Z", not {_shown(value)}.')


def parse_date(value: object) -> date:
    """A day. Raises a coded GraphQLError."""
    # fromisoformat also takes weeks and dates without hyphens, so the form is judged first.
    if type(value) is str and _DATE.fullmatch(value):
        with suppress(ValueError):
            return date.fromisoformat(value)
    raise _refused(f'A Date is a day such as "2026-01-31", not {_shown(value)}.')


ParseLiteral = Callable[..., Any]


def _located(parse: ParseLiteral) -> ParseLiteral:
    """The parser, whose refusals say where in the document the literal stands."""

    @wraps(parse)
    def parse_literal(node: ValueNode, variables: Mapping[str, Any] | None = None) -> Any:
        try:
            return parse(node, variables)
        except GraphQLError as error:
            if error.nodes:
                raise
            raise _refused(error.message, node) from None

    return parse_literal


def _parse_text_literal(parse: Callable[[object], Any], what: str) -> ParseLiteral:
    def parse_literal(node: ValueNode, variables: Mapping[str, Any] | None = None) -> Any:
        del variables
        if isinstance(node, StringValueNode):
            return parse(node.value)
        raise _refused(f"{what}, not {_shown_node(node)}.", node)

    return parse_literal


def _parse_time_zone(value: object) -> str:
    if type(value) is str and is_time_zone(value):
        return value
    raise _refused(f'A TimeZone is an IANA name such as "Europe/Berlin", not {_shown(value)}.')


def _shown(value: object) -> str:
    """The value in a message: short, and nothing that a terminal or a log would act on."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict():
            return "an object"
        case list():
            return "a list"
        case int() if abs(value) > 10**_LONGEST_LITERAL:
            return "so great a number"
        case str() if len(value) > _SHOWN:
            return f"{value[:_SHOWN]!a}…"
        case str():
            return f"{value!a}"
        case _:
            return str(value)[:_SHOWN]


def _shown_node(node: ValueNode) -> str:
    text = print_ast(node)
    return text if len(text) <= _SHOWN and text.isprintable() else "this"


_TOKENS_TEXT: Final = (
    "An exact amount of tokens. On the wire a decimal string with at most 6 fraction digits and no trailing zeros "
    '("35", "0.000125"). Input takes such a string or a whole number; a float, an exponent, more than 6 decimals, '
    "or an amount outside ±9,000,000,000,000 tokens is an input error."
)
_PARAMS_TEXT: Final = (
    "A JSON object of a price's dimensions: name to string, number or boolean, for example "
    '{"width": 1024, "height": 1024, "steps": 50}. `Price.dimensions` says which a model takes. '
    "A param given as null is absent."
)
_VERSION_TEXT: Final = (
    "The number of the account's latest journal entry: every change of what a balance shows writes at least one. "
    "A JSON number from 0 (an account without entries) to 2^53-1."
)
_LONG_FORM: Final = f"A Long is a whole number from -{MAX_SAFE_INTEGER} to {MAX_SAFE_INTEGER}"
_LONG_TEXT: Final = (
    "An integer beyond 32 bits: a JSON number from -(2^53-1) to 2^53-1, which every JSON reader keeps exact."
)
_INSTANT_TEXT: Final = (
    'An instant as RFC 3339, shown in UTC: "2026-01-31T12:00:00Z". Input takes any offset; what is finer than a '
    "microsecond is cut off."
)

_DATE_TEXT: Final = 'A day of a calendar: "2026-01-31".'

SCALARS: Final[dict[object, ScalarDefinition]] = {
    Tokens: strawberry.scalar(
        name="Tokens",
        description=_TOKENS_TEXT,
        serialize=_serialize_tokens,
        parse_value=_parse_tokens,
        parse_literal=_located(_parse_tokens_literal),
    ),
    Params: strawberry.scalar(
        name="Params",
        description=_PARAMS_TEXT,
        serialize=_serialize_params,
        parse_value=_parse_params,
        parse_literal=_located(_parse_params_literal),
    ),
    Version: strawberry.scalar(
        name="Version",
        description=_VERSION_TEXT,
        serialize=_serialize_version,
        parse_value=_parse_version,
        parse_literal=_located(_parse_version_literal),
    ),
    Long: strawberry.scalar(
        name="Long",
        description=_LONG_TEXT,
        serialize=_serialize_long,
        parse_value=_parse_long,
        parse_literal=_located(_parse_long_literal),
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description=_INSTANT_TEXT,
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
        serialize=_serialize_instant,
        parse_value=parse_instant,
        parse_literal=_located(_parse_text_literal(parse_instant, "A DateTime is an RFC 3339 string")),
    ),
    date: strawberry.scalar(
        name="Date",
        description=_DATE_TEXT,
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
        serialize=date.isoformat,
        parse_value=parse_date,
        parse_literal=_located(_parse_text_literal(parse_date, "A Date is a string")),
    ),
    TimeZone: strawberry.scalar(
        name="TimeZone",
        description='A time zone by its IANA name, such as "Europe/Berlin" or "UTC".',
        serialize=str,
        parse_value=_parse_time_zone,
        parse_literal=_located(_parse_text_literal(_parse_time_zone, "A TimeZone is an IANA name as a string")),
    ),
}
"""Python type to scalar, for the schema's configuration."""
