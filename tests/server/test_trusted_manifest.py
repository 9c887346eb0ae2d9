from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from server.app import check_trusted_documents
from server.settings import Environment, InvalidSettings, Settings, read_settings
from server.trusted_manifest import MANIFEST_BYTES_MAX, by_id, hash_of, read_manifests

VIEWER = "{ viewer { kind } }"
BALANCE = "subscription Live { balance { version } }"
APOLLO = {"format": "apollo-persisted-query-manifest", "version": 1}


def a_manifest(directory: Path, content: Any, name: str = "manifest.json") -> Path:
    path = directory / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def of_texts(*texts: str, prefix: str = "sha256:") -> dict[str, str]:
    return {prefix + hash_of(text): text for text in texts}


def test_the_hash_is_that_of_the_specification() -> None:
    """Its own example, in both of its forms."""
    long = "query ($id: ID!) {\n  user(id: $id) {\n    name\n  }\n}"
    short = "query($id:ID!){user(id:$id){name}}"

    assert hash_of(long) == "7dba4bd717b41f10434822356a93c32b1fb4907b983e854300ad839f84cdcd6e"
    assert hash_of(short) == "71f7dc5758652baac68e4a10c50be732b741c892ade2883a99358f52b555286b"


@pytest.mark.parametrize(
    "content",
    [
        of_texts(VIEWER, BALANCE),
        of_texts(VIEWER, BALANCE, prefix=""),
        b"\xef\xbb\xbf" + json.dumps(of_texts(VIEWER, BALANCE)).encode(),
        {
            **APOLLO,
            "operations": [
                {"id": hash_of(text), "name": "x", "type": "query", "body": text} for text in (VIEWER, BALANCE)
            ],
        },
    ],
    ids=["with prefixes", "without", "with a byte order mark", "of Apollo"],
)
def test_every_tools_manifest_is_read(tmp_path: Path, content: Any) -> None:
    assert read_manifests([a_manifest(tmp_path, content)]) == of_texts(VIEWER, BALANCE, prefix="")


def test_several_builds_are_served_at_once(tmp_path: Path) -> None:
    old = a_manifest(tmp_path, of_texts(VIEWER), "old.json")
    new = a_manifest(tmp_path, of_texts(VIEWER, BALANCE), "new.json")

    assert by_id(read_manifests([old, new])) == of_texts(VIEWER, BALANCE) | of_texts(VIEWER, BALANCE, prefix="")


SHA = f"sha256:{hash_of(VIEWER)}"
UNREADABLE: list[tuple[Any, list[str]]] = [
    (b"{", ["is not JSON", "line 1"]),
    (b'{"a": "\xff"}', ["is not JSON in UTF-8"]),
    (b"[" * 100_000, ["is not JSON"]),
    ([], ["an object of ids and texts"]),
    ("text", ["an object of ids and texts"]),
    ({**APOLLO, "version": 2, "operations": []}, ["an object of ids and texts", '"version": 1']),
    ({"format": "other", "version": 1, "operations": []}, ["apollo-persisted-query-manifest"]),
    ({**APOLLO, "operations": {}}, ["an object of ids and texts"]),
    ({**APOLLO, "operations": [{"id": "x"}]}, ["operations[0]", "`body`"]),
    ({SHA: VIEWER + " "}, [SHA, "has another hash", f"sha256:{hash_of(VIEWER + ' ')}", "build the manifest anew"]),
    ({SHA: None}, [SHA, "has no text"]),
    ({"Balance": VIEWER}, ["'Balance'", "SHA-256", "64 lower-case hex digits"]),
    ({SHA.upper(): VIEWER}, ["64 lower-case hex digits"]),
    ({"0" * 32: VIEWER}, ["'" + "0" * 32, "MD5", "Relay", 'algorithm: "SHA256"']),
    ({"0" * 40: VIEWER}, ["SHA-1", 'hashAlgorithm: "sha256"']),
    ({"x" * 5_000: VIEWER}, ["x" * 80 + "' must be"]),
    ({str(number): VIEWER for number in range(100)}, ["'0'", "'4'", "and 95 more"]),
    (b" " * (MANIFEST_BYTES_MAX + 1), ["more than"]),
]


@pytest.mark.parametrize(("content", "said"), UNREADABLE, ids=lambda part: ascii(part)[:40])
def test_a_manifest_that_is_wrong_is_refused_with_the_entry_and_what_to_do(
    tmp_path: Path, content: Any, said: list[str]
) -> None:
    path = a_manifest(tmp_path, content)

    with pytest.raises(InvalidSettings) as refusal:
        read_manifests([path])

    message = str(refusal.value)
    assert message.startswith(f"FAREBOX_TRUSTED_DOCUMENTS: {path}")
    assert [text for text in said if text not in message] == []
    assert "\n" not in message
    assert len(message) < 1_500


def test_a_manifest_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidSettings, match=r"FAREBOX_TRUSTED_DOCUMENTS: .*absent\.json cannot be read \(No such file"
    ):
        read_manifests([tmp_path / "absent.json"])


REFUSED = [
    ("{ nothing }", "is refused: Cannot query field 'nothing' on type 'Query' (line 1)"),
    ("{", "is refused: Syntax Error"),
    ("{ viewer {" + " kind" * 1_500 + "} }", "is refused: "),
    ("fragment f on Viewer { kind }", "is refused: "),
    ('{ price(model: "\ud800") { model } }', "is refused: "),
    (
        "{ accounts(first: 100) { nodes { holds(first: 100) { nodes { id } } } } }",
        "costs at least 12120, at most 10000 is taken",
    ),
]


@pytest.mark.parametrize(("text", "said"), REFUSED, ids=lambda part: ascii(part)[:40])
def test_a_document_that_this_server_would_always_refuse_stops_the_start(tmp_path: Path, text: str, said: str) -> None:
    settings = Settings(trusted_documents=(a_manifest(tmp_path, of_texts(VIEWER, text)),))

    with pytest.raises(InvalidSettings) as refusal:
        check_trusted_documents(settings)

    assert f"the document sha256:{hash_of(text)} {said}" in str(refusal.value)
    assert hash_of(VIEWER) not in str(refusal.value)
    assert "build the manifest against this server's schema" in str(refusal.value)


def test_a_document_whose_variables_decide_about_its_cost_is_taken(tmp_path: Path) -> None:
    pages = "query ($n: Int) { accounts(first: $n) { nodes { holds(first: $n) { nodes { id } } } } }"

    check_trusted_documents(Settings(trusted_documents=(a_manifest(tmp_path, of_texts(pages, BALANCE)),)))


def test_what_asks_for_the_schema_is_trusted_only_where_that_is_shown(tmp_path: Path) -> None:
    manifest = (a_manifest(tmp_path, of_texts("{ __schema { types { name } } }")),)

    check_trusted_documents(Settings(trusted_documents=manifest))
    with pytest.raises(InvalidSettings, match="introspection has been disabled"):
        check_trusted_documents(Settings(trusted_documents=manifest, environment=Environment.PRODUCTION))


def test_the_settings_name_manifests_and_whether_anything_else_is_taken() -> None:
    settings = read_settings(
        {"FAREBOX_TRUSTED_DOCUMENTS": "web.json, /srv/widget.json", "FAREBOX_ONLY_TRUSTED_DOCUMENTS": "1"}
    )

    assert settings.trusted_documents == (Path("web.json"), Path("/srv/widget.json"))
    assert settings.only_trusted_documents
    assert not settings.graphiql
    assert read_settings({}).graphiql
    assert not read_settings({"FAREBOX_ENV": "production"}).graphiql


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"FAREBOX_TRUSTED_DOCUMENTS": "a.json,"}, "FAREBOX_TRUSTED_DOCUMENTS must be the paths of manifests"),
        ({"FAREBOX_ONLY_TRUSTED_DOCUMENTS": "yes"}, "FAREBOX_ONLY_TRUSTED_DOCUMENTS must be 1 or 0, not 'yes'"),
        ({"FAREBOX_ONLY_TRUSTED_DOCUMENTS": "1"}, "FAREBOX_ONLY_TRUSTED_DOCUMENTS needs FAREBOX_TRUSTED_DOCUMENTS"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(environment: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidSettings, match=said):
        read_settings(environment)
