import numpy as np
import pytest
import torch

from qhpo.errors import QhpoError
from qhpo_problems.training.data.sequences import lengths
from qhpo_problems.training.data.shapes import COEFFICIENTS, SPEAKERS
from qhpo_problems.training.data.vowels import utterances, vowels
from qhpo_problems.training.fit.split import Split


@pytest.fixture(scope="module")
def split() -> Split:
    return vowels(0)


@pytest.mark.parametrize(
    ("part", "counts"),
    # As the data set's description at the UCI archive says.
    [("TRAIN", [30] * SPEAKERS), ("TEST", [31, 35, 88, 44, 29, 24, 40, 50, 29])],
)
def test_utterances_are_those_of_the_data_set(part: str, counts: list[int]) -> None:
    series, speakers = utterances(part)
    assert np.bincount(speakers).tolist() == counts
    assert len(series) == len(speakers)
    assert {sequence.shape[1] for sequence in series} == {COEFFICIENTS}
    assert {len(sequence) for sequence in series} <= set(range(7, 30))


def test_first_utterance() -> None:
    series, speakers = utterances("TRAIN")
    assert series[0].shape == (20, 12)
    assert series[0][:2, :2].tolist() == [[1.860936, -0.207383], [1.891651, -0.193249]]
    assert speakers[0] == 0


def test_parts_have_the_stated_sizes_and_types(split: Split) -> None:
    assert [len(part) for part in (split.train, split.validation, split.test)] == [90, 180, 370]
    for part in (split.train, split.validation, split.test):
        assert part.inputs.shape[2] == 1 + COEFFICIENTS
        assert part.inputs.dtype == torch.float32
        assert part.targets.dtype == torch.int64
    for part, share in ((split.train, 10), (split.validation, 20)):
        assert torch.bincount(part.targets).tolist() == [share] * SPEAKERS


def test_training_and_validation_are_the_known_utterances_once_each(split: Split) -> None:
    series, speakers = utterances("TRAIN")
    expected = sorted((len(s), int(who)) for s, who in zip(series, speakers, strict=True))
    got = [
        (int(steps), int(who))
        for part in (split.train, split.validation)
        for steps, who in zip(lengths(part.inputs), part.targets, strict=True)
    ]
    assert sorted(got) == expected
    first = {tuple(row[0, 1:].tolist()) for row in split.train.inputs}
    assert not first & {tuple(row[0, 1:].tolist()) for row in split.validation.inputs}


def test_scaled_by_the_steps_of_the_training_part_alone(split: Split) -> None:
    train, validation = (
        part.inputs[part.inputs[..., 0] > 0][:, 1:] for part in (split.train, split.validation)
    )
    assert train.mean(dim=0).abs().max() < 1e-5
    assert (train.std(dim=0, correction=0) - 1).abs().max() < 1e-5
    assert validation.mean(dim=0).abs().max() > 1e-3


def test_seed_decides_the_split_but_not_the_test_part(split: Split) -> None:
    other = vowels(1)
    assert torch.equal(vowels(0).train.inputs, split.train.inputs)
    assert not torch.equal(other.train.inputs[:, :7], split.train.inputs[:, :7])
    assert torch.equal(other.test.targets, split.test.targets)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_out_of_range(seed: int) -> None:
    with pytest.raises(QhpoError, match=f"seed must be .*got {seed}"):
        vowels(seed)
