from __future__ import annotations

from pathlib import Path

from server.edge.schema_export import build_sdl

EXPORTED = Path(__file__).parents[3] / "schema.graphql"


def test_the_exported_schema_is_fresh() -> None:
    assert EXPORTED.read_text(encoding="utf-8") == build_sdl(), "run `make schema`"


def test_the_export_is_the_same_every_time() -> None:
    assert build_sdl() == build_sdl()
