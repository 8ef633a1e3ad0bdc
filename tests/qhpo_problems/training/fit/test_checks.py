from types import SimpleNamespace

import pytest

from qhpo.errors import QhpoError
from qhpo_problems.training.fit.checks import (
    check_choices,
    check_dropout,
    check_noise,
    check_positive,
    check_seed,
    check_widths,
)

CONFIG = SimpleNamespace(cell="gru", size=3, layers=1, heads=0)


def test_what_is_allowed_passes() -> None:
    check_choices(CONFIG, cell=("gru", "lstm"), size={1: "one", 3: "three"})
    check_positive(CONFIG, "size", "layers")
    check_widths("units", (1, 1, 9), 3, "layer")
    for seed in (0, 2**32 - 1):
        check_seed(seed)
    for dropout in (0.0, 0.999):
        check_dropout(dropout)
    for noise in (0.0, 1e9):
        check_noise(noise)


def test_a_choice_is_one_of_those_allowed() -> None:
    with pytest.raises(QhpoError, match=r"^cell must be one of rnn, lstm; got 'gru'$"):
        check_choices(CONFIG, size=(3,), cell=("rnn", "lstm"))
    with pytest.raises(QhpoError, match=r"^size must be one of 1, 5; got 3$"):
        check_choices(CONFIG, size=(1, 5))


def test_every_count_is_looked_at() -> None:
    with pytest.raises(QhpoError, match="heads must be at least 1; got 0; give a positive"):
        check_positive(CONFIG, "layers", "heads")


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ((), r"units must have 1 to 3 entries, one a layer; got 0: \(\); give one for every layer"),
        ((8, 8, 8, 8), r"1 to 3 entries.*got 4: \(8, 8, 8, 8\)"),
        ((8, 0), r"units must all be at least 1; got \(8, 0\); leave a layer out"),
    ],
)
def test_every_part_has_a_width(widths: tuple[int, ...], message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        check_widths("units", widths, 3, "layer")


@pytest.mark.parametrize("dropout", [-0.1, 1.0, float("nan")])
def test_dropout_is_a_share_below_one(dropout: float) -> None:
    with pytest.raises(QhpoError, match=f"at least 0 and below 1; got {dropout}; 0 turns it off"):
        check_dropout(dropout)


@pytest.mark.parametrize("noise", [-0.5, float("inf"), float("nan")])
def test_noise_is_a_deviation(noise: float) -> None:
    with pytest.raises(QhpoError, match=f"finite and at least 0; got {noise}; 0 turns it off"):
        check_noise(noise)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_has_32_bits(seed: int) -> None:
    with pytest.raises(QhpoError, match=f"seed must be 0 to .*got {seed}; give such a"):
        check_seed(seed)
