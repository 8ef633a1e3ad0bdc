"""A comparison of formulations as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qhpo_problems.benchmarks.arrangement import arrange
from qhpo_problems.benchmarks.formulations.comparison import Comparison
from qhpo_problems.benchmarks.formulations.runner import ComparisonRun
from qhpo_problems.benchmarks.plot import check_plot_path

__all__ = ["plot_comparison"]

# Okabe and Ito (2008), as in the regret curves, and markers for those who see no colours.
_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#555555", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

# Metrics that are shares, 0 to 1. Named here and not in the comparisons, as a change of their
# source would make every run of theirs one to repeat.
_SHARES = ("accuracy", "optimum", "right")


def plot_comparison(comparison: Comparison, records: Sequence[ComparisonRun], path: Path) -> None:
    """Draw the first metric of every method, one panel per data set, a colour per setting.

    Dots are means over seeds, bars one standard deviation to either side; of a share, no further
    than 0 and 1.

    Raises:
        QhpoError: If the file does not end in .png, or the records are no complete comparison.
        MissingExtraError: If matplotlib is not installed.
    """
    check_plot_path(path)
    from matplotlib.figure import Figure

    grid = arrange(records)
    metric = comparison.metrics[0].name
    width = 1.5 + 3.5 * len(grid.tables)
    figure = Figure(figsize=(width, 1.5 + 0.4 * len(grid.samplers)), dpi=150, layout="constrained")
    panels = figure.subplots(1, len(grid.tables), sharey=True, squeeze=False)[0]
    rows = np.arange(len(grid.samplers), dtype=float)
    steps = len(comparison.settings)
    for axes, table in zip(panels, grid.tables, strict=True):
        for position, setting in enumerate(comparison.settings):
            numbers = np.array(
                [
                    [grid.runs[m, table, s].numbers[position][metric] for s in grid.seeds]
                    for m in grid.samplers
                ]
            )
            means = numbers.mean(axis=1)
            axes.errorbar(
                means,
                rows + 0.5 * (position + 0.5) / steps - 0.25,
                xerr=_bars(numbers, share=metric in _SHARES) if len(grid.seeds) > 1 else None,
                color=_COLOURS[position % len(_COLOURS)],
                marker=_MARKERS[position % len(_MARKERS)],
                linestyle="",
                markersize=5,
                capsize=2,
                label=setting,
            )
        axes.set_title(table, fontsize=11)
        axes.set_xlabel(metric)
        axes.grid(visible=True, axis="x", alpha=0.35)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    panels[0].set_yticks(rows, grid.samplers)
    panels[0].invert_yaxis()
    if steps > 1:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _bars(numbers: NDArray[np.float64], *, share: bool) -> NDArray[np.float64]:
    """Lengths of the error bars below and above the mean, shape (2, methods).

    Args:
        numbers: Of every method with every seed, shape (methods, seeds).
        share: Whether the numbers are shares, so that the bars end at 0 and 1.
    """
    lengths = np.tile(numbers.std(axis=1, ddof=1), (2, 1))
    means = numbers.mean(axis=1)
    return np.minimum(lengths, (means, 1 - means)) if share else lengths
