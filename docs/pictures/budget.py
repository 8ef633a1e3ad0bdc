"""Draws what the README's first example finds: python docs/pictures/budget.py writes budget.png.

Every trial is a point: how many weights its network would have. What is over the budget was never
trained.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import optuna
from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent
README = HERE.parents[1] / "README.md"
BUDGET = 4_000
KEPT, BROKEN = "#0072B2", "#D55E00"


def studies() -> list[optuna.Study]:
    """What the first Python block of the README makes."""
    block = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    assert block is not None
    names: dict[str, Any] = {}
    exec(compile(block[1], str(README), "exec"), names)
    found: list[optuna.Study] = names["studies"]
    return found


def weights(trial: optuna.trial.FrozenTrial) -> int:
    """Weights of the network of a trial."""
    first, second = trial.params["width_1"], trial.params["width_2"]
    return int(64 * first + first * second + 10 * second)


def draw(found: list[optuna.Study]) -> None:
    """One panel a sampler."""
    figure = Figure(figsize=(9, 3.2), dpi=150, layout="constrained")
    panels = figure.subplots(1, len(found), sharey=True)
    for axes, study in zip(panels, found, strict=True):
        sizes = [weights(trial) for trial in study.trials]
        kept = [size <= BUDGET for size in sizes]
        for is_kept, marker, colour in ((True, "o", KEPT), (False, "x", BROKEN)):
            numbers = [n for n, k in enumerate(kept) if k == is_kept]
            axes.plot(numbers, [sizes[n] for n in numbers], marker, color=colour, markersize=5)
        axes.axhline(BUDGET, color="#555555", linestyle="--", linewidth=1)
        name = type(study.sampler).__name__
        axes.set_title(
            f"{name}: {sum(kept)} of {len(kept)} kept the rule\nbest error {study.best_value:.2%}",
            fontsize=10,
        )
        axes.set_xlabel("trial")
        axes.grid(visible=True, axis="y", alpha=0.35)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    panels[0].set_ylabel("weights of its network")
    panels[0].annotate("budget", (0, BUDGET), xytext=(0, 4), textcoords="offset points", fontsize=9)
    figure.savefig(HERE / "budget.png")


if __name__ == "__main__":
    draw(studies())
