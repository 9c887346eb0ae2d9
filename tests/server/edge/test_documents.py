from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable

import pytest
from graphql import GraphQLSchema, OperationType, get_introspection_query, parse

from resolvers.roots import build_schema
from server.edge.document_size import measure
from server.edge.documents import COMMENTS_MAX, LENGTH_MAX, REMEMBERED_LENGTH_MAX, REMEMBERED_MAX, Document, Documents
from tests.server.edge.hostile_documents import TOO_COMPLEX, WRONG_AND_LARGE, fragments_of_fragments

CALLS_MAX = 400_000
"""Calls of functions that any one document may cost before it is refused, at 50 ns to 250 ns each: below a tenth of a
second. Counted, since a busy machine's seconds are not the document's fault."""
CALLS_PER_CHARACTER_MAX = 3
"""On top, for the lexer, which reads one by one the characters of what is long."""
REFUSAL_BYTES_MAX = 16 * 1024 * 1024


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema()


@pytest.fixture
def documents(schema: GraphQLSchema) -> Documents:
    return Documents(schema, introspection=True)


def codes_of(read: Document | list) -> list[str | None]:
    assert isinstance(read, list)
    return [(error.extensions or {}).get("code") for error in read]


def calls_of(work: Callable[[], object]) -> int:
    """How many functions are called, those of the interpreter's own included."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def calls_max(text: str) -> int:
    return CALLS_MAX + CALLS_PER_CHARACTER_MAX * min(len(text), LENGTH_MAX)


@pytest.mark.parametrize("name", TOO_COMPLEX)
def test_what_is_too_complex_is_refused_before_it_costs_much(documents: Documents, name: str) -> None:
    assert codes_of(documents.read(TOO_COMPLEX[name])) == ["QUERY_TOO_COMPLEX"]
    assert calls_of(lambda: documents.read(TOO_COMPLEX[name])) < calls_max(TOO_COMPLEX[name])


@pytest.mark.parametrize("name", WRONG_AND_LARGE)
def test_what_is_wrong_costs_little_however_large_it_is(documents: Documents, name: str) -> None:
    read = documents.read(WRONG_AND_LARGE[name])

    assert {code for code in codes_of(read) if code is not None} <= {"BAD_USER_INPUT"}
    assert calls_of(lambda: documents.read(WRONG_AND_LARGE[name])) < calls_max(WRONG_AND_LARGE[name])


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_measuring_takes_a_step_for_each_part_of_the_text_though_its_fragments_double(count: int) -> None:
    parts = len(fragments_of_fragments(count).split())

    assert measure(parse(fragments_of_fragments(count))) <= 2 * parts


@pytest.mark.parametrize("name", TOO_COMPLEX)
def test_what_is_too_complex_takes_little_memory(documents: Documents, name: str) -> None:
    tracemalloc.start()
    documents.read(TOO_COMPLEX[name])
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < REFUSAL_BYTES_MAX


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{ nothing }",
        "{ viewer }",
        "{ viewer { kind } } fragment f on Query { viewer { kind } }",
        "{ ...f } fragment f on Query { ...f }",
        "{ ...f } fragment f on Query { ...g } fragment g on Query { ...f }",
        "{ ...absent }",
        "fragment f on Viewer { kind }",
        "{ viewer { ...f } } fragment f on Viewer { kind } fragment f on Viewer { kind }",
        "subscription { a: balance { version } b: balance { version } }",
        "{ viewer { kind } } { viewer { kind } }",
        "type Query { viewer: Int }",
        '{ price(model: "a\\u0000b") { model } }',
        "{ prices(first: " + "9" * 5_000 + ") { totalCount } }",
        "{ prices(first: -" + "9" * 5_000 + ") { totalCount } }",
        '{ estimate(input: {lines: [{model: "flux", params: {width: 0.' + "9" * 5_000 + "}}]}) { __typename } }",
        '{ price(model: "\\uD800") { model } }',
        "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
    ],
)
def test_what_is_wrong_is_refused_as_the_clients_mistake(documents: Documents, text: str) -> None:
    read = documents.read(text)

    assert isinstance(read, list)
    assert read
    assert {code for code in codes_of(read) if code is not None} <= {"BAD_USER_INPUT"}


def test_the_introspection_that_tools_send_passes(documents: Documents) -> None:
    query = get_introspection_query(
        descriptions=True,
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )

    assert isinstance(documents.read(query), Document)


def test_without_introspection_the_schema_is_not_told_of_nor_guessed_at(schema: GraphQLSchema) -> None:
    documents = Documents(schema, introspection=False)

    refused = documents.read(get_introspection_query())
    misspelt = documents.read("{ viewr { kind } }")

    assert isinstance(refused, list)
    assert isinstance(misspelt, list)
    assert "introspection has been disabled" in refused[0].message
    assert "viewer" not in misspelt[0].message
    assert isinstance(documents.read("{ __typename viewer { __typename kind } }"), Document)


def test_a_document_is_parsed_once(documents: Documents) -> None:
    text = "{ viewer { kind } }"

    assert documents.read(text) is documents.read(text)


def test_no_more_is_remembered_than_the_bound_and_the_latest_stay(documents: Documents) -> None:
    first = documents.read("query q0 { viewer { kind } }")
    second = documents.read("query q1 { viewer { kind } }")
    for number in range(2, REMEMBERED_MAX):
        documents.read(f"query q{number} {{ viewer {{ kind }} }}")
    documents.read("query q0 { viewer { kind } }")
    documents.read("query one_more { viewer { kind } }")

    assert documents.read("query q0 { viewer { kind } }") is first
    assert documents.read("query q1 { viewer { kind } }") is not second


def test_long_texts_and_refused_ones_are_not_remembered(documents: Documents) -> None:
    long = "{ viewer { kind } }" + " " * REMEMBERED_LENGTH_MAX

    assert documents.read(long) is not documents.read(long)
    assert documents.read("{ nothing }") is not documents.read("{ nothing }")


def test_the_meant_operation_is_found_by_its_name(documents: Documents) -> None:
    read = documents.read("query a { viewer { kind } } mutation b { advanceClock(input: {seconds: 1}) { __typename } }")
    assert isinstance(read, Document)

    assert read.operation_type("a") is OperationType.QUERY
    assert read.operation_type("b") is OperationType.MUTATION
    for name in (None, "c", "c" * 10_000):
        with pytest.raises(Exception, match="operation") as caught:
            read.operation_type(name)
        assert len(str(caught.value)) < 200


def test_comments_are_no_tokens(documents: Documents) -> None:
    fitting = "query q { viewer { kind } } " + "# words that are no tokens\n" * COMMENTS_MAX

    assert isinstance(documents.read(fitting), Document)
