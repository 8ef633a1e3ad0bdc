"""Real speech: who said the two vowels?"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from qhpo_problems.training.data.sequences import padded
from qhpo_problems.training.data.series import read_series
from qhpo_problems.training.fit.checks import check_seed
from qhpo_problems.training.fit.split import Part, Split

__all__ = ["utterances", "vowels"]

_TRAIN = 90
"""Utterances in the training part."""


def utterances(part: str) -> tuple[list[NDArray[np.float64]], NDArray[np.int64]]:
    """The data set JapaneseVowels as sktime ships it.

    From Kudo, Toyama and Shimbo, "Multidimensional curve classification using passing-through
    regions", Pattern Recognition Letters 20 (1999): nine men say the vowels "ae".

    Args:
        part: ``"TRAIN"``, 30 utterances of each man, or ``"TEST"``, 370 in all.

    Returns:
        The utterances, each of shape (7 to 29 steps, `shapes.COEFFICIENTS`), and who speaks,
        shape (n,).
    """
    series, speakers = read_series("JapaneseVowels", part)
    return series, np.array(speakers, dtype=np.int64) - 1


def vowels(seed: int) -> Split:
    """Utterances of nine speakers, inputs (n, 29, 1 + `shapes.COEFFICIENTS`).

    Inputs are as `sequences.padded` says. The test part is the data set's own, which was
    recorded apart from the rest; the other 270 utterances are split by the seed, stratified by
    speaker. The training part is small, 10 utterances of each, so that architectures differ in
    what they make of few examples; the validation part has 20 of each, so that one utterance is
    0.56 % of the error. Every coefficient is scaled to mean 0 and standard deviation 1 over the
    steps of the training part.

    Args:
        seed: Which utterances go where, 0 to 2**32 - 1.

    Raises:
        QhpoError: If the seed is out of range.
    """
    check_seed(seed)
    known, speakers = utterances("TRAIN")
    judge, judged_speakers = utterances("TEST")
    learn, choose = train_test_split(
        np.arange(len(known)), train_size=_TRAIN, stratify=speakers, random_state=seed
    )
    steps = np.concatenate([known[row] for row in learn])
    mean, deviation = steps.mean(axis=0), steps.std(axis=0)

    def part(sequences: list[NDArray[np.float64]], targets: NDArray[np.int64]) -> Part:
        inputs = padded([(sequence - mean) / deviation for sequence in sequences])
        return Part(inputs, torch.tensor(targets))

    return Split(
        part([known[row] for row in learn], speakers[learn]),
        part([known[row] for row in choose], speakers[choose]),
        part(judge, judged_speakers),
    )
