"""Problems, solvers and commands for the tests, installed by the fixture `tiny` as a package."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import click
import dimod
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial

from qhpo import program
from qhpo.constraints import linear, relation
from qhpo.errors import QhpoError
from qhpo.problem import Direction, Objective, Problem, Size, suggest
from qhpo.program import ProgramSpec
from qhpo.solvers import Solver, SolverInfo, make_solver


def _parabola(seed: int) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", -1.0, 1.0)
        kind = trial.suggest_categorical("kind", ["plain", "shifted"])
        return (x - 0.5) ** 2 + (kind == "plain")

    return objective


def _pair(seed: int) -> Objective:
    def objective(trial: optuna.Trial) -> tuple[float, float]:
        width = trial.suggest_int("width", 1, 9)
        return float(width), width + trial.suggest_int("height", 1, 9) / 10

    return objective


def _slow(seed: int) -> Objective:
    quick = _parabola(seed)

    def objective(trial: optuna.Trial) -> float:
        value = quick(trial)
        time.sleep(0.2)
        return value

    return objective


def _gated(seed: int) -> Objective:
    quick = _parabola(seed)

    def objective(trial: optuna.Trial) -> float:
        value = quick(trial)
        while trial.number >= 3 and not Path("open").exists():
            Path("waiting").touch()
            time.sleep(0.05)
        return value

    return objective


def _flaky(seed: int) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        if trial.number % 2 == 1:
            raise RuntimeError(f"number {trial.number}\nis odd")
        return x

    return objective


def _returning(value: object) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("x", 0.0, 1.0)
        return value  # type: ignore[return-value]

    return objective


def _returning_nan(seed: int) -> Objective:
    return _returning(float("nan"))


def _pruning(seed: int) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        trial.report(trial.suggest_float("x", 0.0, 1.0), 0)
        raise optuna.TrialPruned

    return objective


def _reporting(seed: int) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("x", 0.0, 1.0)
        trial.report(trial.number, 0)
        if trial.should_prune():
            raise optuna.TrialPruned
        return float(trial.number)

    return objective


def _refusing(seed: int) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        raise QhpoError("x must be positive; got -1; give another x")

    return objective


def _stopping(seed: int) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        if trial.number == 3:  # as Ctrl-C does
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        return x

    return objective


SIZED_SPACE: dict[str, BaseDistribution] = {
    "x": FloatDistribution(-1.0, 1.0),
    "width": IntDistribution(1, 6),
    "layers": IntDistribution(1, 4),
}


def _sized(seed: int) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        params = suggest(trial, SIZED_SPACE)
        size = int(params["layers"] * params["width"])
        trial.set_user_attr("trained", size)
        return float(params["x"]) ** 2 - size

    return objective


def _terminated(seed: int) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        if trial.number == 1:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        return x

    return objective


def _unstored(seed: int) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        if trial.number == 2:
            kept = Path(os.environ["KEPT"])
            if os.environ["BREAKS"] == "full":
                import resource

                hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
                resource.setrlimit(resource.RLIMIT_FSIZE, (kept.stat().st_size // 2, hard))
            else:
                kept.unlink()
            if os.environ["BREAKS"] == "other":
                kept.touch()
        return trial.suggest_float("x", 0.0, 1.0)

    return objective


def _moody(seed: int) -> Objective:
    calls = []

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0.1, 1.0)
        calls.append(x)
        if len(calls) % 2 == 1:
            raise RuntimeError("not this time")
        return x

    return objective


RULED_SPACE: dict[str, BaseDistribution] = {
    "a": IntDistribution(0, 4),
    "b": IntDistribution(0, 4),
    "c": CategoricalDistribution(["x", "y"]),
}
RULED_CONDITIONS = {"c": {"a": [2, 3, 4]}}


def _ruled(seed: int) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        params = suggest(trial, RULED_SPACE, RULED_CONDITIONS)
        return float(params["a"] - params["b"])

    return objective


SHARED_SPACE: dict[str, BaseDistribution] = {
    "a": IntDistribution(0, 30),
    "b": IntDistribution(0, 30),
}


def _shared(seed: int) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        params = suggest(trial, SHARED_SPACE)
        time.sleep(0.5)  # so that signals come in the middle
        return float(-params["a"] * params["b"])

    return objective


def _cutting(seed: int) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        params = suggest(trial, SHARED_SPACE)
        import psycopg

        with psycopg.connect(os.environ["CUT"], autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        return float(-params["a"] * params["b"])

    return objective


def _unprepared(seed: int) -> Objective:
    raise OSError("the data is not there")


PARABOLA = Problem("parabola", "Two parameters.", "minimize", _parabola)
ASCENT = Problem("ascent", "A parabola to climb.", "maximize", _parabola)
_GOALS: dict[str, Direction] = {"cost": "minimize", "gain": "maximize"}
PAIR = Problem("pair", "Two objectives.", _GOALS, _pair)
HALF = Problem("half", "One value of two.", _GOALS, _returning)
SLOW = Problem("slow", "A fifth of a second a trial.", "minimize", _slow)
GATED = Problem("gated", "From trial 3 on, waits for the file `open`.", "minimize", _gated)
FLAKY = Problem("flaky", "Every other trial fails.", "minimize", _flaky)
NAN = Problem("nan", "Has no value.", "minimize", lambda seed: _returning(float("nan")))
TEXT = Problem("text", "Returns no number.", "minimize", lambda seed: _returning("high"))
SEEDED = Problem("seeded", "Returns its seed.", "minimize", _returning)
PRUNING = Problem("pruning", "Prunes every trial.", "minimize", _pruning)
REPORTING = Problem("reporting", "Gets worse, and says so.", "minimize", _reporting)
REFUSING = Problem("refusing", "Refuses its input.", "minimize", _refusing)
STOPPING = Problem("stopping", "Stops in trial 3.", "minimize", _stopping)
IDLE = Problem(
    "idle",
    "A parameter that may have no effect.",
    "minimize",
    _sized,
    search_space=SIZED_SPACE,
    ignored_unless={"width": {"layers": (5,)}},
)
SIZED = Problem(
    "sized",
    "The larger, the better.",
    "minimize",
    _sized,
    search_space=SIZED_SPACE,
    size=Size(("layers", "width"), lambda layers, width: int(layers * width)),
)
RULED = Problem(
    "ruled",
    "A rule and a condition.",
    "minimize",
    _ruled,
    search_space=RULED_SPACE,
    constraints=(relation(["a", "b"], lambda a, b: a <= b),),
    conditions=RULED_CONDITIONS,
)
HOPELESS = Problem(
    "hopeless",
    "A rule, and no value.",
    "minimize",
    _returning_nan,
    search_space=RULED_SPACE,
    constraints=(relation(["a", "b"], lambda a, b: a <= b),),
)
BROUGHT = Problem(
    "brought",
    "Brings its settings.",
    "minimize",
    _parabola,
    defaults={"sampler": "tpe", "seed": 7, "trials": 4},
)
REACHED = Problem("reached", "Is good enough.", "maximize", _reporting, defaults={"target": 2.0})
MOODY = Problem("moody", "Fails every other time.", "minimize", _moody)
_PROGRAM_SPACE: dict[str, BaseDistribution] = {
    "x": FloatDistribution(0.0, 10.0),
    "kind": CategoricalDistribution(["a", "b", "c"]),
}
_SCRIPT = (
    """sleep "${PAUSE:-0.2}"; echo "{\\"loss\\": $QHPO_PARAM_x}"; echo "$QHPO_PARAM_x" >> ended"""
)
_SPEC = ProgramSpec(lambda params: ["sh", "-c", _SCRIPT], "loss", folder=Path("runs"))
PROGRAM = Problem(
    "program",
    "A shell script.",
    "minimize",
    lambda seed: program.objective(_SPEC, _PROGRAM_SPACE),
    search_space=_PROGRAM_SPACE,
)
SHARED = Problem(
    "shared",
    "A rule, and half a second.",
    "minimize",
    _shared,
    search_space=SHARED_SPACE,
    constraints=(linear({"a": 1, "b": 1}, "<=", 30),),
)
CUTTING = Problem(
    "cutting",
    "Ends all connections to the database that the variable CUT names.",
    "minimize",
    _cutting,
    search_space=SHARED_SPACE,
    constraints=(linear({"a": 1, "b": 1}, "<=", 30),),
)
TERMINATED = Problem("terminated", "Gets SIGTERM in trial 1.", "minimize", _terminated)
UNSTORED = Problem("unstored", "Breaks the file KEPT in trial 2.", "minimize", _unstored)
TREE_SPACE: dict[str, BaseDistribution] = {
    "units_2": IntDistribution(1, 9),
    "layers": IntDistribution(1, 2),
    "kind": CategoricalDistribution(("plain", None, True)),
    "rate": FloatDistribution(0.001, 1.0, log=True),
}
TREE = Problem(
    "tree",
    "A parameter stands before the one that decides about it.",
    "maximize",
    _unprepared,
    search_space=TREE_SPACE,
    conditions={"units_2": {"layers": (2,)}},
)


def _keep(trial: FrozenTrial, seed: int, folder: Path) -> dict[str, object]:
    model = {"x": trial.params["x"], "seed": seed}
    (folder / "model.json").write_text(json.dumps(model))
    return {"epochs": 3}


def _commanded(seed: int) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        trial.set_user_attr("log_folder", "here")
        if isinstance(trial, optuna.trial.FixedTrial):
            Path("ran").write_text(repr(x))
        return x

    return objective


KEPT = Problem("kept", "Keeps a model.", "minimize", _commanded, train=_keep)
COMMANDED = Problem(
    "commanded",
    "A program.",
    "minimize",
    _commanded,
    command=lambda params: ["python", "my train.py", f"--x={params['x']}"],
)
UNPREPARED = Problem("unprepared", "Has no data.", "minimize", _unprepared)
HUNGRY = Problem(
    "hungry", "Needs what is not there.", "minimize", _parabola, ("no_such_package",), "torch"
)


def _listed() -> Solver:
    raise AssertionError("listed, not made")


FAR = SolverInfo(
    "far",
    "Somewhere else.",
    _listed,
    encodings=("one-hot", "domain-wall"),
    limits="12 bits",
    cost="a cent a call",
    packages=("no_such_package",),
    extra="qpu",
)
BARE = SolverInfo("bare", "Of another package.", _listed, packages=("no_such_package",))


SEEN_BITS: list[int] = []


class _Spy(dimod.ExactSolver):
    """Notes how many bits the models have that it samples."""

    def sample(self, bqm: dimod.BinaryQuadraticModel, **kwargs: object) -> dimod.SampleSet:
        SEEN_BITS.append(bqm.num_variables)
        return super().sample(bqm, **kwargs)


SPY = SolverInfo("spy", "Looks at what it gets.", lambda: make_solver(_Spy()))


@click.command()
@click.option("--name", required=True)
def greet(name: str) -> None:
    """Say hello."""
    if name == "nobody":
        raise QhpoError("a name must be of somebody; got 'nobody'; give another")
    if name == "ctrl-c":
        raise KeyboardInterrupt
    click.echo(f"hello {name}")


TEXTUAL = "just a text"
