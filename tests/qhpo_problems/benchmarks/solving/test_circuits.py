"""What is measured of circuits, against enumeration and against their own reads."""

from __future__ import annotations

import itertools
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from qhpo.cli import main
from qhpo.encoding import eliminate
from qhpo.errors import MissingExtraError
from qhpo_problems.benchmarks import load_suite
from qhpo_problems.benchmarks.solving import circuits
from qhpo_problems.benchmarks.solving.circuits import (
    SUITE,
    frustrated_tables,
    measure_circuits,
)


@pytest.mark.parametrize("sizes", [(3, 3, 3, 3), (4, 4, 4)])
def test_elimination_leaves_models_whole(sizes: tuple[int, ...]) -> None:
    tables = [frustrated_tables(sizes, seed) for seed in (0, 0, 1)]
    for one in tables:
        assert eliminate(one).tables.sizes.tolist() == list(sizes)
    np.testing.assert_array_equal(tables[0].quadratic, tables[1].quadratic)
    assert not np.array_equal(tables[0].quadratic, tables[2].quadratic)


@pytest.mark.parametrize("method", ["xy-1", "xy-2", "x-1", "uniform"])
def test_reads_agree_with_the_probabilities(method: str) -> None:
    (numbers,) = measure_circuits("3-3-3-3", method, 1)
    for exact, read in (("optimum", "reads at optimum"), ("valid", "valid reads")):
        p = min(numbers[exact], 1.0)
        assert abs(numbers[read] - p) <= 4.5 * math.sqrt(p * (1.0 - p) / 1_024) + 1e-9
    assert numbers["valid"] == pytest.approx(1.0) or method == "x-1"
    assert 0.0 < numbers["optimum"] < 0.9


def test_the_mixer_that_keeps_parameters_valid_beats_chance() -> None:
    results = {
        method: measure_circuits("4-4-4", method, 0)[0] for method in ("xy-1", "x-1", "uniform")
    }
    assert results["xy-1"]["optimum"] > 2.0 * results["uniform"]["optimum"]
    assert results["x-1"]["valid"] < 0.9
    gates = {method: numbers["two-qubit gates"] for method, numbers in results.items()}
    # A gate for each pair of bits, those of one parameter for its penalty; or those of different
    # parameters, and what keeps each parameter valid.
    assert gates["uniform"] == 0
    assert gates["x-1"] == 48 + 18
    assert gates["xy-1"] > 48


def test_a_uniform_draw_is_counted_over_all_configurations() -> None:
    tables = frustrated_tables((3, 3, 3, 3), 2)
    energies = [
        tables.energies(np.array([cases]))[0] for cases in itertools.product(range(3), repeat=4)
    ]
    best = np.isclose(energies, min(energies)).mean()
    (numbers,) = measure_circuits("3-3-3-3", "uniform", 2)
    assert numbers["optimum"] == pytest.approx(best)


def test_equal_seeds_give_equal_numbers() -> None:
    for method in ("xy-1", "uniform"):
        one, same, other = (measure_circuits("4-4-4", method, seed) for seed in (3, 3, 4))
        assert one == same
        assert one != other


def test_every_method_measures_every_metric() -> None:
    wanted = {metric.name for metric in SUITE.metrics}
    for method in ("xy-1", "uniform"):
        assert set(measure_circuits("4-4-4", method, 0)[0]) == wanted
    assert tuple(SUITE.methods) == ("xy-1", "xy-2", "xy-3", "x-1", "x-2", "x-3", "uniform")


def test_without_cirq(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, circuits.__name__)
    monkeypatch.setitem(sys.modules, "cirq", None)
    with pytest.raises(MissingExtraError, match=r"the suite circuits needs .* cirq.*\[cirq\]"):
        load_suite("circuits")


@pytest.mark.usefixtures("made")
def test_both_suites_from_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--seeds", "1", "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "a.md")]
    chosen = ["--samplers", "xy-1,uniform", "--tables", "4-4-4"]
    assert main(["bench", "--suite", "circuits", *chosen, *common]) == 0
    assert "4-4-4: 12 qubits, 3 parameters of 4 values, 64 configurations" in (
        capsys.readouterr().out
    )
    assert "| uniform | 0.016 | **100.0%** |" in (tmp_path / "a.md").read_text()

    chosen = ["--samplers", "one-hot", "--tables", "200-levels"]
    assert main(["bench", "--suite", "encodings", *chosen, *common]) == 0
    assert "| one-hot | **200** | **19,900** |" in (tmp_path / "a.md").read_text()
