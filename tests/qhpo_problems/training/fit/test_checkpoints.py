from pathlib import Path

import numpy as np
import optuna
import pytest
import torch

from qhpo.errors import QhpoError
from qhpo.problem import CHECKPOINTS
from qhpo_problems.training.data.digits import digits
from qhpo_problems.training.fit.checkpoints import PATH, keep, load
from qhpo_problems.training.fit.loop import error_share
from qhpo_problems.training.networks.convolution import build_cnn
from qhpo_problems.training.problems import CNN_DIGITS, cnn_config
from tests.qhpo_problems.training.trials import shorten


def study_with(folder: Path | None) -> optuna.Study:
    study = optuna.create_study(study_name="a/b c")
    if folder is not None:
        study.set_user_attr(CHECKPOINTS, str(folder))
    return study


def test_the_weights_of_a_trial_give_its_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten(monkeypatch, 2)
    study = study_with(tmp_path / "new" / "folder")
    study.sampler = optuna.samplers.RandomSampler(seed=0)
    study.optimize(CNN_DIGITS.objective(0), n_trials=2)
    split = digits(0)
    for trial in study.trials:
        model = build_cnn(cnn_config(trial.params))
        weights = load(trial.user_attrs[PATH])
        model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        assert error_share(model, split.validation) == trial.value
        assert error_share(model, split.test) == trial.user_attrs["test_error"]
    files = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert files == ["a%2Fb c-0.npz", "a%2Fb c-1.npz"]


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    trial = study_with(None).ask()
    keep(trial, {"w": np.zeros(2)})
    assert PATH not in trial.user_attrs
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_not_finished_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(file: object, **arrays: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", crash)
    trial = study_with(tmp_path).ask()
    with pytest.raises(KeyboardInterrupt):
        keep(trial, {"w": np.zeros(2)})
    assert not list(tmp_path.glob("*.npz"))
    assert PATH not in trial.user_attrs


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(QhpoError, match=r"which does not exist"):
        load(tmp_path / "gone.npz")
