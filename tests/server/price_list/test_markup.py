from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from server.price_list.markup import element, joined, raw


class Parsed(HTMLParser):
    """What a browser makes of it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(), st.text())
def test_no_text_becomes_markup(text: str, attribute: str) -> None:
    parsed = Parsed(element("p", text, ["<b>", (part for part in (text, None))], title=attribute).html)

    assert parsed.tags == [("p", {"title": attribute})]
    assert parsed.text == f"{text}<b>{text}"


def test_elements_hold_each_other() -> None:
    inner = element("b", "a & b")

    assert element("p", inner, " c", None, class_="x", aria_label='"', id=None).html == (
        '<p class="x" aria-label="&quot;"><b>a &amp; b</b> c</p>'
    )
    assert element("meta", charset="utf-8").html == '<meta charset="utf-8">'
    assert joined(raw("<hr>"), "<hr>").html == "<hr>&lt;hr&gt;"
