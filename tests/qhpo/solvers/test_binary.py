"""What a user's sampler is given, and what is made of its answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dimod
import numpy as np
import pytest
from dimod.testing import assert_sampleset_energies_dqm

from qhpo.encoding import (
    ENCODINGS,
    SIZED_ENCODINGS,
    DenseDQM,
    eliminate,
    reduced_to,
)
from qhpo.errors import QhpoError
from qhpo.solvers import make_solver
from qhpo.solvers.binary import BinarySolver
from tests.qhpo.solvers.answers import report_of, sample_set


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
        self.models: list[dimod.BinaryQuadraticModel] = []

    @property
    def parameters(self) -> dict[str, Any]:
        return dict.fromkeys(self._parameters)

    def sample(self, bqm: dimod.BinaryQuadraticModel, **parameters: Any) -> dimod.SampleSet:
        self.asked.append(parameters)
        self.models.append(bqm)
        return self._answer(bqm)


def _exact(bqm: dimod.BinaryQuadraticModel) -> dimod.SampleSet:
    assert bqm.num_variables <= 12  # what is meant to be cut would take minutes here
    return dimod.ExactSolver().sample(bqm)


def _ground(bqm: dimod.BinaryQuadraticModel) -> dimod.SampleSet:
    return _exact(bqm).truncate(1)


def _limited(sampler: dimod.Sampler, encoding: str, max_bits: Any) -> BinarySolver:
    return BinarySolver(
        "limited", sampler, lambda encoded, seed: {}, encoding=encoding, max_bits=max_bits
    )


def _lowest(dqm: dimod.DiscreteQuadraticModel) -> float:
    return float(dimod.ExactDQMSolver().sample_dqm(dqm).first.energy)


@pytest.fixture(scope="module")
def partly_solved(frustrated_dqm: Any) -> dimod.DiscreteQuadraticModel:
    """A model of which elimination fixes one variable, takes a case of another, and leaves two.

    There is more than one local minimum.
    """
    for seed in range(100):
        dqm = frustrated_dqm([3, 3, 2, 3], seed=seed)
        for label, worse in (("v00", (0.0, 50.0, 50.0)), ("v01", (0.0, 50.0, 0.0))):
            dqm.set_linear(label, dqm.get_linear(label) + np.array(worse))
        left = eliminate(DenseDQM.from_dqm(dqm))
        if left.tables.sizes.tolist() == [2, 2, 3] and len(_minima(dqm)) > 1:
            return dqm
    raise AssertionError("no such model")


def _minima(dqm: dimod.DiscreteQuadraticModel) -> list[list[int]]:
    tables = DenseDQM.from_dqm(dqm)
    every = np.array(list(np.ndindex(*tables.sizes)))
    minima: list[list[int]] = np.unique(tables.descend(every), axis=0).tolist()
    return minima


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
    frustrated_dqm: Any, declared: tuple[str, ...], given: set[str]
) -> None:
    sampler = Recorder(declared, _exact)
    sample_set(make_solver(sampler), frustrated_dqm([2, 2]), 17)
    (asked,) = sampler.asked
    assert asked.keys() == given
    assert asked.get("seed", 17) == 17
    assert asked.get("num_reads", 1) >= 1


@pytest.mark.parametrize(
    "rows", [[[0] * 5], [[1] * 5], [[0] * 5, [1, 1, 0, 0, 1], [1, 0, 1, 1, 1]]]
)
def test_broken_reads_become_local_minima(frustrated_dqm: Any, rows: list[list[int]]) -> None:
    dqm = frustrated_dqm([2, 3])
    samples = sample_set(make_solver(Recorder((), _bits(rows))), dqm, 0)
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

    samples = sample_set(make_solver(Recorder((), backwards)), flat, 0)
    assert dict(samples.first.sample) == {"a": 0, "b": 1}


def test_reads_may_be_spins() -> None:
    flat = dimod.DiscreteQuadraticModel()
    flat.add_variable(2, label="a")
    flat.add_variable(3, label="b")
    spins = dimod.SampleSet.from_samples([[-1, 1, -1, -1, 1], [1, -1, -1, 1, -1]], "SPIN", [0, 0])
    samples = sample_set(make_solver(Recorder((), lambda bqm: spins)), flat, 0)
    assert [dict(sample) for sample in samples.samples()] == [{"a": 0, "b": 1}, {"a": 1, "b": 2}]
    assert spins.vartype is dimod.SPIN  # it is the sampler's own


def test_equal_reads_are_counted(frustrated_dqm: Any) -> None:
    samples = sample_set(
        make_solver(Recorder((), _bits([[1, 0, 0, 1, 0]] * 4))), frustrated_dqm([2, 3]), 0
    )
    assert samples.record.num_occurrences.tolist() == [4]


def test_a_sampler_may_return_nothing(frustrated_dqm: Any) -> None:
    for sampler in (dimod.NullSampler(), Recorder((), lambda bqm: _exact(bqm).slice(0, 0))):
        assert len(sample_set(make_solver(sampler), frustrated_dqm([2, 3]), 0)) == 0


def test_a_samplers_own_error_is_not_hidden(frustrated_dqm: Any) -> None:
    def fail(bqm: dimod.BinaryQuadraticModel) -> dimod.SampleSet:
        raise ConnectionError("no way to the annealer")

    with pytest.raises(ConnectionError, match="no way to the annealer"):
        sample_set(make_solver(Recorder((), fail)), frustrated_dqm([2, 2]), 0)


class TestElimination:
    @pytest.mark.parametrize("encoding", ENCODINGS)
    def test_a_model_that_it_solves_is_not_sent(self, encoding: str, random_dqm: Any) -> None:
        solved = 0
        for seed in range(40):
            dqm = random_dqm([3, 2, 3], seed=seed)
            if len(eliminate(DenseDQM.from_dqm(dqm)).variables):
                continue
            solved += 1
            sampler = Recorder((), _exact)
            samples = sample_set(make_solver(sampler, encoding=encoding), dqm, 0)
            assert not sampler.asked
            assert len(samples) == 1
            assert list(samples.variables) == list(dqm.variables)
            assert samples.first.energy == pytest.approx(_lowest(dqm))
            assert_sampleset_energies_dqm(samples, dqm, precision=7)
            report = report_of(samples)
            assert (report.calls, report.variables, report.couplers) == (0, 0, 0)
            assert (report.reads, report.valid_reads) == (1, 1)
            assert report.energy == samples.first.energy
        assert solved >= 5

    @pytest.mark.parametrize(("encoding", "bits"), [("one-hot", 7), ("domain-wall", 4)])
    def test_only_what_it_leaves_is_sent(
        self, encoding: str, bits: int, partly_solved: dimod.DiscreteQuadraticModel
    ) -> None:
        sampler = Recorder((), _ground)
        samples = sample_set(make_solver(sampler, encoding=encoding), partly_solved, 0)
        (sent,) = sampler.models
        assert sent.num_variables == bits
        assert _exact(sent).first.energy == pytest.approx(_lowest(partly_solved))
        assert (report_of(samples).calls, report_of(samples).variables) == (1, bits)
        assert samples.first.energy == pytest.approx(_lowest(partly_solved))
        assert_sampleset_energies_dqm(samples, partly_solved, precision=7)

    def test_all_local_minima_can_still_be_read(
        self, partly_solved: dimod.DiscreteQuadraticModel
    ) -> None:
        samples = sample_set(make_solver(Recorder((), _exact)), partly_solved, 0)
        assert sorted(samples.record.sample.tolist()) == _minima(partly_solved)


@pytest.mark.parametrize("encoding", SIZED_ENCODINGS)
class TestLimit:
    @pytest.mark.parametrize("limit", [4, 7, 10, 11])
    @pytest.mark.parametrize("seed", range(3))
    def test_what_is_larger_is_cut(
        self, encoding: str, limit: int, seed: int, frustrated_dqm: Any
    ) -> None:
        dqm = frustrated_dqm([4] * 6, seed=seed)
        tables = DenseDQM.from_dqm(dqm)
        sampler = Recorder((), _ground)
        samples = sample_set(_limited(sampler, encoding, limit), dqm, seed)
        (sent,) = sampler.models
        # A second case of a variable is two bits of one-hot, which may be one too many.
        assert limit - (encoding == "one-hot") <= sent.num_variables <= limit
        assert report_of(samples).variables == sent.num_variables
        assert list(samples.variables) == list(dqm.variables)
        assert_sampleset_energies_dqm(samples, dqm, precision=7)
        cases = np.asarray(samples.record.sample)
        np.testing.assert_array_equal(tables.descend(cases), cases)
        # Polish in the whole model only lowers the optimum of what was sent.
        best = _exact(sent).first.energy
        assert best == pytest.approx(
            _lowest(reduced_to(tables, encoding, limit, seed).tables.to_dqm())
        )
        assert samples.first.energy <= best + 1e-9

    def test_no_bits_leave_a_local_minimum(self, encoding: str, frustrated_dqm: Any) -> None:
        dqm = frustrated_dqm([4] * 6, seed=1)
        sampler = Recorder((), _ground)
        samples = sample_set(_limited(sampler, encoding, 0), dqm, 0)
        assert not sampler.asked
        assert len(samples) == 1
        assert (report_of(samples).calls, report_of(samples).variables) == (0, 0)
        tables = DenseDQM.from_dqm(dqm)
        starts = np.random.default_rng(0).integers(4, size=(50, 6))
        descents = tables.energies(tables.descend(starts))
        assert samples.first.energy <= np.median(descents)

    def test_nothing_is_cut_where_elimination_is_enough(
        self, encoding: str, partly_solved: dimod.DiscreteQuadraticModel
    ) -> None:
        bits = {"one-hot": 7, "domain-wall": 4}[encoding]
        for limit in (bits, bits + 1, 1000, None):
            sampler = Recorder((), _exact)
            samples = sample_set(_limited(sampler, encoding, limit), partly_solved, 0)
            assert sampler.models[0].num_variables == bits
            assert samples.first.energy == pytest.approx(_lowest(partly_solved))
            assert sorted(samples.record.sample.tolist()) == _minima(partly_solved)

    def test_one_bit_less_is_cut(
        self, encoding: str, partly_solved: dimod.DiscreteQuadraticModel
    ) -> None:
        less = {"one-hot": 7, "domain-wall": 4}[encoding] - 1
        sampler = Recorder((), _ground)
        samples = sample_set(_limited(sampler, encoding, less), partly_solved, 0)
        assert 1 <= sampler.models[0].num_variables <= less
        assert_sampleset_energies_dqm(samples, partly_solved, precision=7)

    def test_a_function_is_asked_when_the_limit_is_needed(
        self, encoding: str, frustrated_dqm: Any
    ) -> None:
        limits = [9, 5]
        sampler = Recorder((), _ground)
        solver = _limited(sampler, encoding, lambda: limits.pop(0))
        assert limits == [9, 5]
        dqm = frustrated_dqm([4] * 6, seed=2)
        by_function = [sample_set(solver, dqm, 0) for _ in range(2)]
        assert not limits
        assert [9, 5] >= [model.num_variables for model in sampler.models] >= [8, 4]
        by_number = [sample_set(_limited(sampler, encoding, limit), dqm, 0) for limit in (9, 5)]
        for one, other in zip(by_function, by_number, strict=True):
            assert one.record.sample.tolist() == other.record.sample.tolist()
        for one, other in zip(sampler.models[:2], sampler.models[2:], strict=True):
            assert one == other

    def test_an_error_of_the_function_is_not_hidden(
        self, encoding: str, frustrated_dqm: Any
    ) -> None:
        def fail() -> int:
            raise ConnectionError("no way to the annealer")

        with pytest.raises(ConnectionError, match="no way to the annealer"):
            sample_set(_limited(Recorder((), _ground), encoding, fail), frustrated_dqm([2, 2]), 0)


@pytest.mark.parametrize("limit", [3, lambda: 3], ids=["number", "function"])
def test_binary_numbers_have_no_limit(limit: Any, frustrated_dqm: Any) -> None:
    assert "binary" not in SIZED_ENCODINGS
    sampler = Recorder((), _ground)
    with pytest.raises(QhpoError) as error:
        sample_set(_limited(sampler, "binary", limit), frustrated_dqm([4, 4, 4]), 0)
    message = str(error.value)
    assert "a limited number of bits" in message
    assert all(name in message for name in SIZED_ENCODINGS)
    assert "'binary'" in message
    assert not sampler.asked


def test_neal_finds_low_energies_of_large_models(random_dqm: Any) -> None:
    dqm = random_dqm([5] * 20, seed=1)
    found = sample_set(make_solver("neal"), dqm, 0).first.energy
    rng = np.random.default_rng(0)
    drawn = rng.integers(5, size=(20_000, 20))
    lucky = np.asarray(dqm.energies((drawn, list(dqm.variables))))
    # Well below anything that chance finds.
    assert found < lucky.min() - 2 * lucky.std()
