"""The hybrid solvers against a fake client: what is sent, and what comes of the answers.

D-Wave's own samplers run for real, with their files of models and states; only the service behind
their client is faked.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any
from unittest import mock

import dimod
import dwave.optimization
import numpy as np
import pytest
from dimod.testing import assert_sampler_api, assert_sampleset_energies
from dwave.cloud.testing import mocks

from qhpo.encoding import DenseDQM
from qhpo.errors import SolverError
from qhpo.solvers import Solver, find_solver, make_solver
from qhpo.solvers.cloud.leap import HybridSampler, nonlinear_model
from qhpo.solvers.cloud.service import connect
from tests.qhpo.solvers.checks import assert_reads, lowest

KINDS = ("bqm", "cqm", "dqm", "nl")

INFO = {"qpu_access_time": 41_000, "charge_time": 5_000_000, "run_time": 5_000_000}
"""As the service returns it, in microseconds."""


def done(value: Any) -> Any:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def energy(model: DenseDQM, cases: Any) -> float:
    return float(model.to_dqm().energy(dict(enumerate(cases))))


class Service:
    """What stands behind the client: it keeps what it is sent, and answers from a queue.

    Args:
        kind: The one type of problem that it takes.
    """

    def __init__(self, kind: str) -> None:
        self.supported_problem_types = [kind]
        self.properties = getattr(mocks, f"hybrid_{kind}_solver_data")()["properties"]
        self.model: Any = None
        self.parameters: dict[str, Any] = {}
        self.calls = 0
        self.answer: Callable[[Any], Any] = lambda model: pytest.fail("nobody asked for an answer")
        self.failure: Exception | None = None

    def upload_bqm(self, file: Any) -> Any:
        self.model = dimod.BinaryQuadraticModel.from_file(file)
        return done("uploaded")

    def upload_problem(self, file: Any) -> Any:
        (kind,) = self.supported_problem_types
        read = {"cqm": dimod.ConstrainedQuadraticModel, "dqm": dimod.DiscreteQuadraticModel}[kind]
        file.seek(0)  # as an upload does
        self.model = read.from_file(file)
        return done("uploaded")

    def upload_nlm(self, model: Any, max_num_states: int) -> Any:
        self.model = dwave.optimization.Model.from_file(model.to_file())
        self.model.lock()
        return done("uploaded")

    def _sample(self, uploaded: str, **parameters: Any) -> Any:
        assert uploaded == "uploaded"
        self.calls += 1
        self.parameters = parameters
        if self.failure is not None:
            raise self.failure
        return self.answer(self.model)

    def sample_bqm(self, uploaded: str, **parameters: Any) -> Any:
        return mock.Mock(sampleset=self._sample(uploaded, **parameters))

    sample_dqm = sample_cqm = sample_bqm

    def sample_nlm(self, uploaded: str, **parameters: Any) -> Any:
        states = self._sample(uploaded, **parameters)
        future = done(None)
        future.answer_data, future.timing = states, dict(INFO)
        future.id, future.label, future.wait_id = "1", "qhpo", lambda: "1"
        return future


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def service(kind: str, credentials: str) -> Iterator[Service]:
    fake = Service(kind)
    with mock.patch("dwave.system.samplers.leap_hybrid_sampler.Client") as client:
        client.from_config.return_value.get_solver.return_value = fake
        yield fake


def best(kind: str, model: Any) -> Any:
    """The exact solution of a model that was sent, as the service returns it."""
    if kind == "bqm":
        found = dimod.ExactSolver().sample(model).truncate(1)
    elif kind == "cqm":
        found = dimod.ExactCQMSolver().sample_cqm(model)
        found = found.filter(lambda d: d.is_feasible).truncate(1)
    elif kind == "dqm":
        found = dimod.ExactDQMSolver().sample_dqm(model).truncate(1)
    else:
        (x,) = model.iter_decisions()
        upper = np.broadcast_to(x.upper_bound(), x.shape()).astype(int)
        every = list(np.ndindex(*(upper + 1)))
        model.states.resize(len(every))
        for k, state in enumerate(every):
            x.set_state(k, state)
        lowest = min(range(len(every)), key=model.objective.state)
        model.states.resize(1)
        x.set_state(0, every[lowest])
        return model.states.to_file()
    found.info.update(INFO)
    return found


@pytest.mark.parametrize(
    "model", ["random", "binary", "frustrated", "frustrated, of one case", "sparse", "flat"]
)
def test_the_answer_is_returned_with_its_energy(
    service: Service, kind: str, model: str, small_models: Any
) -> None:
    tables = small_models[model]
    service.answer = lambda sent: best(kind, sent)
    reads = make_solver(f"leap-{kind}").reads(tables, 0)
    assert service.calls == 1
    assert_reads(reads, tables)
    assert reads.energies[0] == pytest.approx(lowest(tables))


def test_what_is_sent_has_the_energies_of_the_model(
    service: Service, kind: str, frustrated: Any
) -> None:
    model = frustrated([3, 2, 4], seed=1)
    service.answer = lambda sent: best(kind, sent)
    make_solver(f"leap-{kind}").reads(model, 0)
    sent = service.model
    rng = np.random.default_rng(0)
    for cases in rng.integers([3, 2, 4], size=(20, 3)):
        expected = energy(model, cases)
        if kind == "bqm":  # domain walls: as many ones as the number of the case
            assert sent.num_variables == 2 + 1 + 3
            bits = [
                int(k < case)
                for case, size in zip(cases, (3, 2, 4), strict=True)
                for k in range(size - 1)
            ]
            assert sent.energy(bits) == pytest.approx(expected)
        elif kind == "cqm":
            assert len(sent.discrete) == len(sent.constraints) == 3
            bits = {(i, case): int(case == cases[i]) for i, case in sent.variables}
            assert sent.objective.energy(bits) == pytest.approx(expected)
            assert sent.check_feasible(bits)
        elif kind == "dqm":
            assert energy(DenseDQM.from_dqm(sent), cases) == pytest.approx(expected)
        else:
            (x,) = sent.iter_decisions()
            sent.states.resize(1)
            x.set_state(0, cases)
            assert sent.objective.state(0) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["bqm"])
def test_the_sampler_keeps_to_dimods_own_rules(service: Service, kind: str) -> None:
    service.answer = lambda sent: best(kind, sent)
    sampler = HybridSampler(connect("leap-bqm", "LeapHybridBQMSampler", None), {})
    assert_sampler_api(sampler)
    bqm = dimod.BinaryQuadraticModel({"a": 0.5, "b": -1.0}, {("a", "b"): -2.0}, 3.0, "SPIN")
    reads = sampler.sample(bqm)
    assert_sampleset_energies(reads, bqm)
    assert reads.first.energy == dimod.ExactSolver().sample(bqm).first.energy


@pytest.mark.parametrize("time_limit", [None, 7.5])
def test_the_label_and_the_time_limit_are_sent(
    service: Service, kind: str, time_limit: float | None, frustrated: Any
) -> None:
    service.answer = lambda sent: best(kind, sent)
    make_solver(f"leap-{kind}", time_limit=time_limit).reads(frustrated([3, 2]), 0)
    assert service.parameters["label"] == "qhpo"
    # The least that the fake service takes: 1 s, but D-Wave's samplers put DQM and NL at 5.
    least = {"bqm": 1.0, "cqm": 1.0, "dqm": 5.0, "nl": 5.0}[kind]
    sent = service.parameters["time_limit"]
    assert sent == pytest.approx(least, abs=0.1) if time_limit is None else sent == time_limit


def test_the_report_says_what_was_used(service: Service, kind: str, frustrated: Any) -> None:
    service.answer = lambda sent: best(kind, sent)
    report = make_solver(f"leap-{kind}").reads(frustrated([3, 2]), 0).report
    assert (report.solver, report.calls) == (f"leap-{kind}", 1)
    assert (report.reads, report.valid_reads) == (1, 1)
    assert report.qpu_seconds == pytest.approx(0.041)
    assert report.seconds > 0.0
    assert report.chain_breaks is None


def test_a_model_without_a_choice_is_not_sent(
    service: Service, kind: str, random_model: Any
) -> None:
    model = random_model([1, 1, 1])
    reads = make_solver(f"leap-{kind}").reads(model, 0)
    assert service.calls == 0
    assert reads.cases.tolist() == [[0, 0, 0]]
    assert reads.energies[0] == pytest.approx(energy(model, [0, 0, 0]))


@pytest.mark.parametrize("kind", ["bqm"])
@pytest.mark.parametrize("model", ["one variable", "variables of one case"])
def test_a_model_that_elimination_solves_is_not_sent_as_bits(
    service: Service, kind: str, model: str, small_models: Any
) -> None:
    tables = small_models[model]
    reads = make_solver("leap-bqm").reads(tables, 0)
    report = reads.report
    assert service.calls == report.calls == report.variables == 0
    assert report.qpu_seconds == 0.0
    assert reads.energies[0] == pytest.approx(lowest(tables))


@pytest.mark.parametrize("kind", ["bqm", "cqm"])
def test_infeasible_samples_are_repaired_and_counted(
    service: Service, kind: str, frustrated: Any
) -> None:
    model = frustrated([3, 4, 2], seed=2)

    def answer(sent: Any) -> dimod.SampleSet:
        if kind == "bqm":  # the second variable has a wrong wall in the first sample
            bits = [[1, 0, 0, 1, 0, 1], [1, 0, 1, 1, 0, 1]]
            return dimod.SampleSet.from_samples_bqm((bits, range(6)), sent)
        # None and two of a variable's bits are set; the third sample is feasible, twice.
        bits = [[0, 0, 0, 1, 1, 0, 0, 1, 0], [1] * 9, [0, 1, 0, 0, 0, 1, 0, 0, 1]]
        labels = list(sent.variables)
        assert labels == [(i, c) for i, size in enumerate((3, 4, 2)) for c in range(size)]
        # In another order, as the service may.
        samples = (np.asarray(bits, float)[:, ::-1], labels[::-1])
        return dimod.SampleSet.from_samples_cqm(samples, sent, num_occurrences=[1, 1, 2])

    service.answer = answer
    reads = make_solver(f"leap-{kind}").reads(model, 0)
    report = reads.report
    assert (report.reads, report.valid_reads) == ((2, 1) if kind == "bqm" else (4, 2))
    assert reads.counts.sum() == report.reads
    assert_reads(reads, model)


@pytest.mark.parametrize("kind", ["dqm"])
def test_the_answer_is_polished(service: Service, kind: str, random_model: Any) -> None:
    model = random_model([3, 3, 3], seed=3)
    worst = max(np.ndindex(3, 3, 3), key=partial(energy, model))
    service.answer = lambda sent: dimod.SampleSet.from_samples(
        ([list(worst)[::-1]], [2, 1, 0]), vartype="DISCRETE", energy=[0.0]
    )
    reads = make_solver("leap-dqm").reads(model, 0)
    expected = model.descend(np.array([worst]))
    assert reads.cases.tolist() == expected.tolist()


def test_all_states_of_the_nonlinear_solver_are_read(credentials: str, random_model: Any) -> None:
    model = random_model([4, 3, 5], seed=4)
    fake = Service("nl")
    minima = np.unique(model.descend(np.array(list(np.ndindex(4, 3, 5)))), axis=0)
    assert len(minima) > 1

    def answer(sent: Any) -> Any:
        (x,) = sent.iter_decisions()
        sent.states.resize(len(minima))
        for k, state in enumerate(minima):
            x.set_state(k, state)
        return sent.states.to_file()

    fake.answer = answer
    with mock.patch("dwave.system.samplers.leap_hybrid_sampler.Client") as client:
        client.from_config.return_value.get_solver.return_value = fake
        reads = make_solver("leap-nl").reads(model, 0)
    assert sorted(reads.cases.tolist()) == minima.tolist()


@pytest.mark.parametrize("sizes", [[3], [2, 5], [1, 4, 1, 2], [3] * 7])
def test_the_nonlinear_model_is_small_and_exact(sizes: list[int], random_model: Any) -> None:
    tables = random_model(sizes, seed=len(sizes))
    model = nonlinear_model(tables)
    assert model.num_nodes() <= 16
    assert model.num_constraints() == 0
    (x,) = model.iter_decisions()
    assert np.broadcast_to(x.upper_bound(), x.shape()).tolist() == [size - 1 for size in sizes]
    model.states.resize(1)
    for cases in np.random.default_rng(0).integers(sizes, size=(20, len(sizes))):
        x.set_state(0, cases)
        assert model.objective.state(0) == pytest.approx(energy(tables, cases))


def test_a_service_that_takes_other_problems_is_an_error(
    service: Service, kind: str, frustrated: Any
) -> None:
    service.supported_problem_types = ["other"]
    with pytest.raises(ValueError, match=f"does not support the '{kind}'"):
        make_solver(f"leap-{kind}").reads(frustrated([2, 2]), 0)


def test_a_failure_of_the_service_comes_through(
    service: Service, kind: str, frustrated: Any
) -> None:
    service.failure = ConnectionError("the line is cut")
    with pytest.raises(ConnectionError, match="the line is cut"):
        make_solver(f"leap-{kind}").reads(frustrated([2, 2]), 0)


def test_too_short_a_time_limit_is_an_error_of_the_service(
    service: Service, kind: str, frustrated: Any
) -> None:
    if kind == "nl":  # it only guarantees no such time
        pytest.skip("the nonlinear sampler takes any time limit")
    with pytest.raises(ValueError, match=r"(?i)time limit.*(at least|minimum)|minimum time limit"):
        make_solver(f"leap-{kind}", time_limit=0.01).reads(frustrated([2, 2]), 0)
    assert service.calls == 0


@pytest.mark.parametrize("wrong", [0, -1.0, float("nan"), float("inf"), "5", True])
def test_a_wrong_time_limit_is_named(kind: str, wrong: Any, credentials: str) -> None:
    with pytest.raises(SolverError, match=f"time_limit of the solver leap-{kind}") as error:
        make_solver(f"leap-{kind}", time_limit=wrong)
    assert repr(wrong) in str(error.value)


def test_making_one_contacts_nobody(kind: str, credentials: str) -> None:
    with mock.patch("dwave.system.samplers.leap_hybrid_sampler.Client") as client:
        solver: Solver = make_solver(f"leap-{kind}", time_limit=3)
    assert not client.mock_calls
    assert solver.is_costly
    assert solver.name == f"leap-{kind}"


def test_the_service_is_contacted_once(service: Service, kind: str, frustrated: Any) -> None:
    service.answer = lambda sent: best(kind, sent)
    solver = make_solver(f"leap-{kind}")
    path = "dwave.system.samplers.leap_hybrid_sampler.Client.from_config"
    with mock.patch(path, return_value=mock.Mock(get_solver=lambda: service)) as connect:
        for seed in range(3):
            solver.reads(frustrated([2, 2]), seed)
    assert connect.call_count == 1
    assert service.calls == 3


def test_a_copy_has_neither_the_connection_nor_the_token(
    service: Service, kind: str, credentials: str, frustrated: Any
) -> None:
    service.answer = lambda sent: best(kind, sent)
    solver = make_solver(f"leap-{kind}")
    model = frustrated([2, 3])
    one = solver.reads(model, 0)
    pickled = pickle.dumps(solver)
    assert credentials.encode() not in pickled
    other = pickle.loads(pickled).reads(model, 0)
    assert one.cases.tolist() == other.cases.tolist()


def test_it_says_what_it_costs(kind: str) -> None:
    info = find_solver(f"leap-{kind}")
    assert "s a call" in info.cost
    assert "max_calls" in info.cost
    assert info.packages == ("dwave.system",)
    assert info.extra == "qpu"
