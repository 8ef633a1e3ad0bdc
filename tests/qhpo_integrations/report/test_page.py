"""A page of any study is readable, safe and needs nothing else; what it says is true."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from qhpo import QhpoError, QUBOSampler
from qhpo.cli import main
from qhpo_integrations.report import figures, report_page
from qhpo_integrations.report.advice import advice, measured
from qhpo_integrations.report.facts import StudyFacts, text, thinned
from qhpo_integrations.report.figures import expected_best, running_best
from qhpo_integrations.report.snippets import as_arguments, as_python

EVIL = "</script><img src=x onerror=alert(1)>"


def make(objective: Callable[[optuna.Trial], Any], n_trials: int, **arguments: Any) -> optuna.Study:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), **arguments)
    study.optimize(objective, n_trials=n_trials, catch=(RuntimeError,))
    return study


def bowl(trial: optuna.Trial) -> float:
    x, y = trial.suggest_float("x", 0.0, 1.0), trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    kind = trial.suggest_categorical("kind", ["good", "bad", "worse"])
    idle = trial.suggest_float("idle", 0.0, 1.0)
    trial.set_constraint("size", 0.2 - x)
    trial.set_constraint("loose", idle - 2.0)
    cost = {"good": 0.0, "bad": 4.0, "worse": 6.0}[kind]
    return 3 * x + (math.log10(y) + 1) ** 2 + cost


def conditional(trial: optuna.Trial) -> float:
    if trial.suggest_categorical("kind", ["a", "b"]) == "a":
        return trial.suggest_float("only_a", 0.0, 1.0)
    return 2.0 + trial.suggest_int("only_b", 1, 4)


def failing(trial: optuna.Trial) -> float:
    trial.suggest_float("x", 0.0, 1.0)
    raise RuntimeError


def pruned(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", 0.0, 1.0)
    for step in range(3):
        trial.report(x + step, step)
    if x > 0.5:
        raise optuna.TrialPruned
    return x


def two(trial: optuna.Trial) -> tuple[float, float]:
    x = trial.suggest_float("x", 0.0, 1.0)
    return x, 1.0 - x + trial.suggest_float("y", 0.0, 1.0)


def diverging(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", 0.0, 1.0)
    return math.inf if trial.number == 3 else 1e12 if trial.number == 5 else x


def evil(trial: optuna.Trial) -> float:
    x = trial.suggest_float(EVIL, 0.0, 1.0)
    return x + (trial.suggest_categorical("<b>kind</b>", [EVIL, "<i>i</i>", "\u2028", ""]) == EVIL)


def plain(page: str) -> str:
    """What a reader sees as text, without scripts and styles."""
    body = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.mark.parametrize(
    ("objective", "n_trials", "arguments"),
    [
        (bowl, 1, {}),
        (bowl, 2, {}),
        (bowl, 30, {"direction": "maximize"}),
        (conditional, 30, {}),
        (failing, 3, {}),
        (pruned, 20, {}),
        (two, 25, {"directions": ["minimize", "maximize"]}),
        (diverging, 20, {}),
        (evil, 20, {"study_name": EVIL}),
        (lambda trial: 1.0, 3, {}),
        (lambda trial: 1.0 + 0.0 * trial.suggest_float("x", 0, 1), 8, {}),
        (lambda trial: trial.suggest_int("one", 1, 1), 8, {}),
    ],
    ids=[
        *("one trial", "two trials", "thirty", "conditional", "failures only", "pruned"),
        *("two objectives", "diverging", "markup", "no parameters", "flat", "one value"),
    ],
)
def test_any_study_has_a_page_that_needs_nothing_else(
    objective: Callable[[optuna.Trial], Any], n_trials: int, arguments: Any
) -> None:
    study = make(objective, n_trials, **arguments)
    page = report_page([study])
    assert " ".join(f"{study.study_name}: what was learnt In short".split()) in plain(page)
    without_scripts = re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search("https?:|//", without_scripts)
    assert not re.search(r"<(img|iframe|object|embed)\b|<[^>]*\son\w+=", without_scripts)
    # Every script that was opened is one of the page's own.
    assert page.count("<script") - page.count("</script>") <= page.count('"<script')
    assert EVIL not in page


def test_it_says_what_is_so() -> None:
    study = make(bowl, 60)
    said = plain(report_page([study]))
    best = study.best_trial
    assert f"{best.value:.5g} in trial {best.number}" in said
    assert "60 complete" in said
    assert f"'kind': '{best.params['kind']}'" in said
    assert f"--idle={best.params['idle']!r}" in said
    assert re.search(r"kind \(\d+ %\)", said)


def test_of_several_objectives_both_fronts_stand_there() -> None:
    study = make(two, 25, directions=["minimize", "minimize"])
    said = plain(report_page([study]))
    observed, recommended = said.split("Trials that no other beats")[1].split(" Recommended ")
    for trial in study.best_trials:
        assert f" {trial.number} {trial.values[0]:.5g} {trial.values[1]:.5g} " in observed
    for one in QUBOSampler(seed=0).recommend_front(study):
        values = [f"{v:.4g} ± {d:.2g}" for v, d in zip(one.values, one.deviations, strict=True)]
        assert f" {one.trial.number} {' '.join(values)} " in recommended


def test_the_best_trial_is_marked_among_choices_too() -> None:
    facts = StudyFacts(make(bowl, 30))
    for name in ("x", "kind"):
        drawn = figures.curve(facts, name, facts.effects[0].curves[name], (0.0, 1.0))
        (line,) = drawn.layout.shapes
        marked = drawn.data[0].x[line.x0] if name == "kind" else line.x0
        assert marked == facts.best[0].params[name]


def test_of_several_objectives_no_trial_is_the_best_one() -> None:
    study = make(two, 20, directions=["minimize", "maximize"])
    page = report_page([study])
    assert "Dotted: the best trial" not in page
    facts = StudyFacts(study)
    assert f"such as trial {facts.recommended[0].trial.number}:" in page
    assert not figures.curve(facts, "x", facts.effects[0].curves["x"], (0.0, 1.0)).layout.shapes


@pytest.mark.parametrize("first", ["minimize", "maximize"])
@pytest.mark.parametrize("others", [[], ["minimize"], ["maximize"]], ids=str)
def test_the_darkest_line_is_the_best_in_the_first_objective(first: str, others: list[str]) -> None:
    def values(trial: optuna.Trial) -> list[float]:
        x = trial.suggest_float("x", 0.0, 1.0)
        return [x + trial.suggest_float("y", 0.0, 1.0), *[-x] * len(others)]

    facts = StudyFacts(make(values, 30, directions=[first, *others]))
    lines = [
        t for t in figures.parallel(facts).data if t.mode == "lines" and t.customdata is not None
    ]
    shown = [float(line.customdata[0][1]) for line in lines]
    light = [sum(map(float, re.findall(r"[\d.]+", line.line.color)[:3])) for line in lines]
    best = max if first == "maximize" else min
    assert len(lines) == 30
    assert shown[int(np.argmin(light))] == best(shown)


def test_advice_names_ends_idle_parameters_and_poor_choices() -> None:
    study = make(bowl, 60)
    for x in np.linspace(0.2, 0.4, 8).tolist():
        study.enqueue_trial({"x": x, "rate": 0.1, "kind": "good"})
    study.optimize(bowl, n_trials=8)
    said = " ".join(advice(StudyFacts(study)))
    assert "rate at the end of its range, 0.1. If higher values" in said
    assert re.search(r"kind does worse with (bad, )?worse", said)
    assert re.search(r"can be fixed: idle = 0\.\d+\.", said)


def test_too_little_is_known_for_advice() -> None:
    (said,) = advice(StudyFacts(make(bowl, 6)))
    assert said.startswith("6 complete trials are few")
    rng = np.random.default_rng(0)
    noise = make(lambda t: rng.normal() + 0.0 * t.suggest_float("x", 0, 1), 30)
    (said,) = advice(StudyFacts(noise))
    assert "predict each other badly" in said


def test_the_constraint_that_costs_something_is_active() -> None:
    found = {one.name: one for one in measured(StudyFacts(make(bowl, 60)))}
    assert found["size"].is_active
    assert not found["loose"].is_active
    assert found["loose"].n_kept == found["loose"].n_measured == 60
    assert 0 < found["size"].n_kept < 60


def test_the_best_of_random_values_is_their_expected_least() -> None:
    values = np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(
        expected_best(values, [1, 2], is_maximized=False), [7 / 3, (5 * 1 + 3 * 2 + 4) / 9]
    )
    np.testing.assert_allclose(
        expected_best(values, [1, 2], is_maximized=True), [7 / 3, (5 * 4 + 3 * 2 + 1) / 9]
    )


def test_the_best_so_far_counts_what_failed_and_skips_what_broke_a_constraint() -> None:
    study = optuna.create_study()
    x = FloatDistribution(0.0, 1.0)
    for value, constraint in ((None, 0.0), (5.0, 0.0), (1.0, 2.0), (3.0, -1.0), (4.0, 0.0)):
        state = optuna.trial.TrialState.FAIL if value is None else None
        study.add_trial(
            optuna.create_trial(
                state=state or optuna.trial.TrialState.COMPLETE,
                value=value,
                params={"x": 0.5},
                distributions={"x": x},
                constraints={"c": constraint},
            )
        )
    counts, best = running_best(StudyFacts(study))
    assert (counts, best.tolist()) == ([2, 3, 4, 5], [5.0, 5.0, 3.0, 3.0])


def test_studies_are_compared_by_their_seeds() -> None:
    studies = [
        make(bowl, 10 + 5 * i, study_name=name) for i, name in enumerate(("a-0", "a-1", "b"))
    ]
    said = plain(report_page(studies))
    assert "3 studies compared" in said
    assert "one standard deviation of a study" in said
    rows = re.findall(r"(a-0|a-1|b) (a|b) (\d+)", said)
    assert rows == [("a-0", "a", "10"), ("a-1", "a", "15"), ("b", "b", "20")]


def test_what_cannot_be_reported_is_a_clear_error() -> None:
    empty = optuna.create_study(study_name="empty")
    with pytest.raises(QhpoError, match="with trials; got empty with none"):
        report_page([empty])
    with pytest.raises(QhpoError, match="same objectives"):
        report_page([make(bowl, 2), make(bowl, 2, direction="maximize")])
    objectives = [make(two, 2, directions=["minimize", "minimize"]) for _ in range(2)]
    with pytest.raises(QhpoError, match="one objective can be compared; got 2"):
        report_page(objectives)


def test_a_long_study_has_a_short_page() -> None:
    rng = np.random.default_rng(0)
    space = {
        "x": FloatDistribution(0.0, 1.0),
        "y": FloatDistribution(0.0, 1.0),
        "kind": CategoricalDistribution(["a", "b"]),
    }
    study = optuna.create_study()
    trials = []
    for x, y in rng.random((3_000, 2)).tolist():
        params = {"x": x, "y": y, "kind": "ab"[int(x + y > 1)]}
        trial = optuna.create_trial(params=params, distributions=space, value=x - y)
        trials.append(trial)
    study.add_trials(trials)
    short = report_page([make(bowl, 100)])
    assert len(report_page([study])) < len(short) + 300_000


def test_configurations_are_pasted_as_they_are() -> None:
    params = {"x": 0.1, "name": "it's", "flag": True, "none": None, "big": math.inf}
    space: dict[str, Any] = {}
    code = as_python(params).replace("study.enqueue_trial(params)", "")
    exec(code, space)
    assert space["params"] == params
    assert as_arguments({"lr": 1e-05, "name": "it's", "flag": True, "none": None}) == (
        "--lr=1e-05 \\\n  '--name=it'\"'\"'s' \\\n  --flag=true \\\n  --none=null"
    )


def test_texts_are_short_and_escaped() -> None:
    assert text("<b>\n&") == "&lt;b&gt; &amp;"
    assert text("abcdef", 4) == "abc…"
    assert thinned(list(range(100)), 3) == [0, 50, 99]
    assert thinned([1, 2], 3) == [1, 2]


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    verbosity = optuna.logging.get_verbosity()
    make(bowl, 6, study_name="first", storage="sqlite:///qhpo.db")
    yield tmp_path
    optuna.logging.set_verbosity(verbosity)


def test_the_command_writes_the_page(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == 0
    assert capsys.readouterr().out == "wrote report.html\n"
    assert "first: what was learnt" in plain((stored / "report.html").read_text("utf-8"))
    assert sorted(path.name for path in stored.iterdir()) == ["qhpo.db", "report.html"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["frist"], "there is no study 'frist' in sqlite:///qhpo.db; did you mean first?"),
        (["-o", "page.pdf"], "a report must be a file ending in .html; got page.pdf"),
        (["-o", "no/page.html"], "the file no/page.html cannot be written: No such file"),
        (["--storage", "sqlite:///no.db"], "there is no file no.db"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    stored: Path, capsys: pytest.CaptureFixture[str], args: list[str], message: str
) -> None:
    assert main(["report", *args]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert [path.name for path in stored.iterdir()] == ["qhpo.db"]


def test_of_several_studies_one_must_be_named(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    optuna.create_study(study_name="second", storage="sqlite:///qhpo.db")
    assert main(["report"]) == 2
    assert "holds 2 studies, so name one; got none; they are: first, second" in (
        capsys.readouterr().err
    )
