"""Labels: a bijection that differs from seed to seed, under which values stay what they are."""

from __future__ import annotations

from itertools import product

import numpy as np
import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.trial import FixedTrial

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.sampling.combinatorial.labs import Labs
from qhpo_problems.benchmarks.sampling.combinatorial.relabelled import (
    KNOWN,
    Known,
    Relabelled,
    load_relabelled,
)
from qhpo_problems.benchmarks.sampling.pest_control import PestControl


def test_every_configuration_stands_for_one_solution() -> None:
    problem = Relabelled("pests", Known(PestControl(3), "333", False), seed=5)
    choices = list(product(range(5), repeat=3))
    solutions = [
        problem.suggest(FixedTrial({f"x{i}": choice for i, choice in enumerate(chosen)}))
        for chosen in choices
    ]
    assert sorted(solutions) == choices
    assert solutions != choices


def test_the_optimum_stays_the_optimum() -> None:
    plain = Labs(9)
    values = [plain.value(levels) for levels in product((0, 1), repeat=9)]
    best = next(
        levels for levels in product((0, 1), repeat=9) if plain.value(levels) == min(values)
    )
    for seed in range(4):
        problem = Relabelled("labs", Known(plain, "".join(map(str, best)), True), seed)
        found = [
            problem.value(problem.suggest(FixedTrial({f"x{i}": bit for i, bit in enumerate(bits)})))
            for bits in product((0, 1), repeat=9)
        ]
        assert min(found) == problem.optimum == pytest.approx(min(values))
        assert sorted(found) == pytest.approx(sorted(values))


@pytest.mark.parametrize("name", KNOWN)
def test_a_seed_is_a_relabelling_and_no_other_problem(name: str) -> None:
    one, other = load_relabelled(name, 1), load_relabelled(name, 2)
    assert one.levels == Relabelled(name, KNOWN[name], 1).levels != other.levels
    assert (one.optimum, one.reference) == (other.optimum, other.reference)
    assert one.optimum < one.reference
    # No level is everywhere at the same choice.
    assert len({levels.index(0) for levels in one.levels}) == max(KNOWN[name].problem.sizes)


@pytest.mark.parametrize("name", KNOWN)
def test_nothing_near_the_best_known_is_better(name: str) -> None:
    problem, known = load_relabelled(name, 0), KNOWN[name]
    best = tuple(map(int, known.best))
    assert len(best) == len(known.problem.sizes)
    assert problem.gap(problem.value(best)) == 0.0
    changed = [
        (*best[:i], level, *best[i + 1 :])
        for i, size in enumerate(known.problem.sizes)
        for level in range(size)
    ]
    assert min(map(problem.value, changed)) == problem.optimum


def test_half_of_all_random_configurations_are_below_the_reference() -> None:
    problem = load_relabelled("labs-50", 3)
    drawn = np.random.default_rng(7).integers(2, size=(1000, 50)).tolist()
    below = np.mean([problem.value(tuple(levels)) <= problem.reference for levels in drawn])
    assert below == pytest.approx(0.5, abs=0.12)


def test_what_is_declared_is_what_a_trial_is_asked_for() -> None:
    for name in KNOWN:
        problem = load_relabelled(name, 0)
        trial = optuna.create_study(sampler=RandomSampler(0)).ask()
        problem.suggest(trial)
        assert problem.declaration().search_space == trial.distributions


def test_unknown_problem_names_the_known() -> None:
    with pytest.raises(QhpoError, match=r"one of: contamination, .*, pest-control; got 'sat'"):
        load_relabelled("sat", 0)
