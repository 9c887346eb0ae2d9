"""Names in several languages, as a price book writes them."""

from __future__ import annotations

import re

from rules.pricing.toml.sections import Section

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


def read_names(section: Section) -> tuple[tuple[str, str], ...]:
    """The table `names`: the name in further languages, by language code."""
    table = section.section("names")
    if table is None:
        return ()
    for language in table.table:
        if _LANGUAGE.fullmatch(language) is None:
            table.fault(language, 'is not a language code; write one such as "ru" or "pt-BR"')
    return tuple((language, table.text(language, '"Pro"')) for language in table.table)
