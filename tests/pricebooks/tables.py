"""Tables that were transcribed by hand from the sources of the shipped books, and never made from the books.

For a book NAME, `NAME.csv` has its models, `NAME-points.csv` what works with given params cost (a row without a model
is the total of its work), and `NAME-order.csv` what costs more than what. An empty field is one that the source leaves
open.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

TABLES = Path(__file__).parents[1] / "price_tables"

Row = dict[str, str]


def rows(name: str) -> list[Row]:
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table, strict=True))


def tables(ending: str) -> list[str]:
    """The books that have a table of this ending."""
    return sorted(path.stem.removesuffix(ending) for path in TABLES.glob(f"*{ending}.csv"))


@dataclass(frozen=True)
class Point:
    """One line of a work."""

    model: str
    params: dict[str, Any]
    count: int
    tokens: str


@dataclass(frozen=True)
class Work:
    """Lines that are priced together; total is None where the source names none."""

    name: str
    lines: tuple[Point, ...]
    total: str | None


def works(book: str) -> list[Work]:
    found = []
    for name, group in groupby(rows(f"{book}-points"), key=lambda row: row["work"]):
        members = list(group)
        lines = [
            Point(row["model"], json.loads(row["params"]), int(row["count"]), row["tokens"])
            for row in members
            if row["model"]
        ]
        totals = [row["tokens"] for row in members if not row["model"]]
        assert len(totals) <= 1, name
        found.append(Work(name, tuple(lines), totals[0] if totals else None))
    return found


def faults_of_prices(table: list[Row], shown: list[dict[str, Any]]) -> list[str]:
    """Where a price list differs from its table: models, their order, and every field that the table fills in.

    Prices as the API shows them. `tokens` alone is a flat price or one at its defaults.
    """
    faults = []
    models, wanted = [price["model"] for price in shown], [row["model"] for row in table]
    if models != wanted:
        faults.append(f"models {models} instead of {wanted}")
    by_model = {price["model"]: price for price in shown}
    fields = {"tokens": "tokenCost", "least": "minTokenCost", "greatest": "maxTokenCost"}
    for row in table:
        price = by_model.get(row["model"])
        for column, wanted_text in row.items():
            if price is None or not wanted_text:
                continue
            value = price[fields.get(column, column)]
            text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
            if text != wanted_text:
                faults.append(f"{row['model']}: {column} is {text}, not {wanted_text}")
        if price is not None and row.get("least") and row["least"] == row["greatest"] != price["tokenCost"]:
            faults.append(f"{row['model']}: tokens are {price['tokenCost']}, not {row['least']}")
    return faults
