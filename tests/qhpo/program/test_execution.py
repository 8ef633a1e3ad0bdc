"""Programs as objectives, started for real."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.pruners import BasePruner, NopPruner
from optuna.trial import FrozenTrial, TrialState

from qhpo.errors import QhpoError
from qhpo.program import Bound, ProgramError, ProgramSpec, objective

PROGRAMS = Path(__file__).with_name("programs")
SPACE: dict[str, BaseDistribution] = {"x": FloatDistribution(0.0, 10.0)}


class PruneAt(BasePruner):
    def __init__(self, step: int) -> None:
        self.step = step

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        return self.step in trial.intermediate_values


class Setting:
    """Runs one trial of a command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "runs"

    def spec(self, command: Sequence[object], **fields: Any) -> ProgramSpec:
        def line(params: Mapping[str, Any]) -> list[str]:
            return [str(word).format(**params) for word in command]

        return ProgramSpec(line, **{"metric": "loss", "folder": self.folder, **fields})

    def trial(
        self,
        *command: object,
        pruner: BasePruner | None = None,
        space: Mapping[str, BaseDistribution] = SPACE,
        conditions: Mapping[str, Mapping[str, Any]] | None = None,
        params: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> FrozenTrial:
        study = optuna.create_study(
            sampler=optuna.samplers.RandomSampler(seed=0), pruner=pruner or NopPruner()
        )
        study.enqueue_trial({"x": 5.0} if params is None else dict(params))
        study.optimize(objective(self.spec(command, **fields), space, conditions), n_trials=1)
        return study.trials[0]

    def sh(self, script: str, **others: Any) -> FrozenTrial:
        # Braces of the script are not fields.
        return self.trial("sh", "-c", script.replace("{", "{{").replace("}", "}}"), **others)

    def python(self, code: str, **others: Any) -> FrozenTrial:
        code = code.replace("{", "{{").replace("}", "}}")
        return self.trial(sys.executable, "-c", code, **others)


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path)


def test_a_shell_script(setting: Setting) -> None:
    trial = setting.trial(PROGRAMS / "square.sh", "{x}")

    assert trial.value == 4.0
    folder = setting.folder / "trial-0000"
    assert trial.user_attrs.pop("program_seconds") > 0
    assert trial.user_attrs == {"x": 5, "exit_code": 0, "log_folder": str(folder)}
    assert json.loads((folder / "parameters.json").read_text()) == {"x": 5.0}
    assert (folder / "command.txt").read_text() == f"{PROGRAMS / 'square.sh'} 5.0\n"
    assert (folder / "stdout.txt").read_text() == '{"loss": 4, "x": 5.0}\n'
    assert (folder / "stderr.txt").read_text() == "trial 0 begins\n"
    assert (folder / "exit-code.txt").read_text() == "0\n"


def test_awk_with_a_pattern_and_a_variable(setting: Setting) -> None:
    pattern = re.compile(r"loss is (?P<loss>[-+\d.e]+)\.")
    assert setting.trial("awk", "-f", PROGRAMS / "square.awk", answer=pattern).value == 4.0


def test_a_python_program_reports(setting: Setting) -> None:
    trial = setting.trial(sys.executable, PROGRAMS / "train.py", "--x={x}")

    assert trial.intermediate_values == {step: 4 + 1 / (step + 1) for step in range(5)}
    assert trial.value == 4.2


def test_the_answer_in_a_file(setting: Setting) -> None:
    script = 'echo "{\\"loss\\": 7, \\"size\\": 2}" > "$QHPO_FOLDER/result.json"'
    trial = setting.sh(script, answer=Path("result.json"))
    assert (trial.value, trial.user_attrs["size"]) == (7.0, 2)

    with pytest.raises(ProgramError, match=r"must write its answer to .*result\.json"):
        setting.sh("true", answer=Path("result.json"))
    with pytest.raises(ProgramError, match=r"must be a JSON object; got \[1\]"):
        setting.sh('echo "[1]" > "$QHPO_FOLDER/result.json"', answer=Path("result.json"))


def test_what_the_environment_holds(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    space: dict[str, BaseDistribution] = {
        "x": FloatDistribution(0, 10),
        "net.kind": CategoricalDistribution(["a b", "c"]),
        "is_on": CategoricalDistribution([True, False]),
        "none": CategoricalDistribution([None]),
        "off": FloatDistribution(0, 1),
    }
    code = """
import json, os
names = [n for n in os.environ if n.startswith("QHPO_")]
print(json.dumps({"loss": 1}))
open(os.environ["QHPO_FOLDER"] + "/seen", "w").write(json.dumps({n: os.environ[n] for n in names}))
"""
    monkeypatch.setenv("QHPO_PARAM_off", "of an outer search")
    setting.python(
        code,
        space=space,
        conditions={"off": {"is_on": False}},
        params={"x": 5.0, "net.kind": "a b", "is_on": True, "none": None},
        environment={"QHPO_EXTRA": "1"},
    )
    folder = setting.folder / "trial-0000"
    seen = json.loads((folder / "seen").read_text())
    params = {"x": 5.0, "net.kind": "a b", "is_on": True, "none": None}
    assert json.loads(seen.pop("QHPO_PARAMS")) == params
    assert json.loads(Path(seen.pop("QHPO_PARAMS_FILE")).read_text()) == params
    assert seen == {
        "QHPO_EXTRA": "1",
        "QHPO_TRIAL": "0",
        "QHPO_FOLDER": str(folder),
        "QHPO_PARAM_x": "5.0",
        "QHPO_PARAM_net_kind": "a b",
        "QHPO_PARAM_is_on": "true",
        "QHPO_PARAM_none": "null",
    }


def test_two_parameters_of_one_variable(setting: Setting) -> None:
    space = {"a.b": FloatDistribution(0, 1), "a_b": FloatDistribution(0, 1)}
    with pytest.raises(QhpoError, match=r"'a_b' and 'a.b' both have QHPO_PARAM_a_b"):
        objective(setting.spec(["true"]), space)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("true", "must answer with loss, such as .*; got lines with nothing"),
        ("""echo '{"los": 1}'""", "got lines with los"),
        ("""echo '{"loss": "low"}'""", "loss must be a number; the program answered 'low'"),
        ("""echo '{"loss": true}'""", "the program answered True"),
        ("""echo '{"loss": null}'""", "the program answered None"),
        ("""echo '{"loss": NaN}'""", "the program answered NaN"),
        (f"""echo '{{"loss": 1{"0" * 400}}}'""", "must fit into a float"),
        ("""echo '{"loss": 1, "step": -1}'""", "a step must be a whole number, 0 or more; got -1"),
        ("""echo '{"loss": 1, "step": "a"}'""", "a step must be a whole number"),
        ("""echo '{"loss": 2}'; exit 3""", r"exit code 0; got 3, although it answered loss = 2"),
        ("echo one >&2; echo two >&2; exit 4", "got 4; it said: two; see .*trial-0000"),
        ("kill -SEGV $$", "it was killed by SIGSEGV"),
    ],
)
def test_an_answer_that_is_none(script: str, error: str, setting: Setting) -> None:
    with pytest.raises(ProgramError, match=error):
        setting.sh(script)
    assert (setting.folder / "trial-0000" / "exit-code.txt").exists() or "step" in error


def test_a_training_that_diverges_reports_it(setting: Setting) -> None:
    script = """echo '{"loss": NaN, "step": 0}'; echo '{"loss": 2, "step": 1}'"""
    reports = setting.sh(script).intermediate_values
    assert list(reports) == [0, 1]
    assert math.isnan(reports[0])


def test_an_infinite_value_is_one(setting: Setting) -> None:
    assert setting.sh("""echo '{"loss": Infinity}'""").value == float("inf")


def test_the_last_value_of_each_key_counts(setting: Setting) -> None:
    script = """echo '{"loss": 2, "a": 1}'; echo '{"loss": 1}'; echo '{"b": 3, "c": "text"}'"""
    trial = setting.sh(script)
    assert trial.value == 1.0
    assert {k: trial.user_attrs.get(k) for k in "abc"} == {"a": 1, "b": 3, "c": None}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "cp1251", "utf-8"])
def test_output_in_any_encoding(encoding: str, setting: Setting) -> None:
    word = "é" if encoding == "latin-1" else "ж"
    code = f"""
import sys
sys.stdout.buffer.write('{{"loss": 1, "note": "{word}"}}\\r\\n{word}'.encode("{encoding}"))
"""
    assert setting.python(code).value == 1.0


def test_much_output_and_long_lines(setting: Setting) -> None:
    code = """
import json, sys
for i in range(200):
    sys.stdout.write("." * 50_000 + "\\r")
    sys.stderr.write("e" * 50_000)
sys.stdout.write("\\n" + "y" * 5_000_000 + "\\n")
sys.stdout.write(json.dumps({"note": "z" * 3_000_000, "loss": 1.5}))
"""
    assert setting.python(code).value == 1.5
    folder = setting.folder / "trial-0000"
    assert (folder / "stdout.txt").stat().st_size > 200 * 50_001 + 8_000_000
    assert (folder / "stderr.txt").stat().st_size == 10_000_000


def test_measured_constraints(setting: Setting) -> None:
    script = """echo '{"loss": 1, "ms": 30, "acc": 0.9}'"""
    bounds = {"ms": Bound(high=20), "acc": Bound(0.5, 1.0)}
    trial = setting.sh(script, measured=bounds)
    assert trial.constraints == pytest.approx(
        {"ms <= 20": 10, "acc >= 0.5": -0.4, "acc <= 1": -0.1}
    )
    assert trial.user_attrs["ms"] == 30

    with pytest.raises(ProgramError, match="must answer with mb"):
        setting.sh(script, measured={"mb": Bound(high=1)})


@pytest.mark.parametrize("limits", [{}, {"low": 2, "high": 1}])
def test_a_bound_that_is_none(limits: dict[str, float]) -> None:
    with pytest.raises(QhpoError, match="low <= high"):
        Bound(**limits)


def test_a_pattern_without_the_metric(setting: Setting) -> None:
    with pytest.raises(QhpoError, match=r"\(\?P<loss>\.\.\.\)"):
        objective(setting.spec(["true"], answer=re.compile("(?P<los>.*)")), SPACE)


def test_a_program_that_is_not_there(setting: Setting, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    (tmp_path / "odd").write_text("#!/no/such/interpreter\n")
    (tmp_path / "odd").chmod(0o755)
    for program in ("no-such-program", str(tmp_path / "text"), str(tmp_path / "odd"), "a\0b"):
        with pytest.raises(QhpoError, match="must be one that can be started; got"):
            setting.trial(program)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def gone(pid: int) -> bool:
    end = time.monotonic() + 20
    while is_alive(pid):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


STUBBORN = """
import json, os, signal, subprocess, sys, time
child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
process = subprocess.Popen([sys.executable, "-c", child])
open(os.environ["QHPO_FOLDER"] + "/pids", "w").write(f"{os.getpid()} {process.pid}")
def gently(*_):
    open(os.environ["QHPO_FOLDER"] + "/gently", "w")
signal.signal(signal.SIGTERM, gently)
for step in range(6000):
    print(json.dumps({"loss": 1, "step": step}))
    time.sleep(0.1)
"""


def pids(folder: Path) -> list[int]:
    return [int(pid) for pid in (folder / "trial-0000" / "pids").read_text().split()]


def test_a_pruned_program_is_ended_gently_then_firmly(setting: Setting) -> None:
    trial = setting.python(STUBBORN, pruner=PruneAt(2), grace=0.5)

    assert trial.state == TrialState.PRUNED
    assert list(trial.intermediate_values) == [0, 1, 2]
    assert (setting.folder / "trial-0000" / "gently").exists()
    assert all(gone(pid) for pid in pids(setting.folder))


def test_the_timeout_of_an_attempt(setting: Setting) -> None:
    with pytest.raises(ProgramError, match=r"must end within its timeout of 0\.5 s"):
        setting.sh("sleep 600 & sleep 600; wait", timeout=0.5)


def test_a_flood_of_output_does_not_outlast_the_timeout(setting: Setting) -> None:
    with pytest.raises(ProgramError, match="timeout"):
        setting.sh("yes", timeout=0.3)


def test_a_child_that_is_left_behind_is_not_waited_for(setting: Setting) -> None:
    script = """sleep 600 & echo $! > "$QHPO_FOLDER/pids"; echo '{"loss": 1}'"""
    start = time.monotonic()
    assert setting.sh(script).value == 1.0
    assert time.monotonic() - start < 60
    assert gone(pids(setting.folder)[0])


def test_a_further_attempt_has_a_folder_of_its_own(setting: Setting) -> None:
    script = """
if [ -e "$QHPO_FOLDER/../tried" ]; then echo '{"loss": 1}'; exit 0; fi
touch "$QHPO_FOLDER/../tried"; exit 1
"""
    run = objective(setting.spec(["sh", "-c", script.replace("{", "{{").replace("}", "}}")]), SPACE)

    def twice(trial: optuna.Trial) -> float:
        with pytest.raises(ProgramError):
            run(trial)
        return run(trial)

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(twice, n_trials=1)
    trial = study.trials[0]
    assert trial.value == 1.0
    assert trial.user_attrs["log_folder"] == str(setting.folder / "trial-0000-2")
    assert (setting.folder / "trial-0000" / "exit-code.txt").read_text() == "1\n"


@pytest.mark.parametrize("script", ["kill -INT $$", "exit 130"])
def test_a_signal_that_reaches_the_program_first(script: str, setting: Setting) -> None:
    """A scheduler signals all processes of a job: the trial has not failed, it is cut off."""

    def interrupt() -> None:
        while not (setting.folder / "trial-0000" / "exit-code.txt").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            setting.sh(script)
    finally:
        thread.join()
        signal.signal(signal.SIGINT, previous)


def test_ctrl_c_ends_the_program(setting: Setting) -> None:
    def interrupt() -> None:
        file = setting.folder / "trial-0000" / "pids"
        while not file.exists() or not file.read_text():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            setting.python(STUBBORN, grace=0.5)
    finally:
        thread.join()
        signal.signal(signal.SIGINT, previous)
    assert all(gone(pid) for pid in pids(setting.folder))


def test_a_killed_search_takes_its_program_along(setting: Setting, tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
import optuna
from optuna.distributions import FloatDistribution
from qhpo.program import ProgramSpec, objective
spec = ProgramSpec(lambda p: [sys.executable, "-c", {STUBBORN!r}], "loss", folder=Path("runs"))
optuna.create_study().optimize(objective(spec, {{"x": FloatDistribution(0, 1)}}), n_trials=1)
"""
    search = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    file = setting.folder / "trial-0000" / "pids"
    while not file.exists() or not file.read_text():
        time.sleep(0.05)
    search.kill()
    search.wait()
    assert all(gone(pid) for pid in pids(setting.folder))


def test_a_folder_that_cannot_be(setting: Setting, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(QhpoError, match="folder of the logs"):
        setting.sh("true", folder=tmp_path / "taken")
