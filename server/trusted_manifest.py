"""Manifests of trusted documents: the files in which a front end's build keeps every text that it may send.

Two forms are read: an object of ids and texts, as graphql-codegen and Relay write it, and Apollo's, with `operations`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from server.settings import InvalidSettings

ID_PREFIX: Final = "sha256:"
MANIFEST_BYTES_MAX: Final = 32 * 1024 * 1024
TRUSTED_MAX: Final = 10_000
"""Documents of all manifests together, those of older builds included."""

_SETTING: Final = "FAREBOX_TRUSTED_DOCUMENTS"
_APOLLO: Final = "apollo-persisted-query-manifest"
_FAULTS_SHOWN_MAX: Final = 5
_ID_SHOWN_MAX: Final = 80
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_OTHER_HASH: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}")

_WRONG_ALGORITHM: Final = (
    "looks like a hash of MD5 or SHA-1; have the build write SHA-256 (graphql-codegen: persistedDocuments: "
    '{ hashAlgorithm: "sha256" }, Relay: persistConfig: { algorithm: "SHA256" })'
)
_NO_HASH: Final = "must be the SHA-256 hash of its text, 64 lower-case hex digits, alone or after `sha256:`"
_UNKNOWN_FORM: Final = (
    f'must be an object of ids and texts, or {{"format": "{_APOLLO}", "version": 1, "operations": […]}}'
)


def read_manifests(paths: Iterable[Path]) -> dict[str, str]:
    """The texts of all manifests by the hash of each, without prefix.

    Raises InvalidSettings for what cannot be read, for ids that are not their text's hash, and for too many.
    """
    texts: dict[str, str] = {}
    for path in paths:
        texts.update(_texts(path))
    if len(texts) > TRUSTED_MAX:
        raise InvalidSettings(f"{_SETTING}: {len(texts)} documents, at most {TRUSTED_MAX} are taken")
    return texts


def refuse(where: str, faults: list[str]) -> None:
    """Raises InvalidSettings with the first of the faults, if there is any. `where`: the file, if one is to blame."""
    if faults:
        more = f"; and {len(faults) - _FAULTS_SHOWN_MAX} more" if len(faults) > _FAULTS_SHOWN_MAX else ""
        shown = "; ".join(faults[:_FAULTS_SHOWN_MAX])
        raise InvalidSettings(f"{_SETTING}: {where}{': ' if where else ''}{shown}{more}")


def _texts(path: Path) -> dict[str, str]:
    texts, faults = {}, []
    for id, text in _entries(path):
        hash = id.removeprefix(ID_PREFIX)
        fault = _fault(hash, text)
        if fault is None:
            texts[hash] = text
        else:
            faults.append(f"the document {id[:_ID_SHOWN_MAX]!a} {fault}")
    refuse(str(path), faults)
    return texts


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    manifest = _decoded(path)
    match manifest:
        case {"format": str(form), "operations": list(operations)}:
            if form != _APOLLO or manifest.get("version") != 1:
                raise InvalidSettings(f"{_SETTING}: {path} {_UNKNOWN_FORM}")
            for number, operation in enumerate(operations):
                match operation:
                    case {"id": str(id), "body": body}:
                        yield id, body
                    case _:
                        raise InvalidSettings(f"{_SETTING}: {path}: operations[{number}] needs `id` and `body`")
        case dict() if "operations" not in manifest:
            yield from manifest.items()
        case _:
            raise InvalidSettings(f"{_SETTING}: {path} {_UNKNOWN_FORM}")


def _decoded(path: Path) -> Any:
    try:
        # One byte more than is taken tells what is too large without reading all of it.
        with path.open("rb") as file:
            raw = file.read(MANIFEST_BYTES_MAX + 1)
    except OSError as error:
        raise InvalidSettings(f"{_SETTING}: {path} cannot be read ({error.strerror})") from None
    if len(raw) > MANIFEST_BYTES_MAX:
        raise InvalidSettings(f"{_SETTING}: {path} has more than {MANIFEST_BYTES_MAX} bytes")
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise InvalidSettings(f"{_SETTING}: {path} is not JSON (line {error.lineno}: {error.msg})") from None
    except (ValueError, RecursionError):
        raise InvalidSettings(f"{_SETTING}: {path} is not JSON in UTF-8") from None


def _fault(hash: str, text: object) -> str | None:
    if _HASH.fullmatch(hash) is None:
        return _WRONG_ALGORITHM if _OTHER_HASH.fullmatch(hash) else _NO_HASH
    if not isinstance(text, str):
        return "has no text"
    actual = hash_of(text)
    if actual != hash:
        return f"has another hash, {ID_PREFIX}{actual}: do not edit the texts, build the manifest anew"
    return None


def hash_of(text: str) -> str:
    """The hash of a document's text, as the ids of trusted documents have it."""
    # Half a surrogate pair has no bytes; what has one is refused for its contents, later and with better words.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def by_id(texts: Mapping[str, str]) -> dict[str, str]:
    """The texts by every id that a client may send: the hash with its prefix, and alone, as older clients do."""
    return {ID_PREFIX + hash: text for hash, text in texts.items()} | dict(texts)
