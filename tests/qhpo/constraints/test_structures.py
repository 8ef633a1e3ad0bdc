"""Subsets and permutations: parameters, constraints, round trips, samplers that know nothing."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FixedTrial, TrialState

from qhpo import QhpoError, QUBOSampler
from qhpo.constraints.structures import Permutation, Subset

Structure = Subset | Permutation


def _assignments(structure: Structure) -> list[dict[str, Any]]:
    """Every combination of values of its parameters."""
    columns = []
    for distribution in structure.search_space.values():
        assert isinstance(distribution, CategoricalDistribution)
        columns.append(distribution.choices)
    return [
        dict(zip(structure.search_space, values, strict=True))
        for values in itertools.product(*columns)
    ]


def _allowed(structure: Structure) -> list[dict[str, Any]]:
    return [
        params
        for params in _assignments(structure)
        if all(constraint.satisfied(params) for constraint in structure.constraints)
    ]


class TestSubset:
    FEATURES = Subset("features", ["age", "sex", "bmi"], k=2)

    def test_names_and_search_space(self) -> None:
        assert self.FEATURES.name == "features"
        assert self.FEATURES.items == ("age", "sex", "bmi")
        assert self.FEATURES.search_space == {
            f"features[{item}]": CategoricalDistribution((False, True))
            for item in ("age", "sex", "bmi")
        }

    def test_round_trip(self) -> None:
        for size in range(4):
            for chosen in itertools.combinations(self.FEATURES.items, size):
                # The order in which they are chosen does not matter.
                params = self.FEATURES.params(chosen[::-1])
                assert list(params) == list(self.FEATURES.search_space)
                assert self.FEATURES.read(params) == chosen
                assert self.FEATURES.suggest(FixedTrial(params)) == chosen

    def test_a_set_or_an_iterator_may_be_enqueued(self) -> None:
        expected = self.FEATURES.params(["bmi", "age"])
        assert self.FEATURES.params({"age", "bmi"}) == expected
        assert self.FEATURES.params(iter(["age", "bmi"])) == expected

    @pytest.mark.parametrize(
        ("sizes", "allowed"),
        [
            ({}, range(5)),
            ({"k": 0}, [0]),
            ({"k": 2}, [2]),
            ({"k": 4}, [4]),
            ({"k_min": 1}, [1, 2, 3, 4]),
            ({"k_max": 3}, [0, 1, 2, 3]),
            ({"k_min": 0, "k_max": 4}, range(5)),
            ({"k_min": 1, "k_max": 2}, [1, 2]),
            ({"k_min": 3, "k_max": 3}, [3]),
            ({"k_max": 0}, [0]),
        ],
        ids=str,
    )
    def test_constraints_allow_the_sizes_and_nothing_else(
        self, sizes: dict[str, int], allowed: Any
    ) -> None:
        structure = Subset("s", [1, "b", 2.5, "d"], **sizes)
        expected = [p for p in _assignments(structure) if sum(p.values()) in set(allowed)]
        assert _allowed(structure) == expected
        for constraint in structure.constraints:
            constraint.check(structure.search_space)

    @pytest.mark.parametrize(
        ("make", "parts"),
        [
            (lambda: Subset("", ["a"]), ("name", "not empty", "''")),
            (lambda: Subset(3, ["a"]), ("name", "string", "3")),  # type: ignore[arg-type]
            (lambda: Subset("s", []), ("sequence of items", "[]", "'s'")),
            (lambda: Subset("s", "abc"), ("sequence of items", "'abc'", "'s'")),
            (lambda: Subset("s", 5), ("sequence of items", "5", "'s'")),  # type: ignore[arg-type]
            # Its order differs from process to process.
            (lambda: Subset("s", {"a", "b"}), ("sequence of items", "'s'")),  # type: ignore[arg-type]
            (lambda: Subset("s", ["a", None]), ("strings or numbers", "None", "'s'")),
            (lambda: Subset("s", ["a", "b", "a"]), ("must differ", "'a', 'b', 'a'", "'s'")),
            (lambda: Subset("s", ["1", 1]), ("must differ", "'1', 1", "'s'")),
            (lambda: Subset("s", [1, True]), ("must differ", "1, True", "'s'")),
            (lambda: Subset("s", [2, 2.0]), ("must differ", "2, 2.0", "'s'")),
            (lambda: Subset("s", ["a", "b"], 1, k_max=2), ("k=1", "k_max=2", "'s'")),
            (lambda: Subset("s", ["a", "b"], 1, k_min=0), ("k=1", "k_min=0", "'s'")),
            (lambda: Subset("s", ["a", "b"], 3), ("number of items, 2", "got 3", "'s'")),
            (lambda: Subset("s", ["a", "b"], -1), ("from 0", "-1", "'s'")),
            (lambda: Subset("s", ["a", "b"], k_min=3), ("items, 2", "got 3", "'s'")),
            (lambda: Subset("s", ["a", "b"], k_max=3), ("items, 2", "got 3", "'s'")),
            (lambda: Subset("s", ["a", "b"], k_min=2, k_max=1), ("k_min", "2 and 1", "'s'")),
            (lambda: Subset("s", ["a", "b"], 1.5), ("whole number", "1.5", "'s'")),  # type: ignore[arg-type]
            (lambda: Subset("s", ["a", "b"], "one"), ("whole number", "'one'", "'s'")),  # type: ignore[arg-type]
            (lambda: Subset("s", ["a", "b"], True), ("whole number", "True", "'s'")),
            (lambda: Subset("s", ["a", "b"], k_max=2.0), ("whole number", "2.0", "'s'")),  # type: ignore[arg-type]
            (
                lambda: TestSubset.FEATURES.params(["age", "height"]),
                ("among its items", "'height'", "'features'", "'age', 'sex', 'bmi'"),
            ),
            (
                lambda: TestSubset.FEATURES.params([["age"]]),
                ("among its items", "['age']", "'features'"),
            ),
        ],
    )
    def test_a_mistake_is_named(self, make: Callable[[], object], parts: tuple[str, ...]) -> None:
        with pytest.raises(QhpoError) as error:
            make()
        message = str(error.value)
        assert [part for part in parts if part not in message] == []
        assert "\n" not in message


class TestPermutation:
    ORDER = Permutation("order", ["crop", "flip", "blur"])

    def test_names_and_search_space(self) -> None:
        assert self.ORDER.search_space == {
            f"order[{i}]": CategoricalDistribution(("crop", "flip", "blur")) for i in range(3)
        }

    def test_names_sort_by_position(self) -> None:
        names = list(Permutation("p", list(range(11))).search_space)
        assert names[0] == "p[00]"
        assert names == sorted(names)

    def test_round_trip(self) -> None:
        for order in itertools.permutations(self.ORDER.items):
            params = self.ORDER.params(order)
            assert list(params) == list(self.ORDER.search_space)
            assert self.ORDER.read(params) == order
            assert self.ORDER.suggest(FixedTrial(params)) == order

    @pytest.mark.parametrize("items", [["a", "b"], [3, 1, 2], ["x", 1.5, False, 7]], ids=str)
    def test_constraints_allow_the_orders_and_nothing_else(self, items: list[Any]) -> None:
        structure = Permutation("p", items)
        found = {tuple(params.values()) for params in _allowed(structure)}
        assert found == set(itertools.permutations(items))
        for constraint in structure.constraints:
            constraint.check(structure.search_space)

    @pytest.mark.parametrize(
        ("make", "parts"),
        [
            (lambda: Permutation("", ["a", "b"]), ("name", "not empty", "''")),
            (lambda: Permutation("p", ["a"]), ("two or more", "['a']", "'p'")),
            (lambda: Permutation("p", []), ("sequence of items", "[]", "'p'")),
            (lambda: Permutation("p", "ab"), ("sequence of items", "'ab'", "'p'")),
            (lambda: Permutation("p", None), ("sequence of items", "None", "'p'")),  # type: ignore[arg-type]
            (lambda: Permutation("p", ["a", ("b",)]), ("strings or numbers", "('b',)", "'p'")),
            (lambda: Permutation("p", ["a", "a"]), ("must differ", "'a', 'a'", "'p'")),
            (lambda: Permutation("p", [0, False]), ("must differ", "0, False", "'p'")),
            (
                lambda: TestPermutation.ORDER.params(["crop", "flip"]),
                ("every item", "'order'", "('crop', 'flip')", "'blur'"),
            ),
            (
                lambda: TestPermutation.ORDER.params(["crop", "flip", "flip"]),
                ("every item", "'order'", "'flip', 'flip'"),
            ),
            (
                lambda: TestPermutation.ORDER.params(["crop", "flip", "spin"]),
                ("every item", "'order'", "'spin'"),
            ),
        ],
    )
    def test_a_mistake_is_named(self, make: Callable[[], object], parts: tuple[str, ...]) -> None:
        with pytest.raises(QhpoError) as error:
            make()
        message = str(error.value)
        assert [part for part in parts if part not in message] == []
        assert "\n" not in message


FEATURES = Subset("features", ["age", "sex", "bmi", 4], k_min=1, k_max=3)
ORDER = Permutation("order", ["crop", "flip", 0.5])


def _objective(trial: optuna.Trial) -> float:
    chosen, order = FEATURES.suggest(trial), ORDER.suggest(trial)
    return len(chosen) + float(order[0] != "flip")


class TestOtherSamplers:
    @pytest.mark.parametrize(
        "make",
        [lambda: RandomSampler(seed=0), lambda: TPESampler(seed=0, n_startup_trials=2)],
        ids=["random", "tpe"],
    )
    def test_they_are_plain_parameters_in_a_database(
        self, make: Callable[[], BaseSampler], tmp_path: Path
    ) -> None:
        url = f"sqlite:///{tmp_path / 'study.db'}"
        study = optuna.create_study(study_name="study", storage=url, sampler=make())
        chosen, order = ("sex", 4), (0.5, "crop", "flip")
        study.enqueue_trial({**FEATURES.params(chosen), **ORDER.params(order)})
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Optuna's, about choices that cannot be stored
            study.optimize(_objective, n_trials=5)
        loaded = optuna.load_study(study_name="study", storage=url)
        assert [trial.state for trial in loaded.trials] == [TrialState.COMPLETE] * 5
        assert FEATURES.read(loaded.trials[0]) == chosen
        assert ORDER.read(loaded.trials[0]) == order
        assert all(len(ORDER.read(trial)) == 3 for trial in loaded.trials)

    def test_qubo_sampler_keeps_them(self) -> None:
        sampler = QUBOSampler(
            {**FEATURES.search_space, **ORDER.search_space},
            constraints=[*FEATURES.constraints, *ORDER.constraints],
            seed=0,
            n_startup_trials=4,
        )
        study = optuna.create_study(sampler=sampler)
        study.enqueue_trial(ORDER.params(("flip", 0.5, "crop")))
        study.optimize(_objective, n_trials=12)
        assert ORDER.read(study.trials[0]) == ("flip", 0.5, "crop")
        for trial in study.trials:
            assert 1 <= len(FEATURES.read(trial)) <= 3
            assert set(ORDER.read(trial)) == {"crop", "flip", 0.5}
        assert len({(FEATURES.read(t), ORDER.read(t)) for t in study.trials}) == 12
