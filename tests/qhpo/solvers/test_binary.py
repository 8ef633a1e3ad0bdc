"""What a user's sampler is given, and what is made of its answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import dimod
import numpy as np
import pytest

from qhpo.encoding import (
    ENCODINGS,
    DenseDQM,
    eliminate,
    reduced_to,
)
from qhpo.solvers import make_solver
from qhpo.solvers.binary import BinarySolver
from tests.qhpo.solvers.checks import assert_reads, lowest


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


@pytest.fixture(scope="module")
def partly_solved(frustrated: Any) -> DenseDQM:
    """A model of which elimination fixes one variable, takes a case of another, and leaves two.

    There is more than one local minimum.
    """
    for seed in range(100):
        model = frustrated([3, 3, 2, 3], seed=seed)
        model.linear[:6] += [0.0, 50.0, 50.0, 0.0, 50.0, 0.0]
        left = eliminate(model)
        if left.tables.sizes.tolist() == [2, 2, 3] and len(_minima(model)) > 1:
            return model
    raise AssertionError("no such model")


def _minima(model: DenseDQM) -> list[list[int]]:
    every = np.array(list(np.ndindex(*model.sizes)))
    minima: list[list[int]] = np.unique(model.descend(every), axis=0).tolist()
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
    frustrated: Any, declared: tuple[str, ...], given: set[str]
) -> None:
    sampler = Recorder(declared, _exact)
    make_solver(sampler).reads(frustrated([2, 2]), 17)
    (asked,) = sampler.asked
    assert asked.keys() == given
    assert asked.get("seed", 17) == 17
    assert asked.get("num_reads", 1) >= 1


@pytest.mark.parametrize(
    "rows", [[[0] * 5], [[1] * 5], [[0] * 5, [1, 1, 0, 0, 1], [1, 0, 1, 1, 1]]]
)
def test_broken_reads_become_local_minima(frustrated: Any, rows: list[list[int]]) -> None:
    model = frustrated([2, 3])
    reads = make_solver(Recorder((), _bits(rows))).reads(model, 0)
    assert_reads(reads, model)
    assert reads.counts.sum() == len(rows)
    np.testing.assert_array_equal(model.descend(reads.cases), reads.cases)


FLAT = DenseDQM(np.array([0, 2, 5]), np.zeros(5), np.zeros((5, 5)), 0.0)


def test_columns_may_come_in_any_order() -> None:
    def backwards(bqm: dimod.BinaryQuadraticModel) -> dimod.SampleSet:
        # Cases 0 and 1, read from the last variable to the first.
        return dimod.SampleSet.from_samples_bqm(([[0, 1, 0, 0, 1]], [4, 3, 2, 1, 0]), bqm)

    reads = make_solver(Recorder((), backwards)).reads(FLAT, 0)
    assert reads.cases.tolist() == [[0, 1]]


def test_reads_may_be_spins() -> None:
    spins = dimod.SampleSet.from_samples([[-1, 1, -1, -1, 1], [1, -1, -1, 1, -1]], "SPIN", [0, 0])
    reads = make_solver(Recorder((), lambda bqm: spins)).reads(FLAT, 0)
    assert reads.cases.tolist() == [[0, 1], [1, 2]]
    assert spins.vartype is dimod.SPIN  # it is the sampler's own


def test_equal_reads_are_counted(frustrated: Any) -> None:
    reads = make_solver(Recorder((), _bits([[1, 0, 0, 1, 0]] * 4))).reads(frustrated([2, 3]), 0)
    assert reads.counts.tolist() == [4]


def test_a_sampler_may_return_nothing(frustrated: Any) -> None:
    for sampler in (dimod.NullSampler(), Recorder((), lambda bqm: _exact(bqm).slice(0, 0))):
        reads = make_solver(sampler).reads(frustrated([2, 3]), 0)
        assert reads.cases.shape == (0, 2)
        assert len(reads.energies) == len(reads.counts) == 0
        assert (reads.report.calls, reads.report.reads, reads.report.energy) == (1, 0, math.inf)


def test_a_samplers_own_error_is_not_hidden(frustrated: Any) -> None:
    def fail(bqm: dimod.BinaryQuadraticModel) -> dimod.SampleSet:
        raise ConnectionError("no way to the annealer")

    with pytest.raises(ConnectionError, match="no way to the annealer"):
        make_solver(Recorder((), fail)).reads(frustrated([2, 2]), 0)


class TestElimination:
    @pytest.mark.parametrize("encoding", ENCODINGS)
    def test_a_model_that_it_solves_is_not_sent(self, encoding: str, random_model: Any) -> None:
        solved = 0
        for seed in range(40):
            model = random_model([3, 2, 3], seed=seed)
            if len(eliminate(model).variables):
                continue
            solved += 1
            sampler = Recorder((), _exact)
            reads = make_solver(sampler, encoding=encoding).reads(model, 0)
            assert not sampler.asked
            assert len(reads.cases) == 1
            assert reads.energies[0] == pytest.approx(lowest(model))
            assert_reads(reads, model)
            report = reads.report
            assert (report.calls, report.variables, report.couplers) == (0, 0, 0)
            assert (report.reads, report.valid_reads) == (1, 1)
            assert report.energy == reads.energies[0]
        assert solved >= 5

    @pytest.mark.parametrize(("encoding", "bits"), [("one-hot", 7), ("domain-wall", 4)])
    def test_only_what_it_leaves_is_sent(
        self, encoding: str, bits: int, partly_solved: DenseDQM
    ) -> None:
        sampler = Recorder((), _ground)
        reads = make_solver(sampler, encoding=encoding).reads(partly_solved, 0)
        (sent,) = sampler.models
        assert sent.num_variables == bits
        assert _exact(sent).first.energy == pytest.approx(lowest(partly_solved))
        assert (reads.report.calls, reads.report.variables) == (1, bits)
        assert reads.energies[0] == pytest.approx(lowest(partly_solved))
        assert_reads(reads, partly_solved)

    def test_all_local_minima_can_still_be_read(self, partly_solved: DenseDQM) -> None:
        reads = make_solver(Recorder((), _exact)).reads(partly_solved, 0)
        assert sorted(reads.cases.tolist()) == _minima(partly_solved)


@pytest.mark.parametrize("encoding", ENCODINGS)
class TestLimit:
    @pytest.mark.parametrize("limit", [4, 7, 10, 11])
    @pytest.mark.parametrize("seed", range(3))
    def test_what_is_larger_is_cut(
        self, encoding: str, limit: int, seed: int, frustrated: Any
    ) -> None:
        model = frustrated([4] * 6, seed=seed)
        sampler = Recorder((), _ground)
        reads = _limited(sampler, encoding, limit).reads(model, seed)
        (sent,) = sampler.models
        # A second case of a variable is two bits of one-hot, which may be one too many.
        assert limit - (encoding == "one-hot") <= sent.num_variables <= limit
        assert reads.report.variables == sent.num_variables
        assert_reads(reads, model)
        np.testing.assert_array_equal(model.descend(reads.cases), reads.cases)
        # Polish in the whole model only lowers the optimum of what was sent.
        best = _exact(sent).first.energy
        assert best == pytest.approx(lowest(reduced_to(model, encoding, limit, seed).tables))
        assert reads.energies[0] <= best + 1e-9

    def test_no_bits_leave_a_local_minimum(self, encoding: str, frustrated: Any) -> None:
        model = frustrated([4] * 6, seed=1)
        sampler = Recorder((), _ground)
        reads = _limited(sampler, encoding, 0).reads(model, 0)
        assert not sampler.asked
        assert len(reads.cases) == 1
        assert (reads.report.calls, reads.report.variables) == (0, 0)
        starts = np.random.default_rng(0).integers(4, size=(50, 6))
        descents = model.energies(model.descend(starts))
        assert reads.energies[0] <= np.median(descents)

    def test_nothing_is_cut_where_elimination_is_enough(
        self, encoding: str, partly_solved: DenseDQM
    ) -> None:
        bits = {"one-hot": 7, "domain-wall": 4}[encoding]
        for limit in (bits, bits + 1, 1000, None):
            sampler = Recorder((), _exact)
            reads = _limited(sampler, encoding, limit).reads(partly_solved, 0)
            assert sampler.models[0].num_variables == bits
            assert reads.energies[0] == pytest.approx(lowest(partly_solved))
            assert sorted(reads.cases.tolist()) == _minima(partly_solved)

    def test_one_bit_less_is_cut(self, encoding: str, partly_solved: DenseDQM) -> None:
        less = {"one-hot": 7, "domain-wall": 4}[encoding] - 1
        sampler = Recorder((), _ground)
        reads = _limited(sampler, encoding, less).reads(partly_solved, 0)
        assert 1 <= sampler.models[0].num_variables <= less
        assert_reads(reads, partly_solved)

    def test_a_function_is_asked_when_the_limit_is_needed(
        self, encoding: str, frustrated: Any
    ) -> None:
        limits = [9, 5]
        sampler = Recorder((), _ground)
        solver = _limited(sampler, encoding, lambda: limits.pop(0))
        assert limits == [9, 5]
        model = frustrated([4] * 6, seed=2)
        by_function = [solver.reads(model, 0) for _ in range(2)]
        assert not limits
        bits = [sent.num_variables for sent in sampler.models]
        assert 8 <= bits[0] <= 9
        assert 4 <= bits[1] <= 5
        by_number = [_limited(sampler, encoding, limit).reads(model, 0) for limit in (9, 5)]
        for one, other in zip(by_function, by_number, strict=True):
            assert one.cases.tolist() == other.cases.tolist()
        for one, other in zip(sampler.models[:2], sampler.models[2:], strict=True):
            assert one == other

    def test_an_error_of_the_function_is_not_hidden(self, encoding: str, frustrated: Any) -> None:
        def fail() -> int:
            raise ConnectionError("no way to the annealer")

        with pytest.raises(ConnectionError, match="no way to the annealer"):
            _limited(Recorder((), _ground), encoding, fail).reads(frustrated([2, 2]), 0)


def test_neal_finds_low_energies_of_large_models(random_model: Any) -> None:
    model = random_model([5] * 20, seed=1)
    found = make_solver("neal").reads(model, 0).energies[0]
    rng = np.random.default_rng(0)
    drawn = rng.integers(5, size=(20_000, 20))
    lucky = model.energies(drawn)
    # Well below anything that chance finds.
    assert found < lucky.min() - 2 * lucky.std()
