from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLScalarType, parse_value

from resolvers.roots import build_schema

MICROS = 1_000_000


def short(given: Any) -> str:
    """A test's name for a value."""
    return "huge" if isinstance(given, int) and abs(given) > 10**40 else ascii(given)[:24]


BOUND = 9_000_000_000_000


@pytest.fixture(scope="module")
def scalars() -> dict[str, Any]:
    return {name: named for name, named in build_schema().type_map.items() if isinstance(named, GraphQLScalarType)}


TOKENS = [
    ("35", 35 * MICROS),
    (35, 35 * MICROS),
    ("0.000125", 125),
    ("-1", -MICROS),
    ("9007199254.740993", 2**53 + 1),
    (str(BOUND), BOUND * MICROS),
    (f"-{BOUND}", -BOUND * MICROS),
    (BOUND, BOUND * MICROS),
]


@pytest.mark.parametrize(("given", "micros"), TOKENS)
def test_tokens_are_read_exactly_from_variables_and_literals(scalars: Any, given: Any, micros: int) -> None:
    tokens = scalars["Tokens"]
    literal = f'"{given}"' if isinstance(given, str) else str(given)

    assert tokens.parse_value(given) == micros
    assert tokens.parse_literal(parse_value(literal)) == micros


@pytest.mark.parametrize(("shown", "micros"), [(shown, micros) for shown, micros in TOKENS if isinstance(shown, str)])
def test_tokens_are_written_without_exponent_and_trailing_zeros(scalars: Any, shown: str, micros: int) -> None:
    assert scalars["Tokens"].serialize(micros) == shown


@pytest.mark.parametrize(
    "given",
    [
        1.5,
        0.1,
        float("nan"),
        float("inf"),
        True,
        None,
        [],
        {},
        "1e3",
        "",
        " 1",
        "1 ",
        "+1",
        "1.",
        ".5",
        "0.0000001",
        "NaN",
        "Infinity",
        "0x10",
        "1_000",
        "\u0663",
        "1\n",
        "1\x00",
        "\ud800",
        "9" * 10_000_000,
        BOUND + 1,
        f"{BOUND}.000001",
        f"-{BOUND}.000001",
        2**63,
        -(2**63) - 1,
        10**5000,
    ],
    ids=short,
)
def test_anything_else_is_no_amount_of_tokens_and_the_message_says_so(scalars: Any, given: Any) -> None:
    with pytest.raises(GraphQLError, match="Tokens ") as caught:
        scalars["Tokens"].parse_value(given)

    assert caught.value.extensions == {"code": "BAD_USER_INPUT"}
    assert len(caught.value.message) < 250
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("literal", ["1.5", "1e3", "true", "null", "LOTS", "[1]", "{a: 1}", '"1e3"', "9" * 5000])
def test_literals_that_are_no_amount_are_refused(scalars: Any, literal: str) -> None:
    with pytest.raises(GraphQLError) as caught:
        scalars["Tokens"].parse_literal(parse_value(literal))

    assert caught.value.extensions == {"code": "BAD_USER_INPUT"}


@pytest.mark.parametrize("value", [1.0, "5", True, BOUND * MICROS + 1])
def test_an_amount_that_is_none_is_our_bug_and_not_written(scalars: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="micro-tokens"):
        scalars["Tokens"].serialize(value)


def test_params_are_read_from_an_object_and_null_is_absent(scalars: Any) -> None:
    params = scalars["Params"]

    assert params.parse_value({"width": 1024, "scale": 1.5, "style": "raw", "hd": True, "seed": None}) == {
        "width": 1024,
        "scale": 1.5,
        "style": "raw",
        "hd": True,
    }
    literal = parse_value('{width: 1024, scale: 1.5, style: "raw", hd: true, seed: null}')
    assert params.parse_literal(literal) == {"width": 1024, "scale": 1.5, "style": "raw", "hd": True}


def test_params_take_variables_inside_and_do_without_them_while_a_document_is_validated(scalars: Any) -> None:
    literal = parse_value("{width: $w, height: $h}")

    assert scalars["Params"].parse_literal(literal, None) == {}
    assert scalars["Params"].parse_literal(literal, {"w": 5}) == {"width": 5}


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        "{}",
        5,
        {"width": [1]},
        {"width": {}},
        {"width": float("nan")},
        {"width": float("inf")},
        {f"p{number}": 1 for number in range(101)},
    ],
    ids=short,
)
def test_anything_else_is_no_params(scalars: Any, given: Any) -> None:
    with pytest.raises(GraphQLError, match="Param") as caught:
        scalars["Params"].parse_value(given)

    assert caught.value.extensions == {"code": "BAD_USER_INPUT"}


@pytest.mark.parametrize(
    "literal", ["{a: RAW}", "{a: [1]}", "{a: {b: 1}}", "{a: 1, a: 2}", "[1]", "5", "{a: " + "9" * 5000 + "}"]
)
def test_literals_that_are_no_params_are_refused(scalars: Any, literal: str) -> None:
    with pytest.raises(GraphQLError):
        scalars["Params"].parse_literal(parse_value(literal))


@pytest.mark.parametrize("given", [-1, 1.0, "1", True, None, 2**53, 10**5000], ids=short)
def test_a_version_is_a_whole_number_that_every_reader_keeps_exact(scalars: Any, given: Any) -> None:
    assert scalars["Version"].parse_value(2**53 - 1) == 2**53 - 1
    assert scalars["Version"].parse_value(0) == 0
    with pytest.raises(GraphQLError):
        scalars["Version"].parse_value(given)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31t12:00:00z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.123456789Z", datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)),
        ("2026-01-31T12:00:00+05:45", datetime(2026, 1, 31, 6, 15, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_in_any_offset(scalars: Any, text: str, instant: datetime) -> None:
    read = scalars["DateTime"].parse_value(text)

    assert read == instant
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "given",
    [
        "2026-01-31",
        "2026-01-31T12:00:00",
        "20260131T120000Z",
        "2026-W05-6T12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:00:60Z",
        "2026-01-31 12:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-01-31T12:00:00+25:00",
        "\u0662026-01-31T12:00:00Z",
        "now",
        "",
        1769860800,
        1.5,
        None,
        True,
        "2" * 10_000_000,
    ],
    ids=short,
)
def test_anything_else_is_no_instant(scalars: Any, given: Any) -> None:
    with pytest.raises(GraphQLError, match="RFC 3339"):
        scalars["DateTime"].parse_value(given)


@pytest.mark.parametrize(
    "given",
    [
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59.9999999Z",
        "9999-12-31T22:59:59.999999-01:00",
        "0001-01-01T00:00:00Z",
    ],
)
def test_what_the_database_would_take_for_no_end_is_no_instant(scalars: Any, given: str) -> None:
    with pytest.raises(GraphQLError, match="A DateTime lies after 0001-01-01T00:00:00Z and before 9999-12-31T23:59:59"):
        scalars["DateTime"].parse_value(given)


@pytest.mark.parametrize("given", ["9999-12-31T23:59:59.999998Z", "0001-01-01T00:00:00.000001Z"])
def test_every_other_instant_is_one(scalars: Any, given: str) -> None:
    assert scalars["DateTime"].serialize(scalars["DateTime"].parse_value(given)) == given


def test_an_instant_is_written_in_utc_with_its_microseconds(scalars: Any) -> None:
    assert scalars["DateTime"].serialize(datetime(2026, 1, 31, 12, tzinfo=UTC)) == "2026-01-31T12:00:00Z"
    assert (
        scalars["DateTime"].serialize(datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC)) == "2026-01-31T12:00:00.000005Z"
    )
    with pytest.raises(ValueError, match="UTC"):
        scalars["DateTime"].serialize(datetime(2026, 1, 31))


def test_a_time_zone_is_an_iana_name(scalars: Any) -> None:
    assert scalars["TimeZone"].parse_value("Asia/Kathmandu") == "Asia/Kathmandu"
    for given in ("Mars/Olympus", "", "../../etc/passwd", "utc\x00", "europe/berlin", 5, None):
        with pytest.raises(GraphQLError, match="IANA"):
            scalars["TimeZone"].parse_value(given)


@pytest.mark.parametrize("given", [1.5, "0.1234567", "9" * 20, BOUND + 1])
def test_a_refused_amount_shows_how_a_fraction_is_written(scalars: Any, given: Any) -> None:
    with pytest.raises(GraphQLError) as caught:
        scalars["Tokens"].parse_value(given)

    assert 'a string such as "12.5"' in caught.value.message
    assert str(given) in caught.value.message


@pytest.mark.parametrize(
    ("name", "literal"),
    [
        ("Tokens", "1.5"),
        ("Tokens", '"0.1234567"'),
        ("Tokens", str(BOUND + 1)),
        ("Params", "{a: [1]}"),
        ("Params", "5"),
        ("Params", "{" + " ".join(f"p{number}: 1" for number in range(101)) + "}"),
        ("Version", "-1"),
        ("Version", '"1"'),
        ("DateTime", '"yesterday"'),
        ("DateTime", "5"),
        ("TimeZone", '"Mars/Olympus"'),
        ("TimeZone", "UTC"),
    ],
)
def test_a_refused_literal_says_where_it_stands(scalars: Any, name: str, literal: str) -> None:
    with pytest.raises(GraphQLError) as caught:
        scalars[name].parse_literal(parse_value(literal))

    assert caught.value.locations
    assert caught.value.extensions == {"code": "BAD_USER_INPUT"}


@pytest.mark.parametrize("given", [0, 2**53 - 1, 1 - 2**53])
def test_a_long_is_any_integer_that_json_keeps_exact(scalars: Any, given: int) -> None:
    long = scalars["Long"]
    assert long.serialize(given) == long.parse_value(given) == long.parse_literal(parse_value(str(given))) == given


@pytest.mark.parametrize("given", [2**53, -(2**53), 1.0, "1", True, None], ids=short)
def test_anything_else_is_no_long(scalars: Any, given: Any) -> None:
    with pytest.raises(GraphQLError, match="A Long is a whole number"):
        scalars["Long"].parse_value(given)
    with pytest.raises(ValueError, match="not an integer"):
        scalars["Long"].serialize(given)


@pytest.mark.parametrize("literal", ['"1"', "1.0", "true", str(2**53), "9" * 5000])
def test_a_long_literal_is_a_whole_number_within_bounds(scalars: Any, literal: str) -> None:
    with pytest.raises(GraphQLError, match="A Long is a whole number"):
        scalars["Long"].parse_literal(parse_value(literal))
