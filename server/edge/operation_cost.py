"""The cost of an operation: how many rows and queries it may lead to, known before it runs.

A list that is asked for by the page costs QUERY_COST, and for each of its `first` rows what is selected of a row. Every
other object costs 1; a list of unknown length counts as LIST_LENGTH of them, an event's as the most that it may have.
Scalars are free, `totalCount` is a query.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from rules.ledger.hold_events import HOLDS_MAX
from rules.ledger.usage_events import ROWS_MAX
from schema.connections import FIRST_MAX
from server.edge.document_size import too_complex

COST_MAX = 10_000
"""Lets through 100 accounts with their balances, 100 accounts with 50 holds each, or 100 holds with all that was
captured; refuses 100 accounts with 100 holds each."""
QUERY_COST = 20
"""What a query of its own weighs against a row: it takes a connection to the database."""
LIST_LENGTH = 3
"""Assumed of lists that come whole, such as a hold's lines; most have one."""
LIST_LENGTHS = {("HoldsEvent", "holds"): HOLDS_MAX, ("UsageEvent", "rows"): ROWS_MAX}
"""Of lists that events may have this many of, again and again."""
SEARCH_COST = 2_500
"""Of a search that forgives typing errors: over the longest price list it takes most of a second."""
REPORT_COST = 500
"""Of a report of usage: its rows may be 10,000, and by REF it reads the lines of a month."""

_DIGITS_MAX = 10


def cost_refusal(cost: int) -> GraphQLError:
    """What an operation is told that costs too much."""
    return too_complex(
        f"The operation may cost {cost}, at most {COST_MAX} is taken. "
        "Ask for fewer rows with `first`, or for nested lists in operations of their own."
    )


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of a selection: what it costs once, and, selected of a page, with each of the page's rows."""

    once: int = 0
    each_row: int = 0


def operation_cost(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any] | None,
) -> int:
    """The cost of one operation of a valid document within its bounds.

    Without `variables`, pages whose length is a variable count as the longest that there are.
    """
    root = schema.get_root_type(operation.operation)
    if root is None:
        return 0
    if variables is not None:
        defaults = {
            definition.variable.name.value: _number(definition.default_value)
            for definition in operation.variable_definitions or ()
            if isinstance(definition.default_value, IntValueNode)
        }
        variables = {**defaults, **variables}
    return _Costs(schema, document, variables).of(operation.selection_set, root).once


class _Costs:
    """Adds up, each fragment once."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any] | None) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._known: dict[str, _Cost] = {}

    def of(self, selections: SelectionSetNode | None, parent: GraphQLCompositeType) -> _Cost:
        """The cost of what is selected of a type."""
        once = each_row = 0
        for selection in selections.selections if selections is not None else ():
            match selection:
                case FieldNode():
                    cost = self._of_field(selection, parent)
                case InlineFragmentNode(type_condition=condition):
                    held_by = parent if condition is None else self._type(condition.name.value)
                    cost = self.of(selection.selection_set, held_by)
                case FragmentSpreadNode():
                    cost = self._of_fragment(selection.name.value)
                case _:
                    continue
            once, each_row = once + cost.once, each_row + cost.each_row
        return _Cost(once, each_row)

    def _of_fragment(self, name: str) -> _Cost:
        cost = self._known.get(name)
        if cost is None:
            fragment = self._fragments[name]
            cost = self.of(fragment.selection_set, self._type(fragment.type_condition.name.value))
            self._known[name] = cost
        return cost

    def _of_field(self, node: FieldNode, parent: GraphQLCompositeType) -> _Cost:
        name = node.name.value
        definition = self._schema.get_field(parent, name)
        if definition is None or name.startswith("__"):
            # Introspection reads no rows, and has bounds of its own.
            return _Cost()
        of_page = parent.name.endswith("Connection")
        if of_page and name == "totalCount":
            return _Cost(QUERY_COST)
        named = get_named_type(definition.type)
        if not is_composite_type(named):
            return _Cost()
        inner = self.of(node.selection_set, named)
        if "first" in definition.args:
            asked = QUERY_COST + (SEARCH_COST if self._searches(node) else 0)
            return _Cost(asked + inner.once + self._rows(node, definition) * inner.each_row)
        if not is_list_type(get_nullable_type(definition.type)):
            return _Cost(1 + inner.once + (REPORT_COST if named.name == "UsageReport" else 0))
        if of_page:
            return _Cost(each_row=1 + inner.once)
        return _Cost(LIST_LENGTHS.get((parent.name, name), LIST_LENGTH) * (1 + inner.once))

    @staticmethod
    def _searches(node: FieldNode) -> bool:
        """Whether a filter may hold a text to be searched for: what is in a variable is not looked into."""
        for argument in node.arguments or ():
            if argument.name.value == "filter":
                match argument.value:
                    case ObjectValueNode(fields=fields):
                        return any(field.name.value == "search" for field in fields)
                    case _:
                        return True
        return False

    def _rows(self, node: FieldNode, definition: GraphQLField) -> int:
        """How many rows a page has at most: what is asked for, within what may be asked for."""
        default = definition.args["first"].default_value
        asked: object = default
        for argument in node.arguments or ():
            if argument.name.value == "first":
                match argument.value:
                    case IntValueNode() as literal:
                        asked = _number(literal)
                    case VariableNode(name=name):
                        asked = FIRST_MAX if self._variables is None else self._variables.get(name.value)
                    case _:
                        pass
        if asked is None:
            asked = default
        # Whatever is no number within the bounds is refused where it is used; until then it counts as the most.
        return max(1, asked) if isinstance(asked, int) and asked <= FIRST_MAX else FIRST_MAX

    def _type(self, name: str) -> GraphQLCompositeType:
        # Validation has seen that fragments are of composite types.
        return cast(GraphQLCompositeType, self._schema.type_map[name])


def _number(literal: IntValueNode) -> int:
    """The number, or one that is as much too large: the interpreter reads no numbers of thousands of digits."""
    return int(literal.value) if len(literal.value) <= _DIGITS_MAX else FIRST_MAX + 1
