from __future__ import annotations

import time
import tracemalloc

import pytest
from graphql import GraphQLSchema, OperationType, get_introspection_query

from resolvers.roots import build_schema
from server.edge.documents import (
    ALIASES_MAX,
    COMMENTS_MAX,
    FIELDS_MAX,
    REMEMBERED_LENGTH_MAX,
    REMEMBERED_MAX,
    ROOT_FIELDS_MAX,
    Document,
    Documents,
)

REFUSAL_SECONDS_MAX = 0.5
"""What any one document may cost before it is refused; most cost a tenth of this."""
REFUSAL_BYTES_MAX = 16 * 1024 * 1024


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema()


@pytest.fixture
def documents(schema: GraphQLSchema) -> Documents:
    return Documents(schema, introspection=True)


def codes_of(read: Document | list) -> list[str | None]:  # type: ignore[type-arg]
    assert isinstance(read, list)
    return [(error.extensions or {}).get("code") for error in read]


def fragments_of_fragments(count: int) -> str:
    """A document whose fields double with every fragment."""
    spread = "\n".join(f"fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(count))
    return f"{{ ...f0 }}\n{spread}\nfragment f{count} on Query {{ viewer {{ kind }} }}"


def nested_types(depth: int) -> str:
    return "{ __schema { types { " + "fields { type { " * depth + "name" + " } }" * depth + " } } }"


TOO_COMPLEX = {
    "aliases": "{" + " ".join(f"a{i}: viewer {{ kind }}" for i in range(10_000)) + "}",
    "a few aliases too many": "{ viewer {" + " ".join(f"a{i}: kind" for i in range(ALIASES_MAX + 1)) + "} }",
    "aliased mutations": "mutation {"
    + " ".join(f"a{i}: advanceClock(input: {{seconds: 1}}) {{ __typename }}" for i in range(100))
    + "}",
    "root fields": "{" + " ".join(["viewer { kind }"] * (ROOT_FIELDS_MAX + 1)) + "}",
    "duplicate fields": "{ viewer {" + " kind" * 3_000 + "} }",
    "fields within the bound of tokens": "{ viewer {" + " kind" * (FIELDS_MAX + 1) + "} }",
    "a megabyte of comments": "{ viewer { kind } }" + "#\n" * 500_000,
    "comments": "{ viewer { kind } }" + "#\n" * 3_000,
    "a megabyte": "{ viewer { " + "kind " * 200_000 + "} }",
    "depth": "{ viewer " + "{ viewer " * 500 + "}" * 500 + "}",
    "nested inline fragments": "{ " + "... { " * 300 + "viewer { kind }" + " }" * 300 + "}",
    "fragments of fragments": fragments_of_fragments(40),
    "deep introspection": nested_types(15),
}


@pytest.mark.parametrize("name", TOO_COMPLEX)
def test_what_is_too_complex_is_refused_before_it_costs_much(documents: Documents, name: str) -> None:
    # Processor time, since other processes of a busy machine are not the document's fault.
    started = time.process_time()
    read = documents.read(TOO_COMPLEX[name])
    seconds = time.process_time() - started

    assert codes_of(read) == ["QUERY_TOO_COMPLEX"]
    assert seconds < REFUSAL_SECONDS_MAX


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
        "subscription { a: balance { version } b: balance { version } }",
        "{ viewer { kind } } { viewer { kind } }",
        "type Query { viewer: Int }",
        '{ price(model: "a\\u0000b") { model } }',
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
