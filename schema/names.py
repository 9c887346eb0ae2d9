"""Names in further languages."""

from __future__ import annotations

from collections.abc import Mapping

from schema.described import output


@output
class LocalName:
    """What something is called in one language."""

    language: str
    """ISO 639 code, in lower case: "ru"."""
    name: str
    """What people call it there."""


def shown_names(names: Mapping[str, str]) -> list[LocalName]:
    """Names by language as they are shown."""
    return [LocalName(language=language, name=name) for language, name in names.items()]
