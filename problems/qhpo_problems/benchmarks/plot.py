"""Regret curves as a picture."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qhpo.cli.report import plural
from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.benchmarks.records import RunRecord
from qhpo_problems.benchmarks.summary import LOG_FLOOR, collect, standard_error

__all__ = ["check_plot_path", "plot_regret"]

# Okabe and Ito (2008): told apart by people who see few colours, and in print.
_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#555555", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("-", "--", "-.", ":")


def check_plot_path(path: Path) -> None:
    """Tell before hours of work whether `plot_regret` will be able to draw.

    Raises:
        QhpoError: If the file does not end in .png.
        MissingExtraError: If matplotlib is not installed.
    """
    if path.suffix.lower() != ".png":
        raise QhpoError(f"a plot must be a file ending in .png; got {path}")
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("a plot", "matplotlib", "report")


def plot_regret(records: Sequence[RunRecord], path: Path) -> None:
    """Draw mean normalized regret against the number of trials, one line per sampler.

    The band is one standard error over seeds to either side. The axis ends at 1, the median of the
    tables: what the first random trials are worth says nothing about a sampler.

    Raises:
        QhpoError: If the file does not end in .png, or the records are no complete comparison.
        MissingExtraError: If matplotlib is not installed.
    """
    check_plot_path(path)
    from matplotlib.figure import Figure

    blocks = collect(records)
    trials = np.arange(1, blocks.trials + 1)
    figure = Figure(figsize=(8, 5), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    lowest = 1.0
    for position, (sampler, regret) in enumerate(zip(blocks.samplers, blocks.regret, strict=True)):
        mean = regret.mean(axis=(0, 1))
        lowest = min(lowest, float(mean[-1]))
        turn, colour = divmod(position, len(_COLOURS))
        (line,) = axes.plot(
            trials,
            np.maximum(mean, LOG_FLOOR),  # zero would leave the logarithmic axis
            color=_COLOURS[colour],
            linestyle=_STYLES[turn % len(_STYLES)],
            linewidth=1.8,
            label=f"{sampler}  {mean[-1]:.4f}",
        )
        error = standard_error(regret)
        if error is not None:
            axes.fill_between(
                trials,
                np.maximum(mean - error, LOG_FLOOR),
                np.maximum(mean + error, LOG_FLOOR),
                color=line.get_color(),
                alpha=0.15,
                linewidth=0,
            )
    axes.set_yscale("log")
    axes.set_ylim(max(lowest, LOG_FLOOR) / 2, 1.0)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlim(1, max(blocks.trials, 2))
    axes.set_xlabel("trials")
    axes.set_ylabel("mean normalized regret (1 = median of the table)")
    axes.set_title(
        f"{plural(len(blocks.tables), 'table')}, {plural(len(blocks.seeds), 'seed')}"
        + (", band: one standard error" if len(blocks.seeds) > 1 else ""),
        fontsize=11,
    )
    axes.grid(visible=True, which="major", alpha=0.35)
    axes.grid(visible=True, which="minor", alpha=0.12)
    axes.legend(
        title=f"regret after {plural(blocks.trials, 'trial')}", loc="upper right", frameon=False
    )
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
