"""Documents that ask for too much, or are wrong and large."""

from __future__ import annotations

from server.edge.document_size import ALIASES_MAX, FIELDS_MAX, ROOT_FIELDS_MAX


def fragments_of_fragments(count: int, end: str = "{ viewer { kind } }") -> str:
    """A document whose selections double with every fragment."""
    spread = " ".join(f"fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(count))
    return f"{{ ...f0 }} {spread} " + (f"fragment f{count} on Query {end}" if end else "")


def fragments_one_in_another(count: int) -> str:
    """Fragments that nest without a field between them, the innermost first."""
    spread = " ".join(f"fragment f{i} on Query {{ ...f{i + 1} }}" for i in reversed(range(count)))
    return f"fragment f{count} on Query {{ viewer {{ kind }} }} {spread} {{ ...f0 }}"


def entries_of_an_account(count: int) -> str:
    """Pages that contradict each other: every pair of them is a fault."""
    return (
        '{ account(id: "a") {'
        + "".join(f" entries(first: {i % 99 + 1}) {{ nodes {{ id }} }}" for i in range(count))
        + "} }"
    )


def nested_types(depth: int) -> str:
    return "{ __schema { types { " + "fields { type { " * depth + "name" + " } }" * depth + " } } }"


VIEWER = "{ viewer { kind } }"

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
    "fragments of fragments that nothing uses": fragments_of_fragments(36).replace("{ ...f0 }", VIEWER),
    "a ladder of fragments": "{ ...f0 ...g0 }"
    + "".join(
        f" fragment {n}{i} on Query {{ viewer {{ kind }} ...f{i + 1} ...g{i + 1} }}" for i in range(40) for n in "fg"
    )
    + "fragment f40 on Query { viewer { kind } } fragment g40 on Query { viewer { kind } }",
    "nested fragments": fragments_one_in_another(60),
    "spreads": "{" + " ...f" * 900 + "} fragment f on Query { viewer { kind } }",
    "spreads of fields": "{ viewer {" + " ...f" * 600 + "} } fragment f on Viewer { kind }",
    "fragments that all overlap": "{ viewer {"
    + "".join(f" ...f{i}" for i in range(95))
    + "} }"
    + "".join(f" fragment f{i} on Viewer {{ kind tenantId __typename }}" for i in range(95)),
    "fragments": "{ ...f0 }" + "".join(f" fragment f{i} on Query {{ viewer {{ kind }} }}" for i in range(150)),
    "duplicate fields within the bound of fields": "{ viewer {" + " kind" * (FIELDS_MAX - 10) + "} }",
    "duplicate objects": "{" + (" viewer {" + " kind" * 45 + "}") * 20 + "}",
    "duplicate pages": '{ account(id: "a") {' + ' entries(first: 1, after: "x") { nodes { id } }' * 100 + "} }",
    "contradictions": entries_of_an_account(140),
    "duplicate members of a union": 'mutation { reserve(input: {idempotencyKey: "k", accountId: "a"}) {'
    + "... on ReserveSuccess { replayed }" * 150
    + "} }",
    "variables": "query (" + " ".join(f"$v{i}: Int" for i in range(400)) + ") { viewer { kind } }",
    "directives": "{ viewer { kind" + " @include(if: true)" * 250 + "} }",
    "operations": " ".join(f"query q{i} {{ viewer {{ kind }} }}" for i in range(200)),
    "operations that share fields": " ".join(f"query q{i} {{ ...f }}" for i in range(20))
    + "fragment f on Query { viewer {"
    + " kind" * 60
    + "} }",
    "nested lists": "{ price(model: " + "[" * 180 + "]" * 180 + ") { model } }",
    "lists nested beyond the parser": "{ price(model: " + "[" * 900 + "]" * 900 + ") { model } }",
    "nested objects": "{ price(model: " + "{a: " * 150 + "1" + "}" * 150 + ") { model } }",
    "nested types": "query ($a: " + "[" * 150 + "Int" + "]" * 150 + ") { viewer { kind } }",
    "definitions of types": "type A { a: Int } " * 400,
    "deep introspection": nested_types(15),
}

WRONG_AND_LARGE = {
    "doubling into a circle": fragments_of_fragments(36, "{ ...f36 }"),
    "doubling into a circle of all": fragments_of_fragments(36, "{ ...f0 }"),
    "doubling into nothing": fragments_of_fragments(36, ""),
    "arguments": "{ price(" + " ".join(f"a{i}: 1" for i in range(600)) + ") { model } }",
    "an argument many times": "{ price(" + 'model: "a" ' * 600 + ") { model } }",
    "members of an object": "{ prices(filter: {" + 'tier: "a" ' * 600 + "}) { nodes { model } } }",
    "members of a list": '{ account(id: "a") { entries(kinds: [' + "NOPE " * 1_900 + "]) { nodes { id } } } }",
    "unknown fields": "{ viewer {" + " ".join(f"kin{i}" for i in range(950)) + "} }",
    "long names": "{ viewer {" + " ".join(f"{'kind' * 3_000}{i}" for i in range(18)) + "} }",
    "a number of many digits": "{ prices(first: " + "9" * 200_000 + ") { nodes { model } } }",
    "unknown directives": "{ viewer { kind" + " @x" * 90 + "} }",
}
