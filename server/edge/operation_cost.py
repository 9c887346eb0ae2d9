"""The cost of an operation: how many rows and queries it may lead to, known before it runs.

A list that is asked for by the page costs QUERY_COST, and for each of its `first` rows what is selected of a row. Every
other object costs 1; a list of unknown length counts as LIST_LENGTH of them, an event's as the most that it may have.
Scalars are free, `totalCount` is a query.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

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
        "Ask for fewer rows with `first`, or for nested lists in operations of their own.",
        cost=shown_cost(cost),
    )


def shown_cost(cost: int) -> Mapping[str, int]:
    """What `extensions.cost` says of an operation: every operation has the same budget to itself."""
    return {"requested": cost, "maximum": COST_MAX, "remaining": max(0, COST_MAX - cost)}


@dataclass(frozen=True, slots=True)
class PageLength:
    """How many rows a page has whose `first` is a variable; `default` is the argument's own."""

    variable: str
    default: int

    def rows(self, variables: Mapping[str, Any]) -> int:
        """At most so many, with these variables."""
        return _rows(variables.get(self.variable), self.default)


_Sum: TypeAlias = dict[tuple[PageLength, ...], int]
"""What things cost, by the pages whose lengths it is multiplied by; under () what costs the same whatever is asked."""


@dataclass(frozen=True, slots=True)
class OperationCost:
    """The cost of one operation, worked out once for all its variables.

    `fixed` is what it always costs. Each of `by_pages` is a cost for each row of all these pages together. `most` is
    the cost where every such page is as long as may be. `defaults` are the variables' own.
    """

    fixed: int
    by_pages: tuple[tuple[int, tuple[PageLength, ...]], ...]
    defaults: Mapping[str, int]
    most: int
    _extensions: Mapping[str, Any] = field(repr=False)

    def of(self, variables: Mapping[str, Any] | None) -> int:
        """The cost with these variables."""
        if not self.by_pages:
            return self.fixed
        given = {**self.defaults, **(variables or {})}
        cost = self.fixed
        for each, pages in self.by_pages:
            for page in pages:
                each *= page.rows(given)
            cost += each
        return cost

    @property
    def least(self) -> int:
        """The cost where every such page has one row."""
        return self.fixed + sum(each for each, _ in self.by_pages)

    def extensions(self, variables: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """What the `extensions` of its answers say; not to be changed."""
        return {"cost": shown_cost(self.of(variables))} if self.by_pages else self._extensions


def operation_cost(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> OperationCost:
    """The cost of one operation of a valid document within its bounds."""
    root = schema.get_root_type(operation.operation)
    costs = {} if root is None else _Costs(schema, document).of(operation.selection_set, root).once
    defaults = {
        definition.variable.name.value: _number(definition.default_value)
        for definition in operation.variable_definitions or ()
        if isinstance(definition.default_value, IntValueNode)
    }
    fixed = costs.pop((), 0)
    return OperationCost(
        fixed,
        tuple((each, pages) for pages, each in costs.items()),
        defaults,
        fixed + sum(each * FIRST_MAX ** len(pages) for pages, each in costs.items()),
        {"cost": shown_cost(fixed)},
    )


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of a selection: what it costs once, and, selected of a page, with each of the page's rows."""

    once: _Sum = field(default_factory=dict)
    each_row: _Sum = field(default_factory=dict)


def _add(to: _Sum, costs: _Sum, times: int = 1) -> None:
    for pages, cost in costs.items():
        to[pages] = to.get(pages, 0) + times * cost


class _Costs:
    """Adds up, each fragment once."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._known: dict[str, _Cost] = {}

    def of(self, selections: SelectionSetNode | None, parent: GraphQLCompositeType) -> _Cost:
        """The cost of what is selected of a type."""
        whole = _Cost()
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
            _add(whole.once, cost.once)
            _add(whole.each_row, cost.each_row)
        return whole

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
            return _Cost({(): QUERY_COST})
        named = get_named_type(definition.type)
        if not is_composite_type(named):
            return _Cost()
        inner = self.of(node.selection_set, named)
        if "first" in definition.args:
            once: _Sum = {(): QUERY_COST + (SEARCH_COST if self._searches(node) else 0)}
            _add(once, inner.once)
            _add(once, *self._of_rows(node, definition, inner.each_row))
            return _Cost(once)
        if not is_list_type(get_nullable_type(definition.type)):
            once = {(): 1 + (REPORT_COST if named.name == "UsageReport" else 0)}
            _add(once, inner.once)
            return _Cost(once)
        each: _Sum = {(): 1}
        _add(each, inner.once)
        if of_page:
            return _Cost(each_row=each)
        once = {}
        _add(once, each, LIST_LENGTHS.get((parent.name, name), LIST_LENGTH))
        return _Cost(once)

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

    @staticmethod
    def _of_rows(node: FieldNode, definition: GraphQLField, each_row: _Sum) -> tuple[_Sum, int]:
        """What a page's rows cost, and how many times: as many as are asked for, within what may be asked for."""
        default: int = definition.args["first"].default_value
        asked: object = None
        for argument in node.arguments or ():
            if argument.name.value == "first":
                match argument.value:
                    case IntValueNode() as literal:
                        asked = _number(literal)
                    case VariableNode(name=name):
                        page = PageLength(name.value, default)
                        return {(page, *pages): cost for pages, cost in each_row.items()}, 1
                    case _:
                        pass
        return each_row, _rows(asked, default)

    def _type(self, name: str) -> GraphQLCompositeType:
        # Validation has seen that fragments are of composite types.
        return cast(GraphQLCompositeType, self._schema.type_map[name])


def _rows(asked: object, default: int) -> int:
    """The length of a page. Whatever is no number within the bounds is refused where it is used; until then it is the
    longest that there is."""
    if asked is None:
        asked = default
    return max(1, asked) if isinstance(asked, int) and asked <= FIRST_MAX else FIRST_MAX


def _number(literal: IntValueNode) -> int:
    """The number, or one that is as much too large: the interpreter reads no numbers of thousands of digits."""
    return int(literal.value) if len(literal.value) <= _DIGITS_MAX else FIRST_MAX + 1
