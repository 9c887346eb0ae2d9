"""Saved workflows: the same lines are the same text, and come back as they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.pricing.rating import LineRequest
from rules.workflows import decode_lines, encode_lines, workflow_slug

PARAMS = st.dictionaries(
    st.text(max_size=8),
    st.one_of(st.text(max_size=8), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans()),
    max_size=4,
)
LINES = st.lists(
    st.builds(LineRequest, st.text(max_size=8), PARAMS, st.integers(1, 1_000_000), st.none() | st.text(max_size=8)),
    max_size=4,
)


@given(LINES)
def test_lines_come_back_as_they_were_saved(lines: list[LineRequest]) -> None:
    text = encode_lines(lines)
    assert text.isascii()
    assert decode_lines(text) == tuple(lines)
    assert encode_lines(decode_lines(text)) == text


def test_the_order_of_params_null_ones_and_whole_floats_make_no_difference() -> None:
    one = LineRequest("flux", {"width": 1024, "height": 512, "seed": None})
    other = LineRequest("flux", {"height": 512.0, "width": 1024.0})
    assert encode_lines([one]) == encode_lines([other])


def test_true_is_not_one_and_a_text_is_no_number() -> None:
    texts = {encode_lines([LineRequest("flux", {"a": value})]) for value in (True, 1, "1", "true", 1.5)}
    assert len(texts) == 5


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Poster maker", "poster-maker"), ("poster-maker", "poster-maker"), ("  A—B  ", "a-b"), ("плакат", ""), ("", "")],
)
def test_a_name_leads_to_its_slug(name: str, slug: str) -> None:
    assert workflow_slug(name) == slug
