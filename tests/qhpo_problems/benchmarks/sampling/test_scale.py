"""Time and memory: small studies, in processes of their own."""

from __future__ import annotations

import resource
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler

from qhpo import QUBOSampler
from qhpo.study.claims import was_run
from qhpo_problems.benchmarks import Record, Results, Task, run_suite
from qhpo_problems.benchmarks.report import to_markdown
from qhpo_problems.benchmarks.sampling import scale
from qhpo_problems.benchmarks.sampling.scale import SUITE, Case, draw_trials, measure_case

SPACE = {
    "rate": FloatDistribution(1e-3, 1.0, log=True),
    "share": FloatDistribution(-1.0, 2.0),
    "width": IntDistribution(4, 64, log=True),
    "depth": IntDistribution(1, 3),
    "kind": CategoricalDistribution(("a", "b", "c")),
}
RANDOM = partial(RandomSampler, seed=0)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> dict[str, Case]:
    """Two small cases in place of the suite's."""
    cases = {
        "few": Case("few axes", scale._mixed, 15),
        "again": Case("few axes", scale._mixed, 15, is_resumed=True),
    }
    monkeypatch.setattr(scale, "_CASES", cases)
    monkeypatch.setattr(scale, "_LEFT_OUT", {"gp": ["few"]})
    return cases


def test_drawn_trials_fill_the_space_and_count_as_run() -> None:
    trials = draw_trials(dict(SPACE), 200, seed=3)
    for trial in trials:
        assert was_run(trial)
        for name, value in trial.params.items():
            assert SPACE[name]._contains(SPACE[name].to_internal_repr(value))
    for name, distribution in SPACE.items():
        values = [trial.params[name] for trial in trials]
        if isinstance(distribution, CategoricalDistribution):
            assert set(values) == set(distribution.choices)
        else:
            low, high = distribution.low, distribution.high
            middle = np.sqrt(low * high) if distribution.log else (low + high) / 2
            assert 0.25 < np.mean(np.array(values) < middle) < 0.75
    again = draw_trials(dict(SPACE), 200, seed=3)
    assert [t.value for t in again] == [t.value for t in trials]
    assert len({trial.value for trial in trials}) == 200


def test_what_counts_is_the_first_suggestion_or_the_mean_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ticks(*durations: float) -> Callable[[], float]:
        # The clock is read at the begin of a suggestion and at its end.
        clock = iter([t for number, d in enumerate(durations) for t in (number, number + d)] + [9])
        return lambda: next(clock)

    case = Case("axes", lambda: dict(SPACE), 5)
    clock = SimpleNamespace(process_time=ticks(0.5, 0.1, 0.2, 0.3, 0.4))
    monkeypatch.setattr(scale, "time", clock)
    row = measure_case(case, 0, RANDOM)
    assert (row["first s"], row["CPU s"]) == pytest.approx((0.5, 0.25))
    assert 10 < row["MB"] < 100_000


def test_a_resumed_study_is_that_of_the_database(tmp_path: Path) -> None:
    case = Case("axes", lambda: dict(SPACE), 5, is_resumed=True)
    url = f"sqlite:///{tmp_path}/study.db"
    assert scale._fill(case, seed=1, url=url) == {}
    row = measure_case(case, 1, RANDOM, url)
    assert row["CPU s"] == row["first s"] > 0
    (name,) = optuna.get_all_study_names(url)
    study = optuna.load_study(study_name=name, storage=url)
    assert len(study.trials) == 6
    drawn = draw_trials(dict(SPACE), 5, seed=1)
    assert [t.params for t in study.trials[:5]] == [t.params for t in drawn]


def test_earlier_studies_are_as_long_as_this_one_and_all_known() -> None:
    case = Case("few axes", scale._mixed, 30, earlier=3)
    sampler = scale._knowing(case, seed=1)
    assert isinstance(sampler, QUBOSampler)
    sources = sampler._settings.sources
    assert sources is not None
    known = [source._x for _, source in sources._named]
    assert [len(x) for x in known] == [30, 30, 30]
    assert len({x.tobytes() for x in known}) == 3
    assert case.description == "few axes, 30 finished trials, after 3 studies as long"


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", ["few", "again"])
def test_a_case_has_a_process_of_its_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # What this process measures here it cannot have measured itself.
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=-1.0))
    (row,) = scale.measure_scale(Task("tpe", SUITE.methods["tpe"], name, 0, 0))
    assert set(row) == {"CPU s", "first s", "MB"}
    assert all(number is not None and number > 0 for number in row.values())


def test_what_is_measured_is_kept(tmp_path: Path) -> None:
    told: list[str] = []
    run = partial(run_suite, SUITE, ["tpe"], ["choices-2000"], seeds=[0], cache=tmp_path)
    records = run(on_run=lambda method, table, seed: told.append(table))
    assert told == ["choices-2000"]
    assert run() == records


@pytest.mark.usefixtures("small")
def test_what_is_too_much_for_a_method_is_not_measured() -> None:
    (row,) = scale.measure_scale(Task("gp", SUITE.methods["gp"], "few", 0, 0))
    assert row == {"CPU s": None, "first s": None, "MB": None}


def test_report_has_ratios_to_the_peers_that_were_measured(small: dict[str, Case]) -> None:
    seconds = {"qubo": 0.5, "tpe": 0.1, "gp": None}

    def record(method: str, table: str) -> Record:
        row = {"CPU s": seconds[method], "first s": seconds[method], "MB": 200.0}
        return Record(method, table, 0, {}, "", (row,))

    def report(*methods: str) -> str:
        records = [record(method, table) for method in methods for table in small]
        return to_markdown(SUITE, Results.of(records))

    text = report(*seconds)
    assert "few: few axes, 15 finished trials; 1 seed" in text
    assert "again: few axes, 15 finished trials, resumed from SQLite" in text
    assert "| method | CPU s | / tpe | / gp | first s | MB |" in text
    assert "| qubo | 0.500 | 5.00 | none | 0.50 | **200** |" in text
    assert "| gp | none | none | none | none | **200** |" in text
    assert "| few | 0.500 | **0.100** | none |" in text
    assert "| qubo | **0.500** | none | none | **0.50** | **200** |" in report("qubo")


def test_only_cases_of_the_suite_are_left_out() -> None:
    assert set(scale._LEFT_OUT) <= set(SUITE.methods)
    assert {name for names in scale._LEFT_OUT.values() for name in names} <= set(SUITE.tables)


@pytest.mark.parametrize("name", SUITE.tables)
def test_every_case_has_what_its_title_says(name: str) -> None:
    case = scale._CASES[name]
    space = case.space()
    (trial,) = draw_trials(space, 1, seed=0)
    assert set(trial.params) == set(space)
    assert case.description == SUITE.tables[name]
    sizes = {len(d.choices) for d in space.values() if isinstance(d, CategoricalDistribution)}
    if name in ("tens-100", "bits-1000", "choices-2000"):
        assert (len(space), sizes) == {
            "tens-100": (100, {10}),
            "bits-1000": (1_000, {2}),
            "choices-2000": (1, {2_000}),
        }[name]
    else:
        sizes_of = {"floats-20": 20, "floats-150": 150, "mixed50": 50, "mixed200": 200}
        assert len(space) == sizes_of.get(name, sizes_of.get(name.split("-")[0], 9))
