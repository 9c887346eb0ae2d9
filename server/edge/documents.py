"""Documents: parsed, judged and remembered by their text, so that a text that comes again costs a look-up.

What is too large is refused before it is validated, because validation takes time quadratic in the number of fields.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.validate import ValidationAbortedError

from resolvers.errors import ErrorCode, coded
from server.edge.document_size import measure, too_complex
from server.edge.event_plans import Plan
from server.edge.operation_cost import COST_MAX, OperationCost, cost_refusal, operation_cost
from server.edge.subscriptions import depends_on_events_alone

LENGTH_MAX = 262_144
"""Characters, comments and blanks included."""
COMMENTS_MAX = 2_000
TOKENS_MAX = 2_000
"""Lexical tokens; the introspection that tools send has about 350."""
COMPARISONS_MAX = 10_000
"""Steps of validation's search for fields that contradict each other, the only one that grows with the square of the
document; the introspection that tools send takes some hundreds."""

REMEMBERED_MAX = 512
REMEMBERED_LENGTH_MAX = 16_384
"""Characters; longer texts are parsed each time, so that what is remembered stays within some megabytes."""
ERRORS_MAX = 20
"""Faults told of one document."""

_PARSING_ABORTED = "Parsing aborted."
_VALIDATION_ABORTED = "Validation aborted."


class _BoundedOverlaps(OverlappingFieldsCanBeMergedRule):
    """The rule of the specification within a bound of ours; the library's allows for a second of work."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = COMPARISONS_MAX


_RULES = tuple(_BoundedOverlaps if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules)


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document. `operations` and their `costs` are by name, None for the one without.

    `number`: no other document of the process has it. `depends_on_events_alone`: of its subscriptions, whoever asks.
    `plans`: of those that were begun, by operation; None of those that have none.
    """

    node: DocumentNode
    operations: Mapping[str | None, OperationDefinitionNode]
    costs: Mapping[str | None, OperationCost]
    depends_on_events_alone: bool = False
    number: int = field(default_factory=count().__next__)
    plans: dict[str | None, Plan | None] = field(default_factory=dict, repr=False)

    def operation_type(self, name: str | None, variables: Mapping[str, Any] | None = None) -> OperationType:
        """The type of the operation that is to be executed.

        Raises a coded GraphQLError where none is meant (BAD_USER_INPUT), or one that costs too much with these
        variables (QUERY_TOO_COMPLEX).
        """
        name = self._meant(name)
        operation = self.operations.get(name)
        if operation is None:
            if name is None:
                several = "The document has several operations: say which by `operationName`."
                raise coded(ErrorCode.BAD_USER_INPUT, several)
            raise coded(ErrorCode.BAD_USER_INPUT, f"The document has no operation named {name[:60]!a}.")
        cost = self.costs[name]
        # What can never cost too much is not asked again.
        if cost.most > COST_MAX and cost.of(variables) > COST_MAX:
            raise cost_refusal(cost.of(variables))
        return operation.operation

    def extensions(self, name: str | None, variables: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """What goes with every answer of an operation that `operation_type` knows: its cost. Not to be changed."""
        return self.costs[self._meant(name)].extensions(variables)

    def _meant(self, name: str | None) -> str | None:
        return next(iter(self.operations)) if name is None and len(self.operations) == 1 else name


class Documents:
    """All documents of one process, the latest remembered. Without `introspection` nothing tells of the schema."""

    def __init__(self, schema: GraphQLSchema, *, introspection: bool) -> None:
        self._schema = schema
        self._introspection = introspection
        self._rules = _RULES if introspection else (*_RULES, NoSchemaIntrospectionCustomRule)
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
        judged = self.judge(text)
        if isinstance(judged, Document) and len(text) <= REMEMBERED_LENGTH_MAX:
            self._remembered[text] = judged
            if len(self._remembered) > REMEMBERED_MAX:
                self._remembered.popitem(last=False)
        return judged

    def judge(self, text: str) -> Document | list[GraphQLError]:
        """The same as `read`, without a look at what is remembered, and nothing is."""
        try:
            return self._judged(text)
        except GraphQLError as error:
            return [error]

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
            if error.message.endswith(_PARSING_ABORTED):
                raise too_complex(error.message) from None
            raise
        measure(node)
        errors = validate(
            self._schema,
            node,
            self._rules,
            max_errors=ERRORS_MAX,
            hide_suggestions=not self._introspection,
            allow_empty_selection_sets=False,
        )
        if errors:
            last = errors[-1]
            if isinstance(last, ValidationAbortedError) and last.message == _VALIDATION_ABORTED:
                raise too_complex("The document takes too long to validate: select fewer fields and fragments at once.")
            return errors
        operations = {
            definition.name.value if definition.name else None: definition
            for definition in node.definitions
            if isinstance(definition, OperationDefinitionNode)
        }
        if not operations:
            raise coded(ErrorCode.BAD_USER_INPUT, "The document has no operation.")
        is_live = any(operation.operation is OperationType.SUBSCRIPTION for operation in operations.values())
        alone = is_live and depends_on_events_alone(self._schema, node)
        costs = {name: operation_cost(self._schema, node, operation) for name, operation in operations.items()}
        return Document(node, operations, costs, alone)
