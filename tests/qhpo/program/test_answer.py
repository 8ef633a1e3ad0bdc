"""Output, cut into lines and read."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from qhpo.program.answer import Lines, Reader


def lines_of(pieces: list[bytes]) -> list[str]:
    lines = Lines()
    found = [line for piece in pieces for line in lines.feed(piece)]
    return found + list(lines.end())


@given(st.lists(st.text("ab{é", max_size=9), max_size=9), st.data())
def test_lines_do_not_depend_on_the_pieces(texts: list[str], data: st.DataObject) -> None:
    whole = "\n".join([*texts, "end"]).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)))))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert lines_of(pieces) == [*texts, "end"]


@given(st.binary())
def test_bytes_of_any_kind_are_read(data: bytes) -> None:
    reader = Reader("json", "loss")
    for line in lines_of([data, b'\n{"loss": 1}']):
        reader.read_line(line)
    assert reader.value("loss") == 1.0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.just("text"),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["loss", "other", "more"]), json_values))
def test_other_numbers_are_finite_ones(keys: dict[str, object]) -> None:
    reader = Reader("json", "loss")
    reader.read_line(json.dumps(keys))
    assert all(json.loads(json.dumps(value)) == value for value in reader.others().values())
    assert "loss" not in reader.others()
