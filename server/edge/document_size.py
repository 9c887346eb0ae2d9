"""The size of a document, measured before anything else looks at it, in steps that its text alone bounds."""

from __future__ import annotations

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    Visitor,
    visit,
)
from graphql.language.visitor import SKIP

from resolvers.errors import ErrorCode, coded
from server.edge.unstorable_text import is_unstorable

DEPTH_MAX = 20
"""Nested fields, fragments followed; data reaches 9, the introspection that tools send 15."""
NESTING_MAX = 2 * DEPTH_MAX
"""Nested selections of any kind: fragments nest without a field between them."""
ALIASES_MAX = 50
"""Aliases of all operations, fragments spread out."""
FIELDS_MAX = 1_000
"""Fields, spreads and inline fragments of all operations, with all fragments spread out: fragments of fragments do not
multiply unnoticed, whether they end in fields or not."""
ROOT_FIELDS_MAX = 20
"""Root fields of one operation, each of which asks a service."""
OPERATIONS_MAX = 20
FRAGMENTS_MAX = 100
VARIABLES_MAX = 100
"""Variables of all operations."""
DIRECTIVES_MAX = 100
NUMBER_LENGTH_MAX = 400
"""Characters of a number; the interpreter reads no integers of thousands of digits. The largest float has 309."""
LITERAL_DEPTH_MAX = 16
"""Nested lists and objects in the values that a document spells out, and in the types of variables; inputs reach 6."""


def measure(document: DocumentNode) -> int:
    """The number of steps that measuring took, at most one for each node of the document.

    Raises a coded GraphQLError for the first measure beyond its bound (QUERY_TOO_COMPLEX), and for fragments that are
    unknown, named twice or contain themselves (BAD_USER_INPUT).
    """
    selections = _Selections(document)
    selections.judge()
    contents = _Contents()
    visit(document, contents)
    return selections.steps + contents.steps


def too_complex(message: str, **more: object) -> GraphQLError:
    """The refusal of a document that asks for too much. `more` of the error's extensions is shown with it."""
    return coded(ErrorCode.QUERY_TOO_COMPLEX, message, **more)


@dataclass(frozen=True, slots=True)
class _Size:
    """`roots`: fields that no other field holds. `depth` counts fields, `nesting` every selection."""

    fields: int = 0
    aliases: int = 0
    roots: int = 0
    depth: int = 0
    nesting: int = 0

    def beside(self, other: _Size) -> _Size:
        return _Size(
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.roots + other.roots,
            max(self.depth, other.depth),
            max(self.nesting, other.nesting),
        )


class _Selections:
    """Measures each fragment once, and every operation with its fragments spread out."""

    def __init__(self, document: DocumentNode) -> None:
        self._operations: list[OperationDefinitionNode] = []
        self._fragments: dict[str, FragmentDefinitionNode] = {}
        for definition in document.definitions:
            match definition:
                case OperationDefinitionNode():
                    self._operations.append(definition)
                case FragmentDefinitionNode(name=name) if name.value in self._fragments:
                    raise coded(ErrorCode.BAD_USER_INPUT, f"There can be only one fragment named {name.value[:60]!a}.")
                case FragmentDefinitionNode(name=name):
                    self._fragments[name.value] = definition
                case _:
                    # Validation refuses what cannot be executed.
                    pass
        self._sizes: dict[str, _Size] = {}
        self._open: set[str] = set()
        self.steps = 0

    def judge(self) -> None:
        """Raises for the first measure that is beyond its bound."""
        if len(self._operations) > OPERATIONS_MAX:
            raise too_complex(f"The document has more than {OPERATIONS_MAX} operations.")
        if len(self._fragments) > FRAGMENTS_MAX:
            raise too_complex(f"The document has more than {FRAGMENTS_MAX} fragments.")
        whole = _Size()
        for operation in self._operations:
            size = self._size(operation.selection_set, 1)
            if size.roots > ROOT_FIELDS_MAX:
                raise too_complex(f"An operation takes at most {ROOT_FIELDS_MAX} root fields.")
            whole = whole.beside(size)
            _refuse_beyond(whole)
        for name in self._fragments:
            # Also those that no operation spreads, since validation looks into them too.
            self._fragment_size(name, 1)

    def _size(self, selections: SelectionSetNode | None, level: int) -> _Size:
        size = _Size()
        if selections is None:
            return size
        if level > NESTING_MAX:
            raise _too_deep()
        for selection in selections.selections:
            self.steps += 1
            match selection:
                case FieldNode():
                    inner = self._size(selection.selection_set, level + 1)
                    aliases = inner.aliases + (selection.alias is not None)
                    inner = _Size(inner.fields + 1, aliases, 1, inner.depth + 1, inner.nesting + 1)
                case InlineFragmentNode():
                    inner = _wrapped(self._size(selection.selection_set, level + 1))
                case FragmentSpreadNode():
                    inner = _wrapped(self._fragment_size(selection.name.value, level + 1))
                case _:
                    continue
            size = size.beside(inner)
        # Within bounds at every level, so that the sums stay small numbers.
        _refuse_beyond(size)
        return size

    def _fragment_size(self, name: str, level: int) -> _Size:
        known = self._sizes.get(name)
        if known is not None:
            return known
        fragment = self._fragments.get(name)
        if fragment is None:
            raise coded(ErrorCode.BAD_USER_INPUT, f"Unknown fragment {name[:60]!a}.")
        if name in self._open:
            raise coded(ErrorCode.BAD_USER_INPUT, f"Cannot spread fragment {name[:60]!a} within itself.")
        self._open.add(name)
        size = self._size(fragment.selection_set, level)
        self._open.discard(name)
        self._sizes[name] = size
        return size


def _wrapped(inner: _Size) -> _Size:
    """The size with the spread or inline fragment that holds it."""
    return _Size(inner.fields + 1, inner.aliases, inner.roots, inner.depth, inner.nesting + 1)


def _refuse_beyond(size: _Size) -> None:
    if size.depth > DEPTH_MAX or size.nesting > NESTING_MAX:
        raise _too_deep()
    if size.aliases > ALIASES_MAX:
        raise too_complex(f"The document has more than {ALIASES_MAX} aliases.")
    if size.fields > FIELDS_MAX:
        raise too_complex(f"The document selects more than {FIELDS_MAX} fields.")


def _too_deep() -> GraphQLError:
    return too_complex(f"The document nests more than {DEPTH_MAX} fields.")


class _Contents(Visitor):
    """What stands beside the selections: variables, directives, and the values that the document spells out."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self._variables = 0
        self._directives = 0
        self._depth = 0

    def enter(self, *_: object) -> None:
        """Counts what no other method looks at."""
        self.steps += 1

    def enter_variable_definition(self, *_: object) -> None:
        """Counts one."""
        self.steps += 1
        self._variables += 1
        if self._variables > VARIABLES_MAX:
            raise too_complex(f"The document has more than {VARIABLES_MAX} variables.")

    def enter_directive(self, *_: object) -> None:
        """Counts one."""
        self.steps += 1
        self._directives += 1
        if self._directives > DIRECTIVES_MAX:
            raise too_complex(f"The document has more than {DIRECTIVES_MAX} directives.")

    def enter_list_value(self, *_: object) -> None:
        """Goes down."""
        self._deeper()

    def leave_list_value(self, *_: object) -> None:
        """Comes up."""
        self._depth -= 1

    def enter_object_value(self, *_: object) -> None:
        """Goes down."""
        self._deeper()

    def leave_object_value(self, *_: object) -> None:
        """Comes up."""
        self._depth -= 1

    def enter_list_type(self, *_: object) -> None:
        """Goes down."""
        self._deeper()

    def leave_list_type(self, *_: object) -> None:
        """Comes up."""
        self._depth -= 1

    def enter_int_value(self, node: IntValueNode, *_: object) -> None:
        """Looks at one, which validation would read."""
        self._number(node.value)

    def enter_float_value(self, node: FloatValueNode, *_: object) -> None:
        """Looks at one, which validation would read."""
        self._number(node.value)

    def _number(self, text: str) -> None:
        self.steps += 1
        if len(text) > NUMBER_LENGTH_MAX:
            raise coded(ErrorCode.BAD_USER_INPUT, f"Numbers have at most {NUMBER_LENGTH_MAX} digits.")

    def enter_string_value(self, node: StringValueNode, *_: object) -> object:
        """Looks at one, which no database column may take."""
        self.steps += 1
        if is_unstorable(node.value):
            raise coded(ErrorCode.BAD_USER_INPUT, "Strings must not contain NUL or half a surrogate pair.")
        return SKIP

    def _deeper(self) -> None:
        self.steps += 1
        self._depth += 1
        if self._depth > LITERAL_DEPTH_MAX:
            raise too_complex(f"Values nest at most {LITERAL_DEPTH_MAX} lists and objects.")
