"""Trials in every state as arrays, and what running trials tell each other."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.storages import InMemoryStorage
from optuna.trial import BaseTrial, FrozenTrial, TrialState

from qhpo.history import History
from qhpo.space import Space
from qhpo.study import (
    HistoryReader,
    Trials,
    begin,
    measured_constraints,
    publish,
    published_params,
    set_constraint,
)

DISTRIBUTIONS: dict[str, BaseDistribution] = {
    "kind": CategoricalDistribution(["a", "b", None]),
    "x": FloatDistribution(0.0, 10.0),
}


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study()


def _add(study: optuna.Study, x: float, value: float | None = None, **arguments: Any) -> None:
    study.add_trial(
        optuna.create_trial(
            params={"kind": "b", "x": x}, distributions=DISTRIBUTIONS, value=value, **arguments
        )
    )


def _start(study: optuna.Study) -> FrozenTrial:
    trial = study.ask()
    return study._storage.get_trial(trial._trial_id)


def _read(study: optuna.Study, current: FrozenTrial | None = None) -> History:
    current = current or _start(study)
    return HistoryReader(Space(DISTRIBUTIONS)).history(Trials(study), current)


class TestStates:
    def test_nothing_yet(self, study: optuna.Study) -> None:
        history = _read(study)
        assert history.coordinates.shape == history.avoid.shape == (0, 2)
        assert history.pending.shape == (0, 2)
        assert history.values.shape == (0,)

    def test_complete_trials_are_learnt_and_avoided(self, study: optuna.Study) -> None:
        for x, value in ((1.0, 3.0), (2.0, -1.0), (4.0, math.inf)):
            _add(study, x, value)
        history = _read(study)
        np.testing.assert_allclose(history.coordinates, [[1, 0.1], [1, 0.2], [1, 0.4]])
        assert history.values.tolist() == [3.0, -1.0, math.inf]
        np.testing.assert_array_equal(history.avoid, history.coordinates)

    def test_a_maximized_value_is_negated(self) -> None:
        study = optuna.create_study(direction="maximize")
        _add(study, 1.0, 3.0)
        _add(study, 2.0, -math.inf)
        assert _read(study).values.tolist() == [-3.0, math.inf]

    def test_failed_trials_teach_where_trials_fail_and_are_avoided(
        self, study: optuna.Study
    ) -> None:
        _add(study, 1.0, state=TrialState.FAIL)
        _add(study, 2.0, 0.0)
        history = _read(study)
        assert history.values.shape == (1,)
        np.testing.assert_allclose(history.avoid, [[1, 0.1], [1, 0.2]])
        assert history.failures is not None
        np.testing.assert_allclose(history.failures.coordinates, [[1, 0.1], [1, 0.2]])
        assert history.failures.values.tolist() == [1.0, -1.0]

    def test_waiting_trials_are_neither(self, study: optuna.Study) -> None:
        current = _start(study)
        study.enqueue_trial({"kind": "a", "x": 3.0})
        history = _read(study, current)
        assert len(history.avoid) == len(history.pending) == 0

    @pytest.mark.parametrize(
        ("direction", "report", "expected"),
        [("minimize", 9.0, 9.0), ("minimize", 0.5, 2.0), ("maximize", 0.5, -0.5)],
    )
    def test_a_pruned_trial_counts_with_its_last_report_but_not_as_a_good_one(
        self, direction: str, report: float, expected: float
    ) -> None:
        study = optuna.create_study(direction=direction)
        for x, value in ((1.0, 1.0), (2.0, 2.0), (3.0, 4.0)):
            _add(study, x, value)
        reports = {0: -100.0, 7: report, 3: 100.0}
        _add(study, 5.0, state=TrialState.PRUNED, intermediate_values=reports)
        assert _read(study).values[-1] == expected

    def test_a_pruned_trial_alone_counts_with_its_report(self, study: optuna.Study) -> None:
        _add(study, 5.0, state=TrialState.PRUNED, intermediate_values={1: 0.25})
        assert _read(study).values.tolist() == [0.25]

    @pytest.mark.parametrize("reports", [{}, {0: math.nan}])
    def test_a_pruned_trial_without_a_report_counts_as_failed(
        self, study: optuna.Study, reports: dict[int, float]
    ) -> None:
        _add(study, 5.0, state=TrialState.PRUNED, intermediate_values=reports)
        history = _read(study)
        assert len(history.values) == 0
        assert len(history.avoid) == 1
        assert history.failures is not None
        assert history.failures.values.tolist() == [1.0]

    def test_the_order_is_that_of_completion(self, study: optuna.Study) -> None:
        trials = [study.ask(DISTRIBUTIONS) for _ in range(3)]
        for value, number in enumerate((2, 0, 1)):
            study.tell(trials[number], float(value))
        assert _read(study).values.tolist() == [0.0, 1.0, 2.0]

    def test_an_absent_parameter_is_nan(self, study: optuna.Study) -> None:
        only = {"x": DISTRIBUTIONS["x"]}
        study.add_trial(optuna.create_trial(params={"x": 5.0}, distributions=only, value=1.0))
        np.testing.assert_array_equal(_read(study).coordinates, [[math.nan, 0.5]])

    def test_trials_outside_the_space_are_left_out(self, study: optuna.Study) -> None:
        for name, high, value in (("x", 99.0, 50.0), ("other", 1.0, 0.5)):
            wide: dict[str, BaseDistribution] = {name: FloatDistribution(0, high)}
            study.add_trial(
                optuna.create_trial(params={name: value}, distributions=wide, value=1.0)
            )
        history = _read(study)
        assert len(history.values) == len(history.avoid) == 0

    def test_what_a_reader_remembers_changes_nothing(self, study: optuna.Study) -> None:
        reader = HistoryReader(Space(DISTRIBUTIONS))
        for x in (1.0, 2.0, 3.0):
            _add(study, x, -x)
            current = _start(study)
            again, fresh = reader.history(Trials(study), current), _read(study, current)
            np.testing.assert_array_equal(again.coordinates, fresh.coordinates)
            np.testing.assert_array_equal(again.values, fresh.values)
            np.testing.assert_array_equal(again.avoid, fresh.avoid)

    def test_nor_does_it_where_values_change_with_weights(self) -> None:
        study = optuna.create_study(directions=["minimize", "maximize"])
        for x in (1.0, 4.0, 7.0):
            _add(study, x, values=[x, x * x])
        reader, trials = HistoryReader(Space(DISTRIBUTIONS)), Trials(study)
        seen = set()
        for share in (0.2, 0.9, 0.2):
            weights = np.array([share, 1 - share])
            values = reader.history(trials, None, weights).values
            fresh = HistoryReader(Space(DISTRIBUTIONS)).history(trials, None, weights).values
            np.testing.assert_array_equal(values, fresh)
            seen.add(tuple(values))
        assert len(seen) == 2

    def test_nor_where_a_median_rises_under_a_pruned_trial(self, study: optuna.Study) -> None:
        _add(study, 1.0, state=TrialState.PRUNED, intermediate_values={0: 2.0})
        reader = HistoryReader(Space(DISTRIBUTIONS))
        for value, expected in ((1.0, 2.0), (5.0, 2.0), (6.0, 5.0)):
            _add(study, 2.0, value)
            assert reader.history(Trials(study), None).values[0] == expected


class TestOutcomes:
    def test_constraints_of_both_ways_to_measure_them(self, study: optuna.Study) -> None:
        _add(study, 1.0, 0.0, constraints={"size": 2.0})
        _add(study, 2.0, 0.0, constraints={"size": -2.0, "time": math.inf})
        _add(study, 3.0, 0.0, system_attrs={"constraints": [-1.0]})
        _add(study, 4.0, 0.0)
        history = _read(study)
        found = [(o.coordinates[:, 1].tolist(), o.values.tolist()) for o in history.constraints]
        assert found == [([0.1, 0.2], [2.0, -2.0]), ([0.2], [math.inf]), ([0.3], [-1.0])]
        assert history.is_feasible is not None
        assert history.is_feasible.tolist() == [False, False, True, True]
        assert [o.is_broken for o in history.constraints] == [True, True, False]
        assert history.failures is None

    def test_what_optuna_4_has_no_method_for(
        self, study: optuna.Study, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for kind in optuna.Trial, BaseTrial:
            monkeypatch.delattr(kind, "set_constraint")
        trial = study.ask()
        found = {"size": -1.0, "time": 2.0}
        for name, value in found.items():
            set_constraint(trial, name, value)
        (stored,) = study.get_trials()
        assert measured_constraints(stored) == found
        # Samplers and `Study.best_trial` of Optuna 4 read the list, Optuna 5 finds the names.
        assert stored.system_attrs["constraints"] == [-1.0, 2.0]
        assert found.items() <= stored.constraints.items()

    def test_what_failed_trials_measured_counts(self, study: optuna.Study) -> None:
        _add(study, 1.0, state=TrialState.FAIL, constraints={"size": 2.0})
        (size,) = _read(study).constraints
        assert size.values.tolist() == [2.0]

    def test_a_pruned_trial_that_did_not_come_to_its_constraints_is_no_incumbent(
        self, study: optuna.Study
    ) -> None:
        pruned = {"state": TrialState.PRUNED, "intermediate_values": {0: 1.0}}
        _add(study, 1.0, 0.0, constraints={"size": -2.0})
        assert _read(study).is_feasible is None
        _add(study, 2.0, constraints={"size": -1.0}, **pruned)
        _add(study, 3.0, **pruned)
        feasible = _read(study).is_feasible
        assert feasible is not None
        assert feasible.tolist() == [True, True, False]

    def test_a_trial_that_failed_early_has_what_it_was_to_use(self, study: optuna.Study) -> None:
        study.enqueue_trial({"kind": "b"})
        trial = study.ask()
        publish(study, study._storage.get_trial(trial._trial_id), {"kind": 1, "x": 7.0})
        trial.suggest_categorical("kind", ["a", "b", None])
        study.tell(trial, state=TrialState.FAIL)
        history = _read(study)
        assert history.failures is not None
        np.testing.assert_allclose(history.failures.coordinates, [[1, 0.7]])
        np.testing.assert_allclose(history.avoid, [[1, math.nan], [1, 0.7]])

    def test_a_trial_that_failed_before_it_asked_for_anything_teaches_nothing(
        self, study: optuna.Study
    ) -> None:
        trial = study.ask()
        publish(study, study._storage.get_trial(trial._trial_id), {"kind": 1, "x": 7.0})
        study.tell(trial, state=TrialState.FAIL)
        history = _read(study)
        assert history.failures is None
        assert len(history.avoid) == 0


class TestRunningThatReport:
    """What a running trial has reported tells its end, where finished trials show how that goes."""

    STEPS = 8

    def _values(self, x: float, sign: float = 1.0) -> dict[int, float]:
        """Reports of a training that halves what is left of its error again and again."""
        return {step: sign * (x + 8.0 / 2.0**step) for step in range(self.STEPS)}

    def _finish(
        self, study: optuna.Study, returned: float | None = None, sign: float = 1.0
    ) -> None:
        for x in (1.0, 2.0, 4.0, 6.0, 9.0):
            reports = self._values(x, sign)
            value = reports[self.STEPS - 1] if returned is None else returned + x
            _add(study, x, value, intermediate_values=reports)

    def _running(
        self, study: optuna.Study, x: float, reports: dict[int, float]
    ) -> tuple[optuna.Trial, FrozenTrial]:
        """One that is running, and one that asks beside it."""
        trial = study.ask()
        publish(study, study._storage.get_trial(trial._trial_id), {"kind": 1, "x": x})
        for step, value in reports.items():
            trial.report(value, step)
        return trial, _start(study)

    @pytest.mark.parametrize(("direction", "sign"), [("minimize", 1.0), ("maximize", -1.0)])
    def test_they_count_with_what_they_will_end_with(self, direction: str, sign: float) -> None:
        study = optuna.create_study(direction=direction)
        self._finish(study, sign=sign)
        reports = self._values(5.0, sign)
        _, current = self._running(study, 5.0, {step: reports[step] for step in range(4)})
        history = _read(study, current)
        end = sign * reports[self.STEPS - 1]
        assert history.n_running == 1
        assert history.n_tried == history.n_finished == 5
        assert len(history.pending) == 0
        np.testing.assert_allclose(history.coordinates[-1], [1, 0.5])
        np.testing.assert_allclose(history.avoid[-1], [1, 0.5])
        # The last report is 1 worse than the end.
        assert abs(history.values[-1] - end) < 0.3

    def test_what_they_report_next_counts(self, study: optuna.Study) -> None:
        self._finish(study)
        reports = self._values(5.0)
        trial, current = self._running(study, 5.0, {0: reports[0]})
        reader = HistoryReader(Space(DISTRIBUTIONS))
        before = reader.history(Trials(study), current).values[-1]
        for step in range(1, 6):
            trial.report(3.0 + reports[step], step)
        after = reader.history(Trials(study), current).values[-1]
        assert after > before + 1.5
        assert after == _read(study, current).values[-1]

    def test_none_is_better_than_the_best_before_it_has_ended(self, study: optuna.Study) -> None:
        self._finish(study)
        reports = {step: value - 4.0 for step, value in self._values(2.0).items()}
        _, current = self._running(study, 3.0, reports)
        history = _read(study, current)
        assert history.values[-1] == history.values[:-1].min()

    @pytest.mark.parametrize("reports", [{}, {0: math.nan}, {0: 9.0, 1: math.nan}])
    def test_those_that_have_said_nothing_are_pending(
        self, study: optuna.Study, reports: dict[int, float]
    ) -> None:
        self._finish(study)
        _, current = self._running(study, 5.0, reports)
        history = _read(study, current)
        assert history.n_running == 0
        np.testing.assert_allclose(history.pending, [[1, 0.5]])

    def test_nor_does_it_say_anything_where_values_are_in_another_unit(
        self, study: optuna.Study
    ) -> None:
        self._finish(study, returned=100.0)
        _, current = self._running(study, 5.0, self._values(5.0))
        assert _read(study, current).n_running == 0

    def test_nor_before_a_trial_is_complete(self, study: optuna.Study) -> None:
        _, current = self._running(study, 5.0, self._values(5.0))
        history = _read(study, current)
        assert len(history.values) == 0
        assert len(history.pending) == 1

    def test_they_have_neither_failed_nor_kept_anything_yet(self, study: optuna.Study) -> None:
        self._finish(study)
        _add(study, 8.0, 8.0, constraints={"size": -1.0})
        _add(study, 7.0, state=TrialState.FAIL)
        _, current = self._running(study, 5.0, self._values(5.0))
        history = _read(study, current)
        assert history.is_feasible is not None
        assert history.is_feasible.tolist() == [True] * 6 + [False]
        assert history.failures is not None
        assert len(history.failures.values) == history.n_tried == 7

    def test_one_that_is_cut_off_is_not_running(self, study: optuna.Study) -> None:
        self._finish(study)
        trial, current = self._running(study, 5.0, self._values(5.0))
        begin(study, study._storage.get_trial(trial._trial_id))
        study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        history = _read(study, current)
        assert history.n_running == len(history.pending) == 0
        assert len(history.begun) == 1


class TestRunning:
    def test_published_configurations_are_pending_and_avoided(self, study: optuna.Study) -> None:
        other, current = _start(study), _start(study)
        publish(study, other, {"kind": 2, "x": 2.5})
        history = _read(study, current)
        np.testing.assert_allclose(history.pending, [[2, 0.25]])
        np.testing.assert_allclose(history.avoid, [[2, 0.25]])

    def test_a_trial_does_not_see_itself(self, study: optuna.Study) -> None:
        current = _start(study)
        publish(study, current, {"kind": 0, "x": 2.5})
        assert len(_read(study, current).avoid) == 0

    def test_unpublished_ones_are_unknown(self, study: optuna.Study) -> None:
        study.enqueue_trial({"x": 7.0})
        _, current = _start(study), _start(study)
        assert len(_read(study, current).avoid) == 0

    def test_what_a_publication_leaves_out_is_inactive(self, study: optuna.Study) -> None:
        other, current = _start(study), _start(study)
        publish(study, other, {"kind": 0})
        (avoid,) = _read(study, current).avoid
        assert Space(DISTRIBUTIONS).decode(avoid) == {"kind": "a"}

    def test_what_was_asked_for_overrides_what_was_published(self, study: optuna.Study) -> None:
        study.enqueue_trial({"x": 7.0})
        trial = study.ask()
        publish(study, study._storage.get_trial(trial._trial_id), {"kind": 0, "x": 1.0})

        def params() -> dict[str, Any]:
            return published_params(study._storage.get_trial(trial._trial_id), DISTRIBUTIONS)

        assert params() == {"kind": "a", "x": 7.0}
        trial.suggest_categorical("kind", ["a", "b", None])
        assert params() == {**trial.params, "x": 7.0}

    @pytest.mark.parametrize("n_params", [0, 1, 150, 1000])
    def test_publications_of_any_length_are_read_back(
        self, study: optuna.Study, n_params: int
    ) -> None:
        params = {f"name ü🎛 {i}": i / 7 for i in range(n_params)}
        space: dict[str, BaseDistribution] = {
            name: FloatDistribution(0, 1000) for name in (*params, "x")
        }
        trial = _start(study)
        # A second publication may be longer or shorter than the first.
        for published in (params, {"x": 1.0}, params, {}):
            publish(study, trial, published)
            assert published_params(study._storage.get_trial(trial._trial_id), space) == published

    @pytest.mark.parametrize("name", ["x{}", 'quoted "{}"', "back\\slash {}", "ü🎛 {}", "\n\t{}"])
    def test_every_attribute_fits_into_an_old_database(
        self, study: optuna.Study, name: str
    ) -> None:
        trial = _start(study)
        publish(study, trial, {name.format(i): i / 7 for i in range(500)})
        attributes = study._storage.get_trial(trial._trial_id).system_attrs
        assert len(attributes) > 1
        assert max(len(json.dumps(text)) for text in attributes.values()) <= 2046

    def test_publications_of_longer_chunks_are_still_read(self, study: optuna.Study) -> None:
        trial = _start(study)
        text = json.dumps({**{f"old {i:03}": i for i in range(400)}, "x": 2.5})
        for i in range(0, len(text), 2000):
            key = f"qhpo:params:{i // 2000}"
            study._storage.set_trial_system_attr(trial._trial_id, key, text[i : i + 2000])
        trial = study._storage.get_trial(trial._trial_id)
        assert published_params(trial, DISTRIBUTIONS) == {"x": 2.5}

    @pytest.mark.parametrize("written_first", [1, 2])
    @pytest.mark.parametrize("before", [None, {f"old {i:03}": i for i in range(400)}])
    def test_a_publication_that_is_only_half_there_disturbs_nobody(
        self, written_first: int, before: dict[str, int] | None
    ) -> None:
        class Interrupted(InMemoryStorage):
            """Another process reads while a long publication is being written."""

            left = 10**9

            def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
                if self.left == 0:
                    raise InterruptedError
                self.left -= 1
                super().set_trial_system_attr(trial_id, key, value)

        storage = Interrupted()
        study = optuna.create_study(storage=storage)
        other, current = _start(study), _start(study)
        if before is not None:
            publish(study, other, before)
        storage.left = written_first
        with pytest.raises(InterruptedError):
            publish(study, other, {f"parameter {i:03}": i / 7 for i in range(400)})
        assert len(_read(study, current).pending) == 0
