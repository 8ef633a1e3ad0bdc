from typing import Any

import numpy as np
import pytest
import torch

from qhpo.errors import QhpoError
from qhpo_problems.training.data.exercises import PERSONS, exercises
from qhpo_problems.training.data.shapes import EXERCISES
from qhpo_problems.training.fit.split import Split

CLASSES, LENGTH, SENSORS = EXERCISES.classes, EXERCISES.length, EXERCISES.channels


@pytest.fixture(scope="module")
def split() -> Split:
    return exercises(0)


def parts(split: Split) -> tuple[np.ndarray, ...]:
    return tuple(part.inputs.numpy() for part in (split.train, split.validation, split.test))


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One recording a person: the person's number, the time, and noise; 2 windows and a rest."""
    rng = np.random.default_rng(0)
    recordings = []
    for person in range(1, PERSONS + 1):
        recording = rng.normal(size=(4 * LENGTH + 77, SENSORS))
        recording[:, 0], recording[:, 1] = person, np.arange(len(recording))
        recordings.append(recording)
    data: dict[str, Any] = {
        "X": recordings,
        "y": np.arange(PERSONS) % CLASSES,
        "subject": np.arange(1, PERSONS + 1),
    }
    monkeypatch.setattr("qhpo_problems.training.data.exercises.load_watch", lambda: data)


def test_parts_have_the_stated_types_and_all_windows(split: Split) -> None:
    for part in (split.train, split.validation, split.test):
        assert part.inputs.shape == (len(part), SENSORS, LENGTH)
        assert part.inputs.dtype == torch.float32
        assert part.targets.dtype == torch.int64
        assert part.targets.unique().tolist() == list(range(CLASSES))
    assert sum(map(len, (split.train, split.validation, split.test))) == 1833


def test_nobody_is_in_two_parts(made_up: None) -> None:
    split = exercises(0)
    signals = [inputs[:, 0] for inputs in parts(split)]
    low, high = min(map(np.min, signals)), max(map(np.max, signals))
    persons = [(1 + (PERSONS - 1) * (signal - low) / (high - low)).round(3) for signal in signals]

    assert [len(np.unique(each)) for each in persons] == [4, 3, 3]
    assert np.unique(np.concatenate(persons)).tolist() == list(range(1, PERSONS + 1))
    for part, each in zip((split.train, split.validation, split.test), persons, strict=True):
        # A window is one person's, and its exercise is that person's too.
        assert (each == each[:, :1]).all()
        assert part.targets.tolist() == ((each[:, 0] - 1) % CLASSES).tolist()


def test_windows_are_pairs_of_measurements_one_after_another(made_up: None) -> None:
    times = np.concatenate([inputs[:, 1] for inputs in parts(exercises(0))])
    first, last = 0.5, 4 * LENGTH - 1.5  # means of the first and of the last pair
    scaled = first + (last - first) * (times - times.min()) / (times.max() - times.min())

    expected = (2 * np.arange(2 * LENGTH) + 0.5).reshape(2, LENGTH)
    assert np.allclose(scaled.reshape(PERSONS, 2, LENGTH), expected, atol=1e-3)


def test_scaled_by_the_training_part_alone(split: Split) -> None:
    train, validation, _ = parts(split)
    assert train.mean(axis=(0, 2)) == pytest.approx(np.zeros(SENSORS), abs=1e-4)
    assert train.std(axis=(0, 2)) == pytest.approx(np.ones(SENSORS), abs=1e-4)
    assert np.abs(validation.mean(axis=(0, 2))).max() > 1e-3


def test_seed_decides_who_is_where(split: Split) -> None:
    assert torch.equal(exercises(0).test.inputs, split.test.inputs)
    assert exercises(1).test.inputs.shape != split.test.inputs.shape


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_out_of_range(seed: int) -> None:
    with pytest.raises(QhpoError, match=f"seed must be .*got {seed}"):
        exercises(seed)


@pytest.mark.parametrize(("train", "validation"), [(0, 3), (4, 0), (5, 5)])
def test_part_without_persons(train: int, validation: int) -> None:
    with pytest.raises(QhpoError, match=f"at least 1.*train={train}, validation={validation}"):
        exercises(0, train=train, validation=validation)
