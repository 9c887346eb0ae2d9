from __future__ import annotations

import re
from pathlib import Path

import pytest

from rules.pricing.price_book import PriceBook
from rules.pricing.rating import LineRequest, Priced, Purpose, price_lines
from rules.pricing.tokens import MICROS, format_tokens
from rules.pricing.toml import read_price_book
from rules.pricing.toml.sections import Section
from tests.rules.pricing.books import HEADER, a_book, priced

DOCUMENT = (Path(__file__).parents[2] / "docs" / "price-books.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_of_the_documentation_is_a_sound_book(block: str) -> None:
    answer = read_price_book(block if block.startswith("slug") else HEADER + block)
    assert isinstance(answer, PriceBook), answer


def test_every_key_that_a_book_may_have_stands_in_an_example_or_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()
    has = Section.has

    def noted(section: Section, key: str) -> bool:
        asked.add(key)
        return has(section, key)

    monkeypatch.setattr(Section, "has", noted)
    for block in BLOCKS:
        read_price_book(block if block.startswith("slug") else HEADER + block)

    shown = "\n".join([*BLOCKS, *re.findall(r"`([^`\n]+)`", DOCUMENT)])
    assert len(asked) > 80
    assert [key for key in sorted(asked) if not re.search(rf"(?<!\w){re.escape(key)}(?!\w)", shown)] == []


def test_the_documented_formula_costs_what_its_comments_say() -> None:
    book = a_book(next(block for block in BLOCKS if '"Painter"' in block))
    line = priced(book, {"quality": "high", "steps": 50, "upscale": True, "durationSeconds": 11}, model="painter")
    # 4 + 2 for the upscale + 3 beyond 10 s + 1 megapixel + 2 for 25 more steps + 3 started 5 s = 15, times 1.5.
    assert line.unit_cost == 23 * MICROS
    assert priced(book, {"steps": 101}, model="painter", purpose=Purpose.RESERVE).unit_cost > 0


def block_with(name: str) -> PriceBook:
    block = next(block for block in BLOCKS if f'"{name}"' in block)
    book = read_price_book(block if block.startswith("slug") else HEADER + block)
    assert isinstance(book, PriceBook), book
    return book


@pytest.mark.parametrize(
    ("name", "model", "params", "count", "tokens"),
    [
        ("Diffuser", "diffuser", {}, 1, "50"),
        ("Diffuser", "thumbnailer", {"width": 500, "height": 500}, 1, "5"),
        ("Diffuser", "scanner", {"pages": 5}, 1, "2"),
        ("Diffuser", "dubber", {"durationSeconds": 90}, 1, "9"),
        ("Embedder", "embedder", {"inputTokens": 500_500}, 1, "1.01"),
        ("Embedder", "embedder", {"inputTokens": 500_500, "batch": True}, 1, "0.505"),
        ("Transcriber", "transcriber", {"durationSeconds": 700}, 1, "32"),
        ("Transcriber", "translator", {"characters": 20_000}, 1, "14"),
        ("Prompt", "prompt", {"totalTokens": 8_000}, 1, "2"),
        ("Prompt", "prompt", {"totalTokens": 10_000}, 1, "3"),
        ("Prompt", "prompt-by-size", {"totalTokens": 10_000}, 1, "2.5"),
        ("Agent Run", "agent-run", {"steps": 12, "toolCalls": 25, "outputTokens": 200_000}, 1, "16.5"),
        ("Large Model", "large-model", {"inputTokens": 1_000_000, "outputTokens": 0}, 1, "4000"),
        ("Upscaler", "upscaler", {}, 2, "0.26"),
        ("Upscaler", "tagger", {}, 3, "0.375"),
        ("Reel", "reel", {"resolution": "4k", "quality": "high"}, 1, "240"),
    ],
)
def test_the_documented_prices_cost_what_their_comments_say(
    name: str, model: str, params: dict[str, object], count: int, tokens: str
) -> None:
    answer = price_lines(block_with(name), [LineRequest(model, params, count)], purpose=Purpose.ESTIMATE)
    assert isinstance(answer, Priced), answer
    assert format_tokens(answer.lines[0].cost) == tokens
    if name == "Upscaler":
        assert format_tokens(answer.total) == ("0.38" if model == "tagger" else tokens)
