"""Pages that stand where a price list would: which lists there are, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.price_list.markup import element
from server.price_list.page import page


@dataclass(frozen=True, slots=True)
class Notice:
    """Why there is no price list; `status` is of HTTP."""

    status: int
    title: str
    message: str


def notice_page(notice: Notice) -> str:
    """The page that says so."""
    return page(notice.title, element("h1", notice.title), element("p", notice.message, class_="lead"))


def choice_page(names: Mapping[str, str], page_path: str, spreadsheet_path: str) -> str:
    """The price lists to choose from, by slug, each as a page and as a table."""
    items = [
        element(
            "li",
            element("a", name, href=f"{page_path}?book={slug}"),
            " (",
            element("a", "CSV", href=f"{spreadsheet_path}?book={slug}"),
            ")",
        )
        for slug, name in names.items()
    ]
    lead = "These come with the server. A product's own price list is shown to whoever has a key of it."
    return page(
        "Price lists",
        element("h1", "Price lists"),
        element("p", lead, class_="lead"),
        element("ul", items, class_="rules"),
    )
