"""What a user's sampler is given, and what is made of its answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dimod
import numpy as np
import pytest

from qhpo.solvers import make_solver


class Recorder(dimod.Sampler):
    """Answers as told, and remembers what it was asked."""

    properties: dict[str, Any] = {}  # noqa: RUF012

    def __init__(
        self,
        parameters: tuple[str, ...],
        answer: Callable[[dimod.BinaryQuadraticModel], dimod.SampleSet],
    ) -> None:
        self._parameters = parameters
        self._answer = answer
        self.asked: list[dict[str, Any]] = []

    @property
    def parameters(self) -> dict[str, Any]:
        return dict.fromkeys(self._parameters)

    def sample(self, bqm: dimod.BinaryQuadraticModel, **parameters: Any) -> dimod.SampleSet:
        self.asked.append(parameters)
        return self._answer(bqm)


def _exact(bqm: dimod.BinaryQuadraticModel) -> dimod.SampleSet:
    return dimod.ExactSolver().sample(bqm)


def _bits(rows: list[list[int]]) -> Callable[[dimod.BinaryQuadraticModel], dimod.SampleSet]:
    return lambda bqm: dimod.SampleSet.from_samples_bqm((rows, range(len(rows[0]))), bqm)


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        ((), set()),
        (("seed",), {"seed"}),
        (("num_reads", "timeout"), {"num_reads"}),
        (("seed", "num_reads"), {"seed", "num_reads"}),
    ],
)
def test_a_sampler_is_given_only_what_it_declares(
    random_dqm: Any, declared: tuple[str, ...], given: set[str]
) -> None:
    sampler = Recorder(declared, _exact)
    make_solver(sampler).sample(random_dqm([2, 2]), 17)
    (asked,) = sampler.asked
    assert asked.keys() == given
    assert asked.get("seed", 17) == 17
    assert asked.get("num_reads", 1) >= 1


@pytest.mark.parametrize(
    "rows", [[[0] * 5], [[1] * 5], [[0] * 5, [1, 1, 0, 0, 1], [1, 0, 1, 1, 1]]]
)
def test_broken_reads_become_local_minima(random_dqm: Any, rows: list[list[int]]) -> None:
    dqm = random_dqm([2, 3])
    samples = make_solver(Recorder((), _bits(rows))).sample(dqm, 0)
    assert 1 <= len(samples) <= len(rows)
    assert samples.record.num_occurrences.sum() == len(rows)
    for sample, energy in samples.data(["sample", "energy"]):
        for variable in dqm.variables:
            for case in range(dqm.num_cases(variable)):
                assert dqm.energy({**sample, variable: case}) >= energy - 1e-9


def test_columns_may_come_in_any_order() -> None:
    flat = dimod.DiscreteQuadraticModel()
    flat.add_variable(2, label="a")
    flat.add_variable(3, label="b")

    def backwards(bqm: dimod.BinaryQuadraticModel) -> dimod.SampleSet:
        # a = 0, b = 1, read from the last variable to the first.
        return dimod.SampleSet.from_samples_bqm(([[0, 1, 0, 0, 1]], [4, 3, 2, 1, 0]), bqm)

    samples = make_solver(Recorder((), backwards)).sample(flat, 0)
    assert dict(samples.first.sample) == {"a": 0, "b": 1}


def test_reads_may_be_spins() -> None:
    flat = dimod.DiscreteQuadraticModel()
    flat.add_variable(2, label="a")
    flat.add_variable(3, label="b")
    spins = dimod.SampleSet.from_samples([[-1, 1, -1, -1, 1], [1, -1, -1, 1, -1]], "SPIN", [0, 0])
    samples = make_solver(Recorder((), lambda bqm: spins)).sample(flat, 0)
    assert [dict(sample) for sample in samples.samples()] == [{"a": 0, "b": 1}, {"a": 1, "b": 2}]
    assert spins.vartype is dimod.SPIN  # it is the sampler's own


def test_equal_reads_are_counted(random_dqm: Any) -> None:
    samples = make_solver(Recorder((), _bits([[1, 0, 0, 1, 0]] * 4))).sample(random_dqm([2, 3]), 0)
    assert samples.record.num_occurrences.tolist() == [4]


def test_a_sampler_may_return_nothing(random_dqm: Any) -> None:
    for sampler in (dimod.NullSampler(), Recorder((), lambda bqm: _exact(bqm).slice(0, 0))):
        assert len(make_solver(sampler).sample(random_dqm([2, 3]), 0)) == 0


def test_a_samplers_own_error_is_not_hidden(random_dqm: Any) -> None:
    def fail(bqm: dimod.BinaryQuadraticModel) -> dimod.SampleSet:
        raise ConnectionError("no way to the annealer")

    with pytest.raises(ConnectionError, match="no way to the annealer"):
        make_solver(Recorder((), fail)).sample(random_dqm([2, 2]), 0)


def test_neal_finds_low_energies_of_large_models(random_dqm: Any) -> None:
    dqm = random_dqm([5] * 20, seed=1)
    found = make_solver("neal").sample(dqm, 0).first.energy
    rng = np.random.default_rng(0)
    drawn = rng.integers(5, size=(20_000, 20))
    lucky = np.asarray(dqm.energies((drawn, list(dqm.variables))))
    # Well below anything that chance finds.
    assert found < lucky.min() - 2 * lucky.std()
