import importlib.util
from dataclasses import replace
from importlib.machinery import ModuleSpec
from itertools import combinations
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.training.data.shapes import DISEASES
from qhpo_problems.training.data.text import (
    CHAPTERS,
    PADDING,
    START,
    UNKNOWN,
    Distinct,
    Name,
    diseases,
    read_categories,
)
from qhpo_problems.training.fit.split import Split

LENGTH, TOKENS = DISEASES.length, DISEASES.tokens

Pool = dict[str, list[list[Name]]]


@pytest.fixture(scope="module")
def pool() -> Pool:
    return read_categories()


@pytest.fixture(scope="module")
def split() -> Split:
    return diseases(0)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven categories a chapter, of four names each: 2 to 12 words, no word in two names."""
    pool = {
        chapter: [
            [tuple(f"{chapter}{length}{i}{word}" for word in range(length)) for i in range(4)]
            for length in range(2, LENGTH)
        ]
        for chapter in CHAPTERS
    }
    monkeypatch.setattr("qhpo_problems.training.data.text.read_categories", lambda: pool)


def jaccard(first: Name, second: Name) -> float:
    return len(set(first) & set(second)) / len(set(first) | set(second))


def test_parts_have_the_stated_sizes_and_types(split: Split) -> None:
    assert [len(part) for part in (split.train, split.validation, split.test)] == [1600, 1000, 1400]
    for part in (split.train, split.validation, split.test):
        assert part.inputs.shape == (len(part), LENGTH)
        assert part.inputs.dtype == part.targets.dtype == torch.int64
        assert part.inputs.min() == PADDING
        assert part.inputs.max() < TOKENS
        assert part.targets.bincount().tolist() == [len(part) // len(CHAPTERS)] * len(CHAPTERS)


def test_examples_are_a_start_words_and_padding(split: Split) -> None:
    for part in (split.train, split.validation, split.test):
        assert (part.inputs[:, 0] == START).all()
        words = part.inputs[:, 1:]
        assert (words != START).all()
        seen = (words != PADDING).sum(dim=1)
        assert seen.min() == 2
        assert seen.max() == LENGTH - 1
        assert torch.equal(words != PADDING, torch.arange(LENGTH - 1) < seen.unsqueeze(1))


def test_vocabulary_is_of_the_training_part_most_frequent_first(split: Split) -> None:
    counts = split.train.inputs.flatten().bincount(minlength=TOKENS)[UNKNOWN + 1 :]
    assert (counts.diff() <= 0).all()
    assert counts.min() >= 1
    unknown = [(part.inputs == UNKNOWN).float().mean() for part in (split.train, split.test)]
    assert unknown[0] < unknown[1]


def test_seed_decides_the_draw(split: Split, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qhpo_problems.training.data.text.read_categories", lambda: pool)
    again, other = (diseases(seed) for seed in (0, 1))
    assert torch.equal(again.train.inputs, split.train.inputs)
    assert torch.equal(again.test.inputs, split.test.inputs)
    assert not torch.equal(other.train.inputs, split.train.inputs)


def test_the_classification_is_read(pool: Pool) -> None:
    assert tuple(pool) == tuple(CHAPTERS)
    assert any(("cystic", "kidney", "disease") in names for names in pool["congenital"])
    assert any(("cyst", "of", "kidney") in names for names in pool["genitourinary"])
    for categories in pool.values():
        names = [name for category in categories for name in category]
        assert len(categories) >= 50
        assert len(set(names)) >= 1000
        assert all(2 <= len(name) < LENGTH for name in names)
        assert all(word == word.lower() for name in names for word in name)


def test_elements_become_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    table = f"""<tabular>
    <chapter><name>11</name><desc>Diseases of the digestive system</desc><section>
      <diag><name>K00</name><desc>Disorders of tooth development (K00)</desc>
        <excludes2><note>embedded and impacted teeth</note></excludes2>
        <diag><name>K00.0</name><desc>Anodontia</desc>
          <inclusionTerm><note>Absence of teeth</note></inclusionTerm>
          <inclusionTerm><note>Baker's [dry] mouth</note></inclusionTerm>
          <diag><name>K00.01</name><desc>{"very " * LENGTH} dry mouth</desc></diag>
        </diag>
      </diag>
      <diag><name>K01</name><desc>Embedded teeth</desc></diag>
    </section></chapter>
    <chapter><name>10</name><section><diag><desc>Not of these chapters</desc></diag></section>
    </chapter>
    {"".join(f"<chapter><name>{n}</name></chapter>" for n in CHAPTERS.values() if n != "11")}
    </tabular>"""
    (tmp_path / "data" / "icd10c-tabular-2031.xml").write_text(table, encoding="utf-8")
    spec = ModuleSpec("simple_icd_10_cm", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    development = ("disorders", "of", "tooth", "development")
    assert {chapter: each for chapter, each in read_categories().items() if each} == {
        "digestive": [
            [development, ("absence", "of", "teeth"), ("baker's", "mouth")],
            [("embedded", "teeth")],
        ]
    }


def test_package_is_missing_or_another_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ModuleSpec("simple_icd_10_cm", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(QhpoError, match=r"the table of ICD-10-CM; got none in .*; install "):
        read_categories()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"package simple_icd_10_cm, .*qhpo\[data\]"):
        read_categories()


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=7).map(tuple)))
def test_admitted_are_those_unlike_all_admitted_before(candidates: list[Name]) -> None:
    expected: list[Name] = []
    for candidate in candidates:
        if all(jaccard(candidate, other) < 0.5 for other in expected):
            expected.append(candidate)
    distinct = Distinct({letter: place for place, letter in enumerate("abcdefg")})
    assert [candidate for candidate in candidates if distinct.admit(candidate)] == expected


def test_no_two_drawn_are_alike(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    every = [name for category in pool["circulatory"][:20] for name in category]
    assert any(jaccard(*pair) >= 0.5 for pair in combinations(every, 2))
    admitted: list[Name] = []
    admit = Distinct.admit

    def spy(self: Distinct, name: Name) -> bool:
        fresh = admit(self, name)
        if fresh:
            admitted.append(name)
        return fresh

    monkeypatch.setattr("qhpo_problems.training.data.text.read_categories", lambda: pool)
    monkeypatch.setattr(Distinct, "admit", spy)
    monkeypatch.setattr("qhpo_problems.training.data.text.DISEASES", replace(DISEASES, tokens=203))
    diseases(0, train=30, validation=10, test=10)
    assert len(admitted) >= 50 * len(CHAPTERS)
    assert all(jaccard(*pair) < 0.5 for pair in combinations(admitted, 2))


def test_a_category_is_in_one_part_alone(made_up: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qhpo_problems.training.data.text.DISEASES", replace(DISEASES, tokens=203))
    split = diseases(0, train=18, validation=6, test=5)
    # The number of words says which category a name is of.
    categories = [
        set(zip(part.targets.tolist(), (part.inputs != PADDING).sum(dim=1).tolist(), strict=True))
        for part in (split.train, split.validation, split.test)
    ]
    assert [len(each) for each in categories] == [5 * 10, 2 * 10, 2 * 10]
    assert len(set.union(*categories)) == 9 * 10
    # All words are different: none but those of the training part is known.
    assert (split.train.inputs > UNKNOWN).any()
    assert not (split.validation.inputs > UNKNOWN).any()
    assert not (split.test.inputs > UNKNOWN).any()


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_empty_part(part: str) -> None:
    with pytest.raises(QhpoError, match=f"at least 1 .*got .*{part}=0"):
        diseases(0, **{part: 0})


def test_too_many_or_too_few(made_up: None) -> None:
    with pytest.raises(QhpoError, match=r"fewer names, .* chapter infectious .*got \(37, 4, 1\)"):
        diseases(0, train=37, validation=4, test=1)
    with pytest.raises(QhpoError, match=r"at least 1000 different words; got .* from train=4"):
        diseases(0, train=4, validation=1, test=1)
