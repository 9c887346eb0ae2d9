from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLError, GraphQLSchema

from resolvers.roots import build_schema
from rules.ledger.hold_events import HOLDS_MAX
from rules.ledger.usage_events import ROWS_MAX
from server.edge.documents import Document, Documents
from server.edge.operation_cost import COST_MAX, LIST_LENGTH, QUERY_COST, REPORT_COST, SEARCH_COST, operation_cost


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema()


@pytest.fixture(scope="module")
def documents(schema: GraphQLSchema) -> Documents:
    return Documents(schema, introspection=True)


def read(documents: Documents, text: str) -> Document:
    document = documents.read(text)
    assert isinstance(document, Document), document
    return document


def page_of_accounts(first: int | str, selected: str) -> str:
    return f"{{ accounts(first: {first}) {{ nodes {{ {selected} }} }} }}"


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("{ viewer { kind tenantId } }", 1),
        ("{ accounts { totalCount } }", 2 * QUERY_COST),
        ("{ accounts(first: 7) { nodes { id } } }", QUERY_COST + 7),
        ("{ accounts { nodes { id } } }", QUERY_COST + 50),
        ("{ accounts(first: null) { nodes { id } } }", QUERY_COST + 50),
        ("{ prices { nodes { model } } }", QUERY_COST + 100),
        ('{ prices(filter: {search: "x"}, first: 1) { nodes { model } } }', QUERY_COST + SEARCH_COST + 1),
        ('{ prices(filter: {category: "x"}, first: 1) { nodes { model } } }', QUERY_COST + 1),
        ("query($f: PriceFilter) { prices(filter: $f, first: 1) { totalCount } }", 2 * QUERY_COST + SEARCH_COST),
        ("{ accounts(first: 100000) { nodes { id } } }", QUERY_COST + 100),
        ("{ accounts(first: -5) { nodes { id } } }", QUERY_COST + 1),
        ("{ accounts(first: 7) { edges { cursor node { balance { total } } } } }", QUERY_COST + 7 * 3),
        ("{ accounts(first: 7) { ...p } } fragment p on AccountConnection { nodes { id } }", QUERY_COST + 7),
        ("{ accounts(first: 7) { ... { nodes { ... on Account { id } } } } }", QUERY_COST + 7),
        ("{ accounts(first: 7) { pageInfo { hasNextPage } } }", QUERY_COST + 1),
        (page_of_accounts(10, "holds(first: 5) { nodes { id } }"), QUERY_COST + 10 * (1 + QUERY_COST + 5)),
        (
            '{ usage(input: {from: "2026-05-01", to: "2026-05-31", groupBy: [REF]}) { rows { tokens } total } }',
            1 + 3 + REPORT_COST,
        ),
        ("{ __schema { types { name fields { name } } } }", 0),
    ],
)
def test_an_operation_costs_its_rows_and_queries(
    schema: GraphQLSchema, documents: Documents, text: str, cost: int
) -> None:
    document = read(documents, text)
    (operation,) = document.operations.values()

    assert operation_cost(schema, document.node, operation).most == cost


@pytest.mark.parametrize(
    ("selected", "cost"),
    [
        ("usage { version today { tokens } }", 2),
        ("usage { rows { model tokens } }", 1 + ROWS_MAX),
        ("holds { openCount held }", 1),
        ("holds { holds { id state remaining } }", 1 + HOLDS_MAX),
        ("holds { holds { lines { cost } } }", 1 + HOLDS_MAX * (1 + LIST_LENGTH)),
        ("holds { holds { captures { lines { cost } } } }", 1 + HOLDS_MAX * (1 + LIST_LENGTH * (1 + LIST_LENGTH))),
    ],
)
def test_an_event_costs_what_it_may_have(schema: GraphQLSchema, documents: Documents, selected: str, cost: int) -> None:
    document = read(documents, f"subscription {{ {selected} }}")
    (operation,) = document.operations.values()

    assert operation_cost(schema, document.node, operation).most == cost


HONEST = [
    page_of_accounts(100, "id name balance { total available expiringNext { amount } }"),
    page_of_accounts(100, "holds { nodes { id amount state } }"),
    page_of_accounts(100, "grants(first: 10) { nodes { id } } holds(first: 10) { nodes { id } }"),
    '{ account(id: "a") { balance { total } holds(first: 100) '
    "{ nodes { id captures { at lines { cost steps { label } } } } pageInfo { endCursor } } } }",
    '{ account(id: "a") { entries(first: 100) { totalCount nodes { id } } grants(first: 100) { nodes { id } } } }',
]

COSTLY = [
    page_of_accounts(100, "holds(first: 100) { nodes { id } }"),
    page_of_accounts(100, "holds(first: 100) { nodes { captures { lines { steps { label } } } } }"),
    page_of_accounts(100, "holds(first: 20) { edges { node { captures { lines { cost } } } } }"),
    page_of_accounts(100, " ".join(f"a{i}: holds(first: 1) {{ totalCount }}" for i in range(10))),
    "{ accounts(first: 100) { ...p } } fragment p on AccountConnection { nodes { ...a } } "
    "fragment a on Account { holds(first: 100) { nodes { id } } }",
]


@pytest.mark.parametrize("text", HONEST)
def test_honest_pages_pass(documents: Documents, text: str) -> None:
    read(documents, text).operation_type(None, None)


@pytest.mark.parametrize("text", COSTLY)
def test_lists_within_lists_are_refused_with_what_they_cost_and_what_to_do(documents: Documents, text: str) -> None:
    with pytest.raises(GraphQLError, match=rf"may cost \d{{5,}}, at most {COST_MAX} .* `first`") as caught:
        read(documents, text).operation_type(None, None)

    assert caught.value.extensions is not None
    requested = caught.value.extensions["cost"]["requested"]
    assert f"may cost {requested}," in caught.value.message
    assert caught.value.extensions == {
        "code": "QUERY_TOO_COMPLEX",
        "cost": {"requested": requested, "maximum": COST_MAX, "remaining": 0},
    }


@pytest.mark.parametrize(
    ("variables", "passes"),
    [
        ({"outer": 10, "inner": 100}, True),
        ({"outer": 100, "inner": 10}, True),
        ({"outer": 100, "inner": 100}, False),
        ({"outer": 100, "inner": 100_000}, False),
        ({"outer": 100, "inner": "100"}, False),
        ({"outer": 100, "inner": 5.0}, False),
        ({"outer": 100, "inner": None}, True),
        ({"outer": 100}, True),
        ({}, True),
        (None, True),
    ],
)
def test_pages_as_long_as_variables_say_cost_what_these_ask_for(
    documents: Documents, variables: dict[str, Any] | None, passes: bool
) -> None:
    document = read(
        documents,
        "query ($outer: Int = 3, $inner: Int) "
        "{ accounts(first: $outer) { nodes { holds(first: $inner) { nodes { id } } } } }",
    )

    if passes:
        document.operation_type(None, variables)
    else:
        with pytest.raises(GraphQLError, match="may cost"):
            document.operation_type(None, variables)


@pytest.mark.parametrize(
    ("variables", "cost"),
    [
        ({"outer": 10, "inner": 5}, QUERY_COST + 10 * (1 + QUERY_COST + 5 * 2)),
        ({"outer": 10}, QUERY_COST + 10 * (1 + QUERY_COST + 50 * 2)),
        ({"inner": 1}, QUERY_COST + 3 * (1 + QUERY_COST + 2)),
        ({"inner": -7}, QUERY_COST + 3 * (1 + QUERY_COST + 2)),
        ({"inner": True}, QUERY_COST + 3 * (1 + QUERY_COST + 2)),
        ({"inner": "1"}, QUERY_COST + 3 * (1 + QUERY_COST + 100 * 2)),
        ({"inner": 10**30}, QUERY_COST + 3 * (1 + QUERY_COST + 100 * 2)),
        ({"outer": None, "inner": 1}, QUERY_COST + 50 * (1 + QUERY_COST + 2)),
    ],
)
def test_what_is_told_is_the_cost_with_the_variables_that_were_sent(
    documents: Documents, variables: dict[str, Any], cost: int
) -> None:
    document = read(
        documents,
        "query ($outer: Int = 3, $inner: Int) "
        "{ accounts(first: $outer) { nodes { holds(first: $inner) { edges { node { id } } } } } }",
    )

    assert document.extensions(None, variables) == {
        "cost": {"requested": cost, "maximum": COST_MAX, "remaining": max(0, COST_MAX - cost)}
    }


def test_a_variable_may_be_the_length_of_pages_within_and_beside_each_other(documents: Documents) -> None:
    document = read(
        documents,
        "query ($n: Int) { accounts(first: $n) { nodes { a: holds(first: $n) { nodes { id } } ...h } } "
        "prices(first: $n) { nodes { model } } } fragment h on Account { b: holds(first: $n) { nodes { id } } }",
    )

    for n in (1, 2, 30):
        expected = QUERY_COST + n * (1 + 2 * (QUERY_COST + n)) + QUERY_COST + n
        assert document.extensions(None, {"n": n})["cost"]["requested"] == expected


def test_what_costs_the_same_whatever_the_variables_are_is_told_without_counting_anew(documents: Documents) -> None:
    document = read(documents, "query ($id: ID) { account(id: $id) { holds(first: 7) { nodes { id } } } }")

    assert document.extensions(None, {"id": "a"}) is document.extensions(None, {"id": "b"})


def test_only_the_operation_that_is_meant_is_judged(documents: Documents) -> None:
    document = read(documents, f"query small {{ viewer {{ kind }} }} query large {COSTLY[0]}")

    document.operation_type("small", None)
    with pytest.raises(GraphQLError, match="may cost"):
        document.operation_type("large", None)
