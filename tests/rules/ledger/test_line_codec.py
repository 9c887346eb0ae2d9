"""How a hold keeps its lines."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.ledger.commands import Line
from rules.ledger.line_codec import decode_lines, encode_lines, join_lines
from tests.rules.ledger.notation import a_line

texts = st.none() | st.text(st.characters(codec="utf-8"), max_size=8)
params = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), st.text(max_size=4), max_size=3).map(
    lambda row: json.dumps(row, separators=(",", ":"))
)
lines = st.builds(
    Line, texts, texts, texts, params, st.integers(0, 10**6), st.integers(0, 10**18), st.integers(1, 99), st.booleans()
)


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(lines, max_size=3))
def test_what_is_written_is_read_back(written: list[Line]) -> None:
    read = decode_lines(encode_lines(written))
    assert [replace(line, params_json="") for line in read] == [replace(line, params_json="") for line in written]
    assert [json.loads(line.params_json) for line in read] == [json.loads(line.params_json) for line in written]


@pytest.mark.parametrize(("first", "second"), [([], []), ([1], []), ([], [1]), ([1, 2], [3])])
def test_two_lists_join_into_one(first: list[int], second: list[int]) -> None:
    joined = join_lines(encode_lines(map(a_line, first)), encode_lines(map(a_line, second)))
    assert decode_lines(joined) == tuple(map(a_line, first + second))
