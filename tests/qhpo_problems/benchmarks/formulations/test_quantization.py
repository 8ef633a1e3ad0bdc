from __future__ import annotations

import pytest

from qhpo_problems.benchmarks.formulations import digits
from qhpo_problems.benchmarks.formulations.quantization import SUITE, measure_quantization
from qhpo_problems.training.data.digits import digits as split_of
from qhpo_problems.training.fit.loop import error_share, fit
from qhpo_problems.training.fit.settings import TrainingSettings
from qhpo_problems.training.networks.configs import CNNConfig
from qhpo_problems.training.networks.convolution import build_cnn


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few channels and epochs, but as many layers."""
    split = split_of(100)
    architecture = CNNConfig((4, 6), 3, "max", True, "relu", 0.0)
    settings = TrainingSettings("adamw", 1e-2, 0.0, 32, 4)
    fitted = fit(lambda: build_cnn(architecture), split, settings, seed=100)
    monkeypatch.setattr(digits, "trained", lambda seed: (fitted, split))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("table", ["2-bits", "4-bits"])
def test_annealed_rounding_has_the_least_error_on_every_layer(table: str) -> None:
    numbers = {}
    for method in SUITE.methods:
        (numbers[method],) = measure_quantization(table, method, 100)
        assert set(numbers[method]) == {metric.name for metric in SUITE.metrics}
    ours = numbers.pop("annealed")
    for other in numbers.values():
        # Nine inputs to a row: nearest rounding can be the best there is.
        assert ours["layer 1"] <= other["layer 1"] * (1 + 1e-9)
        assert ours["layer 2"] < other["layer 2"]
    assert ours["layer 3"] < min(numbers["greedy"]["layer 3"], numbers["nearest"]["layer 3"])


@pytest.mark.usefixtures("small")
def test_points_are_those_of_the_accuracy_over_that_in_floats() -> None:
    fitted, split = digits.trained(100)
    (numbers,) = measure_quantization("2-bits", "nearest", 100)
    in_floats = 1 - error_share(fitted.model, split.test)
    assert numbers["points"] == pytest.approx(100 * (numbers["accuracy"] - in_floats))
