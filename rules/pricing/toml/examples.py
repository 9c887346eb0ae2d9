"""Worked examples as a price book writes them: read, and held against the book's own prices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rules.pricing.examples import Example, ExampleLine
from rules.pricing.price_book import PriceBook
from rules.pricing.rating import MAX_COUNT, MAX_LINES, LineRequest, Priced, Purpose, price_lines
from rules.pricing.tokens import format_tokens
from rules.pricing.toml.sections import Section

MAX_EXAMPLES = 100


def read_examples(book: Section) -> tuple[tuple[Section, Example], ...]:
    """The examples, each with where it is written, in the book's order."""
    examples: list[tuple[Section, Example]] = []
    for section in book.sections("examples", limit=MAX_EXAMPLES):
        name = section.text("name", '"A workflow of three nodes"')
        lines = tuple(_read_line(line) for line in section.sections("lines", limit=MAX_LINES))
        if not lines and not section.lost("lines"):
            section.fault("lines", 'is missing: add lines = [{ model = "imagen-4-ultra" }]')
        examples.append((section, Example(name, lines, section.amount("total"))))
        section.finish()
    return tuple(examples)


def _read_line(section: Section) -> ExampleLine:
    params = section.section("params")
    line = ExampleLine(
        model=section.text("model", '"imagen-4-ultra"'),
        params=() if params is None else tuple(params.table.items()),
        count=section.integer("count", 1, MAX_COUNT, default=1),
        cost_micros=section.optional_amount("tokens"),
    )
    section.finish()
    return line


def check_examples(
    book: PriceBook, examples: Sequence[tuple[Section, Example]], is_doubtful: Callable[[str], bool]
) -> None:
    """Records a fault for every example that the book's prices do not bear out.

    Passed over is one that is at fault itself, or names a model whose price is doubtful.
    """
    for written, example in examples:
        if not written.sound or any(is_doubtful(line.model) for line in example.lines):
            continue
        lines = [LineRequest(line.model, dict(line.params), line.count) for line in example.lines]
        priced = price_lines(book, lines, purpose=Purpose.ESTIMATE)
        if not isinstance(priced, Priced):
            # Told at the line that has no price by itself; where each has one, they have none together.
            alone = (price_lines(book, [line], purpose=Purpose.ESTIMATE) for line in lines)
            culprit = next(((place,) for place, answer in enumerate(alone) if not isinstance(answer, Priced)), ())
            written.faults.add((*written.path, "lines", *culprit), f"cannot be priced: {priced.message}")
            continue
        own = sum(answer.cost for answer in priced.lines)
        for index, (line, answer) in enumerate(zip(example.lines, priced.lines, strict=True)):
            if line.cost_micros is not None and line.cost_micros != answer.cost:
                own += line.cost_micros - answer.cost
                path = (*written.path, "lines", index, "tokens")
                written.faults.add(
                    path,
                    f"this line costs {format_tokens(answer.cost)} by the book's prices; mend the price or the example",
                )
        # A total that the example's own figures of its lines lead to is not blamed beside them.
        follows = own <= example.total_micros < own + max(priced.rounding_unit, 1)
        if priced.total != example.total_micros and (not follows or own == sum(line.cost for line in priced.lines)):
            written.fault(
                "total",
                f"these lines cost {format_tokens(priced.total)} by the book's prices; mend the price or the example",
            )
