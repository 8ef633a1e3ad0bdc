"""Under noise a run is judged by the truth about what its method recommends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial

from qhpo_problems.benchmarks import Results, run_suite
from qhpo_problems.benchmarks.report import to_markdown
from qhpo_problems.benchmarks.sampling.methods import Told
from qhpo_problems.benchmarks.sampling.noisy import SUITE
from qhpo_problems.benchmarks.sampling.tables import SUITE as TABLES
from qhpo_problems.benchmarks.sampling.tabular import (
    NoisyTable,
    TabularBenchmark,
    load_noisy_table,
    load_table,
)
from qhpo_problems.benchmarks.sampling.trials import reached, run_recommended
from qhpo_problems.benchmarks.store import Record

RANDOM = Told(RandomSampler)
Sheets = Callable[..., dict[str, dict[str, dict[str, Any]]]]


@pytest.fixture
def noisy(table: TabularBenchmark) -> NoisyTable:
    """The small table, whose answers are its values and numbers far above and below."""
    answers = [[value - 100.0, value, value + 100.0] for value in table.values.ravel()]
    return NoisyTable(table.name, table.family, table.search_space, table.values, answers)


class Watched(RandomSampler):
    """Random, and keeps what its trials were told."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.told: list[tuple[dict[str, Any], float]] = []

    def after_trial(self, study: Any, trial: FrozenTrial, state: Any, values: Any) -> None:
        self.told.append((trial.params, values[0]))


def _last(study: optuna.Study, sampler: BaseSampler) -> FrozenTrial:
    return study.get_trials()[-1]


def test_the_score_is_the_truth_about_the_recommendation(noisy: NoisyTable) -> None:
    samplers: list[Watched] = []

    def factory(seed: int) -> BaseSampler:
        samplers.append(Watched(seed))
        return samplers[-1]

    luckiest, last = (
        run_recommended(noisy, method, seed=3, trials=30)
        for method in (Told(factory), Told(factory, _last))
    )
    told = samplers[0].told
    assert told == samplers[1].told
    for rows, choose in ((luckiest, min), (last, lambda seen, key: seen[-1])):
        for row in rows:
            params, answer = choose(told[: int(row["trials"] or 0)], key=lambda entry: entry[1])
            truth = noisy.values[params["number"], "abc".index(params["category"])]
            assert row["gap"] == noisy.gap(truth)
            assert truth in (answer - 100, answer, answer + 100)
    assert [row["trials"] for row in luckiest] == [25, 30]
    assert luckiest[-1]["repeated"] == 30 - len({str(params) for params, _ in told})
    assert luckiest != last


def test_what_is_recommended_may_ask_the_sampler(noisy: NoisyTable) -> None:
    asked: list[BaseSampler] = []

    def recommend(study: optuna.Study, sampler: BaseSampler) -> FrozenTrial:
        asked.append(sampler)
        return study.best_trial

    run_recommended(noisy, Told(RandomSampler, recommend), seed=0, trials=26)
    assert [type(sampler) for sampler in asked] == [RandomSampler] * 2


def test_methods_with_the_same_seed_meet_the_same_noise(noisy: NoisyTable) -> None:
    class Fixed(Watched):
        """Always the same configuration."""

        def sample_independent(self, study: Any, trial: Any, name: str, dist: Any) -> Any:
            return 0 if name == "number" else "a"

    answers = []
    for seed in (1, 1, 2):
        sampler = Fixed(seed)
        run_recommended(noisy, Told(lambda _, made=sampler: made), seed=seed, trials=20)
        answers.append([answer for _, answer in sampler.told])
    first, again, other = answers
    assert first == again != other
    assert len(set(first)) == 3


def test_a_score_does_not_depend_on_the_run_s_own_answers(noisy: NoisyTable) -> None:
    shifted = NoisyTable(
        noisy.name,
        noisy.family,
        noisy.search_space,
        noisy.values,
        [[answer + 7.0 for answer in answers] for answers in noisy.answers],
    )
    one, other = (run_recommended(b, RANDOM, seed=5, trials=12) for b in (noisy, shifted))
    assert [row["gap"] for row in one] == [row["gap"] for row in other]


@pytest.mark.parametrize("name", ["car", "naval_propulsion", "cifar10"])
def test_noisy_tables_answer_with_the_seeds_whose_mean_is_the_value(name: str) -> None:
    table, noisy = load_table(name), load_noisy_table(name)
    assert noisy.values is not table.values
    assert np.array_equal(noisy.values, table.values)
    means = [sum(answers) / len(answers) for answers in noisy.answers]
    assert means == pytest.approx(table.values.ravel(), rel=1e-9)
    rng = np.random.default_rng(0)
    position = tuple(int(rng.integers(levels)) for levels in table.values.shape)
    cell = int(np.ravel_multi_index(position, table.values.shape))
    seen = {noisy.answer(position, rng) for _ in range(60)}
    assert seen == set(noisy.answers[cell])


@pytest.mark.parametrize(
    ("trials", "expected"), [(5, [5]), (16, [16]), (17, [16, 17]), (100, [16, 32, 64, 100])]
)
def test_points_are_the_checkpoints_and_the_end(trials: int, expected: list[int]) -> None:
    assert reached((16, 32, 64, 100), trials) == expected
    assert SUITE.settings is not None
    assert SUITE.settings("tree-wine", trials) == [str(number) for number in expected]


def _record(method: str, seed: int, gaps: list[float]) -> Record:
    rows = tuple(
        {"trials": trials, "gap": gap, "repeated": row, "cpu_seconds": 0.1 * row}
        for row, (trials, gap) in enumerate(zip((16, 32), gaps, strict=True))
    )
    return Record(method, "tree-wine", seed, {"optuna": "1.0"}, "f00d", rows)


def test_reports_hold_scores_and_paired_differences(sheets: Sheets) -> None:
    records = [
        _record("qubo", 0, [0.5, 0.2]),
        _record("qubo", 1, [0.7, -0.2]),
        _record("tpe", 0, [0.6, 0.3]),
        _record("tpe", 1, [0.8, 0.1]),
    ]
    scores, behind, ranks, last = sheets(SUITE, records).values()
    assert scores["tpe"] == pytest.approx(
        {"score @16": 0.7, "score @16 ±": 0.1, "score @32": 0.2, "score @32 ±": 0.1}
    )
    # Differences of 0.1 and 0.1, then of 0.1 and 0.3.
    assert behind["tpe"] == pytest.approx(
        {"behind @16": 0.1, "behind @16 ±": 0.0, "behind @32": 0.2, "behind @32 ±": 0.1}
    )
    assert ranks["qubo"] == {"rank @16": 1.0, "rank @32": 1.0}
    assert last["tpe"] == {"repeats": 2, "mean CPU s": 0.1}
    assert "1 table, 2 seeds, 32 trials" in to_markdown(SUITE, Results.of(records))


def test_noisy_tables_stand_beside_the_tables() -> None:
    noisy = TABLES.with_noise
    assert noisy is not None
    assert (noisy.name, noisy.tables, noisy.reporting) == (
        "tables --noise",
        TABLES.tables,
        TABLES.reporting,
    )
    assert set(noisy.methods) == set(TABLES.methods)


def test_finished_runs_are_not_made_again(tmp_path: Path, made: list[tuple[str, str, int]]) -> None:
    assert TABLES.with_noise is not None
    options: dict[str, Any] = {"seeds": [0, 1], "trials": 27, "cache": tmp_path}
    records = run_suite(TABLES.with_noise, ["random"], ["car"], **options)
    assert made == [("random", "car", 0), ("random", "car", 1)]
    assert [[row["trials"] for row in record.rows] for record in records] == [[25, 27]] * 2
    assert run_suite(TABLES.with_noise, ["random"], ["car"], **options) == records
    # The table without noise has runs of its own.
    run_suite(TABLES, ["random"], ["car"], **options)
    assert len(made) == 4
