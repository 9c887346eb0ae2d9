"""Trusted documents: texts that the product's own front ends were built with, asked for by the hash of each.

The specification's appendix A, https://graphql.github.io/graphql-over-http/draft/, has the request; Apollo's clients
name the same hash in `extensions.persistedQuery`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from graphql import GraphQLError

from resolvers.errors import ErrorCode, coded
from server.edge.documents import Document, Documents
from server.edge.operation_cost import COST_MAX
from server.trusted_manifest import ID_PREFIX, by_id, refuse

_NOT_FOUND: Final = (
    "No trusted document has this `documentId`. The manifest of this build of the client has to be among those of "
    "FAREBOX_TRUSTED_DOCUMENTS, and the server has to be started again after it has changed."
)
_NOT_TRUSTED: Final = "This server takes trusted documents alone: send `documentId` instead of `query`."
# Apollo's and urql's clients know these by their very words, and send the text then.
_AUTOMATIC_NOT_FOUND: Final = "PersistedQueryNotFound"
_AUTOMATIC_NOT_SUPPORTED: Final = "PersistedQueryNotSupported"


class TrustedDocuments:
    """The texts that are known by id. `only`: whether no other text is taken.

    `texts` are by hash. They are parsed when they are first asked for, and remembered as every document is.
    """

    def __init__(self, texts: Mapping[str, str] | None = None, *, only: bool = False) -> None:
        self._texts = by_id(texts or {})
        self._only = only

    def text_of(self, query: str | None, document_id: str | None, *, automatic: bool) -> str:
        """The text that is meant: the one that was sent, or the one of the id.

        `automatic`: the id is from `extensions.persistedQuery`. Raises a coded GraphQLError for an id that is not
        known, and, where only trusted documents are taken, for a text that is not the one of the id beside it.
        """
        if query is not None:
            if self._only and (document_id is None or query != self._texts.get(document_id)):
                raise coded(ErrorCode.DOCUMENT_NOT_TRUSTED, _NOT_TRUSTED)
            return query
        text = None if document_id is None else self._texts.get(document_id)
        if text is None:
            raise self._unknown(automatic=automatic)
        return text

    def _unknown(self, *, automatic: bool) -> GraphQLError:
        if not automatic:
            return coded(ErrorCode.DOCUMENT_NOT_FOUND, _NOT_FOUND)
        if self._texts:
            return coded(ErrorCode.PERSISTED_QUERY_NOT_FOUND, _AUTOMATIC_NOT_FOUND)
        return coded(ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED, _AUTOMATIC_NOT_SUPPORTED)


def check_trusted(texts: Mapping[str, str], documents: Documents) -> None:
    """Raises InvalidSettings naming each document that this server would refuse whatever its variables are."""
    faults = []
    for hash, text in texts.items():
        fault = _fault(documents.judge(text))
        if fault is not None:
            faults.append(f"the document {ID_PREFIX}{hash} {fault}; build the manifest against this server's schema")
    refuse("", faults)


def _fault(judged: Document | list[GraphQLError]) -> str | None:
    if isinstance(judged, Document):
        least = [cost.least for cost in judged.costs.values()]
        # Other operations of the document may be well.
        return f"costs at least {min(least)}, at most {COST_MAX} is taken" if min(least) > COST_MAX else None
    error = judged[0]
    line = f" (line {error.locations[0].line})" if error.locations else ""
    return f"is refused: {error.message.rstrip('.')}{line}"
