"""The trial list is read once a suggestion, and again where others may have changed it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, create_trial

from qhpo import QUBOSampler
from qhpo.study import StudyIdentity, TrialReads, publish


class Counting(InMemoryStorage):
    """Counts how often the trials of a study are read."""

    n_reads = 0

    def get_all_trials(self, *arguments: Any, **named: Any) -> list[FrozenTrial]:
        self.n_reads += 1
        return super().get_all_trials(*arguments, **named)


def _objective(trial: optuna.Trial) -> float:
    return trial.suggest_float("x", 0, 1) + trial.suggest_int("n", 1, 9)


def _ask(study: optuna.Study) -> FrozenTrial:
    return study._storage.get_trial(study.ask()._trial_id)


@pytest.mark.parametrize("is_declared", [False, True])
def test_a_suggestion_reads_the_trials_once(is_declared: bool) -> None:
    storage = Counting()
    space = {
        "x": optuna.distributions.FloatDistribution(0, 1),
        "n": optuna.distributions.IntDistribution(1, 9),
    }
    sampler = QUBOSampler(space if is_declared else None, seed=0, n_startup_trials=3)
    study = optuna.create_study(storage=storage, sampler=sampler)
    study.optimize(_objective, n_trials=5)
    trial = study.ask()
    storage.n_reads = 0
    _objective(trial)
    assert storage.n_reads == 1


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study()


def test_a_read_serves_one_trial(study: optuna.Study) -> None:
    reads = TrialReads()
    first, second = _ask(study), _ask(study)
    trials = reads.for_trial(study, first)
    assert reads.for_trial(study, first) is trials
    assert reads.for_trial(study, second) is not trials


def test_a_publication_of_another_sampler_of_this_process_is_seen(study: optuna.Study) -> None:
    mine, theirs = TrialReads(), TrialReads()
    here, there = _ask(study), _ask(study)
    before = mine.for_trial(study, here)
    publish(study, there, {"x": 0.5})
    theirs.for_trial(study, there)
    theirs.since(study, there)
    after = mine.for_trial(study, here)
    assert after is not before
    assert after.all[there.number].system_attrs


def test_of_two_who_publish_at_once_the_last_sees_the_first(study: optuna.Study) -> None:
    mine, theirs = TrialReads(), TrialReads()
    here, there = _ask(study), _ask(study)
    mine.for_trial(study, here)
    theirs.for_trial(study, there)
    publish(study, there, {"x": 0.5})
    assert theirs.since(study, there) is None
    publish(study, here, {"x": 0.5})
    later = mine.since(study, here)
    assert later is not None
    assert later.all[there.number].system_attrs


def test_where_other_processes_may_be_everybody_looks(tmp_path: Path) -> None:
    study = optuna.create_study(storage=f"sqlite:///{tmp_path / 'shared.db'}")
    reads, trial = TrialReads(), _ask(study)
    reads.for_trial(study, trial)
    publish(study, trial, {"x": 0.5})
    assert reads.since(study, trial) is not None


def test_studies_are_told_apart(study: optuna.Study) -> None:
    same_storage = optuna.create_study(storage=study._storage, study_name="other")
    identity = StudyIdentity(study)
    again = optuna.load_study(storage=study._storage, study_name=study.study_name)
    assert identity.is_of(study)
    assert identity.is_of(again)
    assert not identity.is_of(same_storage)
    assert not identity.is_of(optuna.create_study())


def test_what_trials_of_another_study_asked_for_is_not_taken_over(study: optuna.Study) -> None:
    reads, other = TrialReads(), optuna.create_study()
    for high, one in enumerate((study, other, study), start=1):
        one.add_trial(
            create_trial(
                params={"x": 0.5}, distributions={"x": FloatDistribution(0, high)}, value=0.0
            )
        )
        known = reads.for_trial(one, _ask(one)).ranges.space()
        # The trials of both storages have the same identifiers.
        assert known == {"x": FloatDistribution(0, high)}
