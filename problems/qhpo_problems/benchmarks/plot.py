"""A comparison as a picture: curves over trials, or a dot for every method."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qhpo.cli.report import plural
from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.benchmarks.results import Group, Reduce, Results, standard_error
from qhpo_problems.benchmarks.suite import Metric, Suite

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["check_plot_path", "draw"]

# Okabe and Ito (2008): told apart by people who see few colours, and in print.
_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#555555", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# For those who see no colours, and for more methods than there are colours.
_STYLES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
# Panels side by side: more would be too narrow to read on a page.
_COLUMNS = 3

# Characters of a line above a panel of curves and of dots: at this size of letters as wide as it.
_TITLE = 54
_DOTS_TITLE = 40

# Numbers on an axis of dots, at most: more would run into each other where they have many digits.
_TICKS = 5

# What a sampler is said to have where its number is infinite: no feasible trial, no training.
_NONE = "none"

FloatArray = npt.NDArray[np.float64]


def check_plot_path(path: Path) -> None:
    """Tell before hours of work whether `draw` will be able to draw.

    Raises:
        QhpoError: If the file ends in neither .png nor .svg.
        MissingExtraError: If matplotlib is not installed.
    """
    if path.suffix.lower() not in (".png", ".svg"):
        raise QhpoError(f"a plot must be a file ending in .png or .svg; got {path}")
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("a plot", "matplotlib", "report")


def draw(suite: Suite, results: Results, path: Path) -> None:
    """Draw the metric of a suite that stands for it.

    Curves have a panel for each group: the metric over all tables and seeds, with a band of one
    standard error over seeds to either side. What is known after each trial is drawn as steps, what
    is asked for after some of them as points with lines between. A logarithmic axis ends at 1, the
    median of the tables, or below: what the first random trials are worth says nothing about a
    sampler. Dots are means over seeds, in a panel for each group and a colour for each point; their
    bars are one standard error to either side.

    Raises:
        QhpoError: If the file ends in neither .png nor .svg.
        MissingExtraError: If matplotlib is not installed.
    """
    check_plot_path(path)
    figure = _curves(suite, results) if suite.plot == "curves" else _dots(suite, results)
    for axes in figure.axes:
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _curves(suite: Suite, results: Results) -> Figure:
    from matplotlib.figure import Figure

    groups = suite.drawn_groups(results)
    rows, columns = _grid(len(groups))
    size = (9.5, 5.0) if len(groups) == 1 else (6.5 * columns, 4.0 * rows)
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, group in zip(places, groups, strict=False):
        _curves_of(axes, suite, group, results)
    for axes in places[len(groups) :]:
        axes.remove()
    return figure


def _grid(panels: int) -> tuple[int, int]:
    """Rows and columns of the panels: of the fewest rows, the fewest columns."""
    rows = -(-panels // _COLUMNS)
    return rows, -(-panels // rows)


def _curves_of(axes: Axes, suite: Suite, group: Group, results: Results) -> None:
    from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter

    metric = suite.drawn
    numbers = group.data[metric.field or metric.name]
    trials = group.trials or range(1, numbers.shape[-1] + 1)
    means = _each_trial(metric.value, numbers)
    has_band = metric.error is not None and len(results.seeds) > 1
    errors = _each_trial(metric.error, numbers) if metric.error is not None else means

    def drawn(curve: FloatArray) -> FloatArray:
        # Zero would leave a logarithmic axis, and infinity any.
        finite = np.where(np.isfinite(curve), curve, np.nan)
        return finite if metric.floor is None else np.maximum(finite, metric.floor)

    for position, (method, curve, error) in enumerate(
        zip(results.methods, means, errors, strict=True)
    ):
        turn, colour = divmod(position, len(_COLOURS))
        (line,) = axes.plot(
            trials,
            drawn(curve),
            color=_COLOURS[colour],
            linestyle=_STYLES[turn % len(_STYLES)],
            linewidth=1.8,
            marker="o" if group.trials else "",  # where a run was judged
            drawstyle="default" if group.trials else "steps-post",
            markersize=4,
            clip_on=not group.trials,  # a whole point at the ends of the axis, too
            label=f"{method}  {metric.show(end) if np.isfinite(end := curve[-1]) else _NONE}",
        )
        if has_band:
            axes.fill_between(
                trials,
                drawn(curve - error),
                drawn(curve + error),
                color=line.get_color(),
                alpha=0.15,
                linewidth=0,
                step=None if group.trials else "post",
            )
    if metric.floor is not None:
        axes.set_yscale("log")
        top = np.nanmax(drawn(means + errors if has_band else means))
        axes.set_ylim(np.clip(means[:, -1].min(), metric.floor, 1.0) / 2, min(1.1 * top, 1.0))
        # A range of less than a decade has numbers, too.
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(trials[0], max(trials[-1], trials[0] + 1))
    ticks = FixedLocator(list(trials)) if group.trials else MaxNLocator(integer=True)
    axes.xaxis.set_major_locator(ticks)
    axes.set_xlabel(f"{suite.row}s")
    axes.set_ylabel(metric.label or metric.name)
    # A line of its own: titles of panels side by side would run into each other.
    title = fill(group.title, _TITLE)
    axes.set_title(title + ("\nband: one standard error" if has_band else ""), fontsize=11)
    axes.grid(visible=True, which="major", alpha=0.35)
    axes.grid(visible=True, which="minor", alpha=0.12)
    # Beside the panel: inside it would hide curves.
    axes.legend(
        title=f"{metric.name} after\n{plural(trials[-1], suite.row)}",
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        frameon=False,
        alignment="left",
    )


def _each_trial(reduce: Reduce, numbers: FloatArray) -> FloatArray:
    """A number of each method after each trial, from shape (methods, tables, seeds, trials)."""
    return np.stack([reduce(numbers[..., row]) for row in range(numbers.shape[-1])], axis=-1)


def _dots(suite: Suite, results: Results) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.ticker import MaxNLocator

    metric, groups = suite.drawn, suite.drawn_groups(results)
    rows_of_panels, columns = _grid(len(groups))
    n_methods = len(results.methods)
    size = 1.5 + 3.5 * columns, rows_of_panels * (1.8 + 0.4 * n_methods)
    # Padding, in inches: the last number of an axis and the first of the next one are apart.
    figure = Figure(figsize=size, dpi=150, layout=ConstrainedLayoutEngine(w_pad=0.12))
    panels = figure.subplots(rows_of_panels, columns, sharey=True, squeeze=False).ravel()
    rows = np.arange(n_methods, dtype=float)
    for axes, group in zip(panels, groups, strict=False):
        steps, has_bars = len(group.points), False
        for position, (end, at) in enumerate(group.points.items()):
            known = group.data[metric.field or metric.name]
            numbers = known[..., at] if metric.each else known
            bars = _bars(metric, numbers)
            has_bars = has_bars or bars is not None
            axes.errorbar(
                metric.value(numbers),
                rows + 0.5 * (position + 0.5) / steps - 0.25,
                xerr=bars,
                color=_COLOURS[position % len(_COLOURS)],
                marker=_MARKERS[position % len(_MARKERS)],
                linestyle="",
                markersize=5,
                capsize=2,
                label=end.removeprefix(", "),
            )
        title = fill(group.title, _DOTS_TITLE)
        axes.set_title(title + ("\nbar: one standard error" if has_bars else ""), fontsize=10)
        axes.xaxis.set_major_locator(MaxNLocator(_TICKS))
        axes.set_xlabel(metric.label or metric.name)
        axes.grid(visible=True, axis="x", alpha=0.35)
    for axes in panels[len(groups) :]:
        axes.remove()
    panels[0].set_yticks(rows, results.methods)
    panels[0].set_ylim(n_methods - 0.5, -0.5)
    if len(groups[0].points) > 1:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center")
    return figure


def _bars(metric: Metric, numbers: FloatArray) -> FloatArray | None:
    """Lengths of the error bars on either side of the value, shape (methods,); None without.

    Args:
        metric: What is drawn.
        numbers: Of every method with every seed, shape (methods, tables, seeds); a group of models
            has no seeds.
    """
    if numbers.ndim < 3 or numbers.shape[2] < 2:
        return None
    return (metric.error or standard_error)(numbers)
