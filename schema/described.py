"""Descriptions from docstrings, so that what a reader of the code reads is what a client reads.

A class's docstring describes the type, a string below an attribute describes the field. A field with a resolver takes
the resolver's docstring; its last paragraph may describe the arguments, one `name: text` to a line.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar, dataclass_transform

import strawberry
from strawberry.types.base import get_object_definition, has_object_definition
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

_ARGUMENT = re.compile(r"(\w+): (.+)")


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def output(cls: type[T]) -> type[T]:
    """A type that is answered with."""
    return _with_field_texts(strawberry.type(cls, description=_class_text(cls)), cls)


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def interface(cls: type[T]) -> type[T]:
    """What several types have in common."""
    return _with_field_texts(strawberry.interface(cls, description=_class_text(cls)), cls)


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def given(cls: type[T]) -> type[T]:
    """An input."""
    return _with_field_texts(strawberry.input(cls, description=_class_text(cls)), cls)


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def exactly_one_of(cls: type[T]) -> type[T]:
    """An input of which exactly one member is given."""
    return _with_field_texts(strawberry.input(cls, one_of=True, description=_class_text(cls)), cls)


def word(cls: type[E], texts: Mapping[E, str], *, text: str | None = None) -> type[E]:
    """Publishes an enum of the core as it is; raises TypeError unless `texts` describes every member.

    `text` describes the enum where its docstring speaks to readers of the code alone.
    """
    if set(texts) != set(cls):
        raise TypeError(f"{cls.__name__}: every member needs a description, and nothing else")
    exposed = strawberry.enum(cls, description=text or _class_text(cls))
    definition: StrawberryEnumDefinition = vars(exposed)["__strawberry_definition__"]
    for value in definition.values:
        value.description = texts[cls[value.name]]
    return exposed


def _class_text(cls: type[Any]) -> str | None:
    # A dataclass makes a docstring of its own where there is none, so only the one written in the class counts.
    text = cls.__dict__.get("__doc__")
    return _flowing(text) if text else None


def _with_field_texts(made: type[T], cls: type[T]) -> type[T]:
    # What a type has from an interface is described there.
    bases = [base for base in reversed(cls.__mro__) if base is cls or has_object_definition(base)]
    texts = {name: text for base in bases for name, text in _attribute_texts(base).items()}
    for field in get_object_definition(made, strict=True).fields:
        if field.description is not None:
            continue
        if field.base_resolver is None:
            field.description = texts.get(field.python_name)
        else:
            _describe_resolver(field, field.base_resolver.wrapped_func.__doc__)
    return made


def _describe_resolver(field: StrawberryField, docstring: str | None) -> None:
    text, arguments = _split(docstring or "")
    field.description = text or None
    for argument in field.arguments:
        argument.description = argument.description or arguments.get(argument.python_name)


def _split(docstring: str) -> tuple[str, dict[str, str]]:
    """A docstring without the paragraph that describes arguments, and what that one says."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    lines = paragraphs[-1].splitlines()
    matches = [_ARGUMENT.fullmatch(line) for line in lines]
    if len(paragraphs) > 1 and all(matches):
        return _flowing("\n\n".join(paragraphs[:-1])), {match[1]: match[2] for match in matches if match}
    return _flowing(docstring), {}


def _flowing(text: str) -> str:
    """The text with one line to a paragraph: where the source breaks its lines is nobody's concern."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in inspect.cleandoc(text).split("\n\n"))


def _attribute_texts(cls: type[Any]) -> Mapping[str, str]:
    return _module_texts(cls.__module__).get(cls.__name__, {})


@cache
def _module_texts(module: str) -> Mapping[str, Mapping[str, str]]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: dict(_texts_below(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _texts_below(node: ast.ClassDef) -> list[tuple[str, str]]:
    found = []
    for attribute, below in zip(node.body, node.body[1:], strict=False):
        match attribute, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found.append((name, _flowing(text)))
            case _:
                pass
    return found
