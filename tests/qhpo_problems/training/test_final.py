"""What `qhpo train` keeps of a search: a model that learnt from all data, and can be loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from optuna.trial import FrozenTrial

from qhpo.errors import QhpoError
from qhpo.problem import load_problem, suggest
from qhpo_problems.training.fit.models import load_model
from qhpo_problems.training.fit.settings import suggest_settings
from qhpo_problems.training.fit.split import Part, Split
from qhpo_problems.training.fit.training import FinalTraining

# Examples of all parts of the data; windows of chaos are of all trajectories: 30 + 48.
EXAMPLES = {
    "cnn-digits": 1797,
    "cnn-physio": 1833,
    "rnn-dynamics": 78 * 12,
    "rnn-mackey-glass": 78 * 12,
    "rnn-stocks": 4 * (123 - 4) + 68 - 4,
    "rnn-vowels": 640,
    "transformer-text": None,
    "vqc-hybrid": 1797,
}
WINDOW = {"rnn-dynamics": 20, "rnn-mackey-glass": 20}


def finished(name: str) -> FrozenTrial:
    """A trial that was best after its second epoch."""
    trainer = load_problem(name).train
    assert isinstance(trainer, FinalTraining)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    if name in WINDOW:
        study.enqueue_trial({"window": WINDOW[name]})
    trial = study.ask()
    suggest(trial, trainer.training.space, trainer.training.conditions)
    suggest_settings(trial, 1)
    for epoch, error in enumerate((0.5, 0.25, 0.25, 0.75), 1):
        trial.report(error, epoch)
    study.tell(trial, 0.25)
    return study.trials[0]


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_model_is_kept_and_loaded(name: str, tmp_path: Path) -> None:
    trial = finished(name)
    trainer = load_problem(name).train
    assert isinstance(trainer, FinalTraining)

    told = trainer(trial, 3, tmp_path)

    record = json.loads((tmp_path / "model.json").read_text())
    assert (record["problem"], record["seed"], record["params"]) == (name, 3, trial.params)
    assert record["epochs"] == told["epochs"] == 2
    if EXAMPLES[name] is not None:
        assert record["examples"] == EXAMPLES[name]
    model = load_model(tmp_path)
    assert not model.training
    kept = torch.load(tmp_path / "weights.pt", weights_only=True)
    untrained = trainer.build(trial.params, 3).state_dict()
    state = model.state_dict()
    assert state.keys() == kept.keys() == untrained.keys()
    assert all(torch.equal(state[key], kept[key]) for key in kept)
    assert any(not torch.equal(state[key], untrained[key]) for key in kept)
    own = {key: trial.params[key] for key in trainer.training.space if key in trial.params}
    inputs = trainer.training.prepare(3)(own).whole.part.inputs[:5]
    with torch.inference_mode():
        assert torch.isfinite(model(inputs)).all()
    if name == "cnn-digits":
        count = sum(p.numel() for p in model.parameters())
        assert count == told["parameters"]
        again = tmp_path / "again"
        again.mkdir()
        trainer(trial, 3, again)
        assert all(torch.equal(v, kept[k]) for k, v in load_model(again).state_dict().items())


def test_a_controller_is_kept(tmp_path: Path) -> None:
    problem = load_problem("controller-cartpole")
    assert problem.train is not None
    params = {
        "layers": 1,
        "units_1": 4,
        "activation": "tanh",
        "max_force": 10,
        "levels": 3,
        "interval": 4,
        "population": 8,
        "seconds": 1.0,
        "deviation": 0.1,
        "learning_rate": 0.1,
        "push": 0.0,
        "noise": 0.0,
        "force_weight": 0.1,
        "angle_weight": 0.5,
        "position_weight": 0.5,
    }
    study = optuna.create_study(directions=problem.directions)
    study.enqueue_trial(params)
    study.optimize(problem.objective(0), n_trials=1)
    trial = study.trials[0]

    told = problem.train(trial, 0, tmp_path)

    weights = np.load(tmp_path / "weights.npz")["weights"]
    assert told["weights"] == len(weights) == trial.user_attrs["weights"]
    # The lines that load it are run as they stand.
    lines = json.loads((tmp_path / "model.json").read_text())["load"]
    code = "\n".join([*lines, "print(config.max_force, len(weights))"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["10", str(len(weights))]


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(QhpoError, match="a folder that `qhpo train` made"):
        load_model(tmp_path)
    (tmp_path / "model.json").write_text('{"problem": "cnn-digits"}')
    with pytest.raises(QhpoError, match="a folder that `qhpo train` made"):
        load_model(tmp_path)


def test_parts_are_joined() -> None:
    def part(n: int, steps: int) -> Part:
        return Part(torch.ones(n, steps, 2), torch.arange(n))

    joined = Split(part(2, 3), part(1, 5), part(4, 4)).joined()

    assert joined.inputs.shape == (7, 5, 2)
    assert joined.targets.tolist() == [0, 1, 0, 0, 1, 2, 3]
    assert joined.inputs.sum(dim=(1, 2)).tolist() == [6, 6, 10, 8, 8, 8, 8]
