"""`qhpo run` with a sweep file: programs of a person's own, in the shell and in Python."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from qhpo.cli import main
from qhpo.problem import DEFAULTS
from qhpo.sweep.settings import Settings

SHELL = """#!/bin/sh
for word in "$@"; do
    case $word in
        a=*) a=${word#a=} ;;
        b=*) b=${word#b=} ;;
    esac
done
echo "{\\"loss\\": $((a * a + b)), \\"memory\\": $((a + b))}"
"""
SWEEP = """
program: ./square.sh
command: ["${program}", "${args_no_hyphens}"]
metric: {name: loss}
parameters:
  a: {min: 0, max: 5}
  b: {min: 0, max: 5}
  fixed: {value: x}
constraints:
  - a + b >= 3
  - {metric: memory, max: 4}
qhpo: {trials: 6, seed: 1, n_startup_trials: 3}
"""
PYTHON = """
def train(opt, layers, momentum=None):
    assert (momentum is not None) == (opt["name"] == "sgd")
    return {"loss": layers + (momentum or 0.0)}
"""


def trials() -> list[FrozenTrial]:
    storage = "sqlite:///qhpo.db"
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage).trials


@pytest.fixture(autouse=True)
def _programs(tiny: Path) -> None:
    (tiny / "square.sh").write_text(SHELL)
    (tiny / "square.sh").chmod(0o755)
    (tiny / "tiny_training.py").write_text(PYTHON)


def test_a_shell_script_keeps_its_rules(capfd: pytest.CaptureFixture[str]) -> None:
    Path("sweep.yaml").write_text(SWEEP)

    assert main(["run", "sweep.yaml"]) == 0
    done = trials()
    assert len(done) == 6
    for trial in done:
        a, b = trial.params["a"], trial.params["b"]
        assert trial.state == TrialState.COMPLETE
        assert a + b >= 3
        assert trial.value == a * a + b
        assert trial.system_attrs["constraints:memory <= 4"] == a + b - 4
    assert len({tuple(trial.params.values()) for trial in done}) == 6


def test_a_file_is_continued() -> None:
    Path("sweep.yaml").write_text(SWEEP)

    assert main(["run", "sweep.yaml", "--trials", "2"]) == 0
    assert main(["run", "sweep.yaml", "--trials", "4"]) == 0
    assert len(trials()) == 4


def test_a_function_gets_what_is_active() -> None:
    spec = {
        "program": "tiny_training:train",
        "metric": {"name": "loss"},
        "parameters": {
            "opt": {"parameters": {"name": {"values": ["sgd", "adam"]}}},
            "layers": {"min": 1, "max": 9},
            "momentum": {"values": [0.0, 0.5]},
        },
        "conditions": {"momentum": "opt.name == 'sgd'"},
        "run_cap": 8,
    }
    Path("mine.json").write_text(json.dumps(spec))

    assert main(["run", "mine.json"]) == 0
    assert [trial.state for trial in trials()] == [TrialState.COMPLETE] * 8


def test_a_grid_tries_everything_once() -> None:
    text = SWEEP.replace("metric: {", "method: grid\nmetric: {").replace("trials: 6, ", "")
    Path("sweep.yaml").write_text(text.replace("max: 5", "max: 2"))

    assert main(["run", "sweep.yaml"]) == 0
    tried = {(trial.params["a"], trial.params["b"]) for trial in trials()}
    assert tried == {(1, 2), (2, 1), (2, 2)}


def test_a_target_ends_the_search() -> None:
    text = SWEEP.replace("{name: loss}", "{name: loss, target: 100}")
    Path("sweep.yaml").write_text(text.replace("max: 4}", "max: 40}"))

    assert main(["run", "sweep.yaml"]) == 0
    assert len(trials()) == 1


def test_mistakes_of_a_file_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("sweep.yaml").write_text(SWEEP.replace("a + b >= 3", "a + c >= 3"))

    assert main(["run", "sweep.yaml"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("qhpo: sweep.yaml: constraints[0], column 5: every name must be")


def test_a_dry_run_says_what_validate_says_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sweep.yaml").write_text(SWEEP)
    Path("square.sh").write_text(SHELL)
    assert main(["validate", "sweep.yaml"]) == 0
    validated = capsys.readouterr().out
    assert main(["run", "sweep.yaml", "--dry-run"]) == 0
    assert capsys.readouterr().out == validated
    assert not Path("qhpo.db").exists()


def test_a_problem_has_no_dry_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "cnn-digits", "--dry-run"]) == 2
    assert "sweep file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "program", ['./fails.sh\ncommand: ["${program}"]', "tiny_fails:train"], ids=["sh", "python"]
)
@pytest.mark.parametrize(
    ("options", "n"), [([], 3), (["--retries", "1"], 2), (["--retries", "0"], 1)]
)
def test_retries_are_one_number(
    program: str, options: list[str], n: int, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option takes the place of what the file says; each attempt leaves a line."""
    monkeypatch.setattr("qhpo.cli.search.FAILURES_IN_A_ROW", 1)
    (tiny / "fails.sh").write_text("#!/bin/sh\necho x >> attempts; exit 3\n")
    (tiny / "fails.sh").chmod(0o755)
    (tiny / "tiny_fails.py").write_text(
        "def train(a):\n    open('attempts', 'a').write('x\\n')\n    raise ValueError\n"
    )
    Path("sweep.yaml").write_text(
        f"program: {program}\nmetric: {{name: loss}}\nparameters: {{a: {{values: [1, 2]}}}}\n"
        "method: random\nqhpo: {program: {retries: 2}}\n"
    )

    assert main(["run", "sweep.yaml", *options]) == 1
    assert len(trials()) == 1
    assert (tiny / "attempts").read_text() == n * "x\n"


class TestPriorStudies:
    """Finished studies of the same storage, by their names."""

    @pytest.fixture(autouse=True)
    def _earlier(self) -> None:
        Path("sweep.yaml").write_text(SWEEP)
        assert main(["run", "sweep.yaml", "--study", "earlier", "--trials", "10"]) == 0

    def _first(self, *arguments: str) -> FrozenTrial:
        assert main(["run", "sweep.yaml", "--study", "later", "--trials", "1", *arguments]) == 0
        return optuna.load_study(study_name="later", storage="sqlite:///qhpo.db").trials[0]

    def test_lead_from_the_first_trial_on(self) -> None:
        best = self._first("--prior-study", "earlier")
        assert best.params == {"a": 0, "b": 3}  # the best of all that keep the rules

    def test_may_stand_in_the_file_which_the_study_remembers(self) -> None:
        text = SWEEP.replace("seed: 1", "seed: 1, prior_studies: earlier")
        Path("sweep.yaml").write_text(text)
        assert self._first().params == {"a": 0, "b": 3}
        assert main(["ask", "--study", "later"]) == 0
        assert main(["qubo", "later"]) == 0
        # What was read is gone: the model is shown without it, and says so.
        assert main(["studies", "delete", "earlier", "--yes"]) == 0
        assert main(["qubo", "later"]) == 0

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--prior-study", "earlyer"], "did you mean earlier?"),
            (["--prior-study", "later"], "cannot be its own prior study"),
            (["--prior-study", "earlier", "--sampler", "tpe"], "--prior-study belongs to"),
        ],
    )
    def test_what_is_wrong_is_one_line(
        self, capfd: pytest.CaptureFixture[str], arguments: list[str], says: str
    ) -> None:
        assert main(["run", "sweep.yaml", "--study", "later", *arguments]) == 2
        told = capfd.readouterr().err
        assert says in " ".join(told.split())
        assert "Traceback" not in told


def test_every_setting_of_a_file_reaches_the_search() -> None:
    for setting in fields(Settings):
        assert setting.name in (*DEFAULTS, "program"), setting.name
