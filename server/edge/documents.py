"""Documents: parsed, judged and remembered by their text, so that a text that comes again costs a look-up.

What is too large is refused before it is validated, because validation takes time quadratic in the number of fields.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    StringValueNode,
    Visitor,
    parse,
    specified_rules,
    validate,
    visit,
)
from graphql.language.visitor import SKIP

from resolvers.errors import ErrorCode, coded
from server.edge.unstorable_text import is_unstorable

LENGTH_MAX = 262_144
"""Characters, comments and blanks included."""
COMMENTS_MAX = 2_000
TOKENS_MAX = 2_000
"""Lexical tokens; the introspection that tools send has about 350."""
DEPTH_MAX = 20
"""Nested fields, fragments followed; data reaches 9, the introspection that tools send 15."""
ALIASES_MAX = 50
FIELDS_MAX = 1_000
"""Fields with all fragments spread out, so that fragments of fragments do not multiply unnoticed."""
ROOT_FIELDS_MAX = 20
"""Root fields of one operation, each of which asks a service."""

REMEMBERED_MAX = 512
REMEMBERED_LENGTH_MAX = 16_384
"""Characters; longer texts are parsed each time, so that what is remembered stays within some megabytes."""
ERRORS_MAX = 20
"""Faults told of one document."""

_ABORTED = "Parsing aborted."


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document. `operations` are by name, None for the one without."""

    node: DocumentNode
    operations: Mapping[str | None, OperationType]

    def operation_type(self, name: str | None) -> OperationType:
        """The type of the operation that is to be executed. Raises a coded GraphQLError where none is meant."""
        if name is None:
            if len(self.operations) == 1:
                return next(iter(self.operations.values()))
            raise coded(ErrorCode.BAD_USER_INPUT, "The document has several operations: say which by `operationName`.")
        operation = self.operations.get(name)
        if operation is None:
            raise coded(ErrorCode.BAD_USER_INPUT, f"The document has no operation named {name[:60]!a}.")
        return operation


class Documents:
    """All documents of one process, the latest remembered. Without `introspection` nothing tells of the schema."""

    def __init__(self, schema: GraphQLSchema, *, introspection: bool) -> None:
        self._schema = schema
        self._introspection = introspection
        self._rules = specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._remembered: OrderedDict[str, Document] = OrderedDict()

    @property
    def introspection(self) -> bool:
        """Whether answers may tell of the schema."""
        return self._introspection

    def read(self, text: str) -> Document | list[GraphQLError]:
        """The document, or every reason to refuse it."""
        remembered = self._remembered.get(text)
        if remembered is not None:
            self._remembered.move_to_end(text)
            return remembered
        try:
            judged = self._judged(text)
        except GraphQLError as error:
            return [error]
        if isinstance(judged, Document) and len(text) <= REMEMBERED_LENGTH_MAX:
            self._remembered[text] = judged
            if len(self._remembered) > REMEMBERED_MAX:
                self._remembered.popitem(last=False)
        return judged

    def _judged(self, text: str) -> Document | list[GraphQLError]:
        try:
            node = parse(
                text,
                max_source_length=LENGTH_MAX,
                max_lexical_tokens=TOKENS_MAX,
                max_comments=COMMENTS_MAX,
                allow_empty_selection_sets=False,
            )
        except GraphQLSyntaxError as error:
            # The parser says that a bound was passed in no other way.
            if error.message.endswith(_ABORTED):
                raise _too_complex(error.message) from None
            raise
        _Measure(node).judge()
        visit(node, _RefuseUnstorableText())
        errors = validate(
            self._schema,
            node,
            self._rules,
            max_errors=ERRORS_MAX,
            hide_suggestions=not self._introspection,
            allow_empty_selection_sets=False,
        )
        if errors:
            return errors
        operations = {
            definition.name.value if definition.name else None: definition.operation
            for definition in node.definitions
            if isinstance(definition, OperationDefinitionNode)
        }
        if not operations:
            raise coded(ErrorCode.BAD_USER_INPUT, "The document has no operation.")
        return Document(node, operations)


def _too_complex(message: str) -> GraphQLError:
    return coded(ErrorCode.QUERY_TOO_COMPLEX, message)


@dataclass(frozen=True, slots=True)
class _Size:
    fields: int
    aliases: int
    depth: int


class _Measure:
    """Measures each operation with its fragments spread out, in time linear in the document."""

    def __init__(self, document: DocumentNode) -> None:
        self._document = document
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._sizes: dict[str, _Size] = {}
        self._open: set[str] = set()

    def judge(self) -> None:
        """Raises QUERY_TOO_COMPLEX for the first measure that is beyond its bound."""
        for definition in self._document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                self._judge_operation(definition)

    def _judge_operation(self, operation: OperationDefinitionNode) -> None:
        size = self._size(operation.selection_set, 0)
        if size.depth > DEPTH_MAX:
            raise _too_complex(f"The document nests more than {DEPTH_MAX} fields.")
        if size.aliases > ALIASES_MAX:
            raise _too_complex(f"The document has more than {ALIASES_MAX} aliases.")
        if size.fields > FIELDS_MAX:
            raise _too_complex(f"The document selects more than {FIELDS_MAX} fields.")
        if self._root_fields(operation.selection_set, frozenset()) > ROOT_FIELDS_MAX:
            raise _too_complex(f"An operation takes at most {ROOT_FIELDS_MAX} root fields.")

    def _size(self, selections: SelectionSetNode | None, level: int) -> _Size:
        if selections is None:
            return _Size(0, 0, 0)
        if level > 2 * DEPTH_MAX:
            # Inline fragments nest without a field between them; nobody needs to.
            raise _too_complex(f"The document nests more than {DEPTH_MAX} fields.")
        fields = aliases = depth = 0
        for selection in selections.selections:
            match selection:
                case FieldNode():
                    inner = self._size(selection.selection_set, level + 1)
                    inner = _Size(inner.fields + 1, inner.aliases + (selection.alias is not None), inner.depth + 1)
                case InlineFragmentNode():
                    inner = self._size(selection.selection_set, level + 1)
                case FragmentSpreadNode():
                    inner = self._fragment_size(selection.name.value, level + 1)
                case _:
                    continue
            fields, aliases, depth = fields + inner.fields, aliases + inner.aliases, max(depth, inner.depth)
        return _Size(fields, aliases, depth)

    def _fragment_size(self, name: str, level: int) -> _Size:
        known = self._sizes.get(name)
        if known is not None:
            return known
        fragment = self._fragments.get(name)
        if fragment is None or name in self._open:
            # Validation says what is wrong with a fragment that is missing or contains itself.
            return _Size(0, 0, 0)
        self._open.add(name)
        size = self._size(fragment.selection_set, level)
        self._open.discard(name)
        self._sizes[name] = size
        return size

    def _root_fields(self, selections: SelectionSetNode, seen: frozenset[str]) -> int:
        count = 0
        for selection in selections.selections:
            match selection:
                case FieldNode():
                    count += 1
                case InlineFragmentNode():
                    count += self._root_fields(selection.selection_set, seen)
                case FragmentSpreadNode(name=name) if name.value in self._fragments and name.value not in seen:
                    fragment = self._fragments[name.value]
                    count += self._root_fields(fragment.selection_set, seen | {name.value})
                case _:
                    pass
        return count


class _RefuseUnstorableText(Visitor):
    """Strings in a document that no database column takes."""

    def enter_string_value(self, node: StringValueNode, *_: object) -> object:
        """Looks at one."""
        if is_unstorable(node.value):
            raise coded(ErrorCode.BAD_USER_INPUT, "Strings must not contain NUL or half a surrogate pair.")
        return SKIP
