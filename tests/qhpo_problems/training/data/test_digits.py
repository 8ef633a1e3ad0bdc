import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from qhpo.errors import QhpoError
from qhpo_problems.training.data.digits import digits
from qhpo_problems.training.fit.split import Split


@pytest.fixture(scope="module")
def split() -> Split:
    return digits(0)


def test_parts_have_the_stated_sizes_and_types(split: Split) -> None:
    assert [len(part) for part in (split.train, split.validation, split.test)] == [256, 770, 771]
    for part in (split.train, split.validation, split.test):
        assert part.inputs.shape == (len(part), 1, 8, 8)
        assert part.inputs.dtype == torch.float32
        assert part.targets.dtype == torch.int64


def test_parts_are_the_whole_data_set_once_each(split: Split) -> None:
    parts = (split.train, split.validation, split.test)
    pixels = torch.cat([part.inputs for part in parts]).flatten(1)
    # Undo the scaling: grey values are the whole numbers 0 to 16.
    low, high = pixels.min(), pixels.max()
    grey = ((pixels - low) / (high - low) * 16).round().int()
    labels = torch.cat([part.targets for part in parts])
    got = sorted(map(tuple, torch.column_stack([grey, labels]).tolist()))
    images, targets = load_digits(return_X_y=True)
    expected = sorted(map(tuple, np.column_stack([images, targets]).astype(int).tolist()))
    assert got == expected


def test_classes_are_stratified(split: Split) -> None:
    whole = torch.bincount(torch.tensor(load_digits().target)) / 1797
    for part in (split.train, split.validation, split.test):
        counts = torch.bincount(part.targets, minlength=10)
        assert (counts - whole * len(part)).abs().max() <= 1.0


def test_scaled_by_the_training_part_alone(split: Split) -> None:
    assert split.train.inputs.mean().item() == pytest.approx(0, abs=1e-5)
    assert split.train.inputs.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert abs(split.validation.inputs.mean().item()) > 1e-4


def test_seed_decides_the_split(split: Split) -> None:
    assert torch.equal(digits(0).test.inputs, split.test.inputs)
    assert not torch.equal(digits(1).test.targets, split.test.targets)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_out_of_range(seed: int) -> None:
    with pytest.raises(QhpoError, match=f"seed must be .*got {seed}"):
        digits(seed)


@pytest.mark.parametrize(("train", "validation"), [(9, 770), (256, 9), (1000, 788)])
def test_part_smaller_than_the_classes(train: int, validation: int) -> None:
    digits(0, train=1000, validation=787)
    with pytest.raises(QhpoError, match=f"at least 10.*train={train}, validation={validation}"):
        digits(0, train=train, validation=validation)
