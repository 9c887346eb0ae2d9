"""Direct calls: graphql-core calls the resolvers and makes the inputs by itself, without Strawberry in between.

Strawberry converts every argument and wraps every field anew on each request, which costs a third of a request's time.
All that it does there follows from the schema, so it is worked out once, here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final

from graphql import GraphQLField, GraphQLInputObjectType, GraphQLResolveInfo, GraphQLSchema, is_input_object_type
from graphql import is_object_type as is_output_object_type
from strawberry import Some
from strawberry.types.base import StrawberryMaybe, StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

_DEFINITION: Final = "strawberry-definition"


def call_directly(schema: GraphQLSchema) -> None:
    """Changes the schema in place: same types, same answers."""
    for named in schema.type_map.values():
        if is_output_object_type(named):
            for field in named.fields.values():
                definition = field.extensions.get(_DEFINITION)
                if isinstance(definition, StrawberryField):
                    _bind_field(field, definition)
        elif is_input_object_type(named):
            _bind_input(named, named.extensions[_DEFINITION])


def _bind_field(field: GraphQLField, definition: StrawberryField) -> None:
    resolver = definition.base_resolver
    if resolver is None:
        field.resolve = _attribute(definition.python_name)
        return
    arguments = {argument.python_name: argument for argument in resolver.arguments}
    for argument in field.args.values():
        own = argument.extensions[_DEFINITION]
        argument.out_name = own.python_name
        del arguments[own.python_name]
    if arguments:
        raise TypeError(f"{definition.python_name}: the schema lacks the arguments {', '.join(arguments)}")
    function: Any = resolver.wrapped_func
    if resolver.info_parameter is None:
        function = _without_info(function)
    if definition.is_subscription:
        field.subscribe = function
    else:
        field.resolve = function


def _attribute(name: str) -> Callable[[Any, GraphQLResolveInfo[Any]], Any]:
    read = attrgetter(name)

    def resolve(source: Any, _info: GraphQLResolveInfo[Any]) -> Any:
        return read(source)

    return resolve


def _without_info(function: Callable[[Any], Any]) -> Callable[[Any, GraphQLResolveInfo[Any]], Any]:
    def resolve(source: Any, _info: GraphQLResolveInfo[Any]) -> Any:
        return function(source)

    return resolve


def _bind_input(named: GraphQLInputObjectType, definition: StrawberryObjectDefinition) -> None:
    """Has the input's class made from the members that are given; what is not is None, or has its default."""
    absent: dict[str, Any] = {}
    maybe: list[str] = []
    for member in named.fields.values():
        own: StrawberryField = member.extensions[_DEFINITION]
        member.out_name = own.python_name
        if isinstance(own.type, StrawberryMaybe):
            maybe.append(own.python_name)
        absent[own.python_name] = None
    make: Callable[..., Any] = definition.origin

    def out_type(members: Mapping[str, Any]) -> Any:
        given = {**absent, **members}
        for name in maybe:
            if name in members:
                given[name] = Some(members[name])
        return make(**given)

    # Where the type is asked for a value that was not given, graphql-core fills in the schema's defaults before this.
    object.__setattr__(named, "out_type", out_type)
