"""The figures of a page, each wide as the page is and readable on a phone."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
import plotly.graph_objects as go
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qhpo import Interactions
from qhpo.importance import Curve
from qhpo_integrations.report.facts import StudyFacts, text, thinned

__all__ = [
    "best_so_far",
    "comparison",
    "curve",
    "curve_ends",
    "front",
    "importances",
    "interaction_map",
    "parallel",
    "reports",
    "running_best",
]

FloatArray = NDArray[np.float64]

# Okabe and Ito (2008): told apart by people who see few colours, and in print.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#767676"
_COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#555555", "#000000")

_MOST_POINTS = 600
"""Trials that are drawn one by one: more would lie upon each other."""

_MOST_LINES = 100
"""Trials of the parallel coordinates, each a line of its own."""

_MOST_AXES = 4
"""Parameters beside each other that a phone has room for."""

_MOST_MAPPED = 12
"""Parameters of the interaction map: more names than these cannot be read on a phone."""

_WEAK = 5.0
"""Share of the differences, in per cent, that has the strongest colour where no pair has more."""

_KEPT = {"Feasible": "kept all constraints", "Infeasible": "broke one"}
"""Optuna's words, in plain ones."""

_MOST_REPORTS = 60
"""Trials whose values during training are drawn."""


def _figure(height: int, **layout: Any) -> go.Figure:
    """An empty figure in the style of the page."""
    figure = go.Figure()
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        font={"family": "system-ui, sans-serif", "size": 12, "color": "#222"},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        hoverlabel={"align": "left"},
        **layout,
    )
    figure.update_xaxes(automargin=True, title_standoff=8)
    figure.update_yaxes(automargin=True, title_standoff=8)
    return figure


def running_best(facts: StudyFacts) -> tuple[list[int], FloatArray]:
    """Counts of finished trials and the best value by then, from the first one that has a value."""
    keep = {trial.number for trial in facts.kept}
    better = max if facts.is_maximized else min
    count, best = 0, None
    counts: list[int] = []
    values: list[float] = []
    for trial in facts.trials:
        if not trial.state.is_finished():
            continue
        count += 1
        if trial.number in keep:
            best = trial.values[0] if best is None else better(best, trial.values[0])
        if best is not None:
            counts.append(count)
            values.append(best)
    return counts, np.array(values)


def expected_best(values: FloatArray, counts: Sequence[int], *, is_maximized: bool) -> FloatArray:
    """The expected best of k values drawn from some, for every k, shape (len(counts),).

    The least of k is the i-th of n increasing values with probability
    ((n - i + 1) / n)^k - ((n - i) / n)^k.
    """
    ordered = -values[::-1] if is_maximized else values
    left = 1.0 - np.arange(len(ordered) + 1) / len(ordered)
    powers = left[None, :] ** np.array(counts)[:, None]
    best: FloatArray = (powers[:, :-1] - powers[:, 1:]) @ ordered
    return -best if is_maximized else best


def best_so_far(facts: StudyFacts) -> go.Figure:
    """Every trial's value, the best so far, and what random trials would have reached."""
    counts, best = running_best(facts)
    figure = _figure(360)
    ended = [t for t in facts.trials if t.state.is_finished()]
    place = {trial.number: i + 1 for i, trial in enumerate(ended)}
    drawn = thinned(facts.complete, _MOST_POINTS)
    figure.add_scatter(
        x=[place[t.number] for t in drawn],
        y=[t.values[0] for t in drawn],
        mode="markers",
        marker={"color": GREY, "size": 5, "opacity": 0.55},
        name="a trial",
    )
    kept = _changes(best)
    figure.add_scatter(
        x=[counts[i] for i in kept],
        y=best[kept],
        mode="lines",
        line={"color": BLUE, "width": 2.5, "shape": "hv"},
        name="best so far",
    )
    random = facts.effects[0].random
    if facts.is_learnt:
        asked = sorted({round(k) for k in np.geomspace(1, max(counts[-1], 1), 80).tolist()})
        figure.add_scatter(
            x=asked,
            y=expected_best(random, asked, is_maximized=facts.is_maximized),
            mode="lines",
            line={"color": ORANGE, "width": 2, "dash": "dash"},
            name="random search (expected)",
        )
    figure.update_xaxes(title="trials finished", rangemode="tozero")
    figure.update_yaxes(title=text(facts.metrics[0], 30), range=_visible(facts, best))
    return figure


def _changes(best: FloatArray) -> list[int]:
    """Where a step curve changes, and its end."""
    if not len(best):
        return []
    return [0, *(np.flatnonzero(np.diff(best)) + 1).tolist(), len(best) - 1]


def _visible(facts: StudyFacts, best: FloatArray) -> list[float]:
    """From the best value to where nine of ten trials are: diverged ones would flatten the rest."""
    values = np.array([t.values[0] for t in facts.complete])
    sign = -1.0 if facts.is_maximized else 1.0
    signed = sign * values
    low = float(signed.min())
    high = float(np.quantile(signed, 0.9)) if len(signed) > 10 else float(signed.max())
    if len(best):
        high = max(high, float(sign * best[min(len(best) - 1, 5)]))
    margin = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
    ends = [sign * (low - margin), sign * (high + margin)]
    return sorted(ends)


def parallel(facts: StudyFacts) -> go.Figure:
    """Optuna's parallel coordinates of the first objective and the strongest parameters."""
    names = facts.strongest(_MOST_AXES)
    study = facts.excerpt(facts.complete, _MOST_LINES)
    wanted = [facts.shown[name] for name in names]
    figure = optuna.visualization.plot_parallel_coordinate(
        study, params=wanted, target_name=text(facts.metrics[0], 14)
    )
    figure.update_layout(
        title=None,
        template="plotly_white",
        height=400,
        margin={"l": 44, "r": 16, "t": 28, "b": 8},
        font={"family": "system-ui, sans-serif", "size": 11, "color": "#222"},
    )
    labels = [_cut(label) for label in figure.layout.xaxis.ticktext]
    figure.update_xaxes(automargin=True, tickangle=-30, ticktext=labels)
    # Numbers stand on the lines.
    figure.update_annotations(bgcolor="rgba(255, 255, 255, 0.75)")
    # Its colours are explained below it, where a phone has room.
    figure.update_traces(marker_showscale=False, selector={"mode": "markers"})
    figure.for_each_trace(lambda trace: trace.update(name=_KEPT.get(trace.name, trace.name)))
    return figure


def _cut(shown: str) -> str:
    """An escaped text for a narrow place."""
    return text(html.unescape(shown), 14)


def importances(facts: StudyFacts, effects: Interactions) -> go.Figure:
    """What every parameter does alone, and with others."""
    names = [name for name in facts.strongest(16) if name in effects.total][::-1]
    figure = _figure(90 + 30 * len(names), barmode="stack")
    figure.update_layout(legend_traceorder="normal")
    alone = [effects.main[name] for name in names]
    others = [max(effects.total[n].value - effects.main[n].value, 0.0) for n in names]
    labels = [facts.shown[name] for name in names]
    figure.add_bar(
        y=labels,
        x=[100 * share.value for share in alone],
        orientation="h",
        marker={"color": BLUE},
        name="alone",
    )
    figure.add_bar(
        y=labels,
        x=[100 * share for share in others],
        orientation="h",
        marker={"color": "#8FC6E8"},
        name="with others",
    )
    # Behind the bars they would be hidden in part.
    figure.add_scatter(
        y=labels,
        x=[100 * share.value for share in alone],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [100 * share.deviation for share in alone],
            "arrayminus": [100 * min(share.deviation, share.value) for share in alone],
            "color": "#222",
            "thickness": 1.2,
        },
        mode="markers",
        marker={"color": "#222", "size": 3},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_xaxes(title="share of the differences, %", rangemode="tozero")
    figure.update_yaxes(ticksuffix=" ")
    return figure


def curve(facts: StudyFacts, name: str, found: Curve, ends: tuple[float, float]) -> go.Figure:
    """What each value of a parameter brings.

    Args:
        facts: The study.
        name: The parameter.
        found: Its curve.
        ends: Of the axis of values, the same for all parameters.
    """
    distribution = facts.params[name]
    figure = _figure(220, showlegend=False)
    labels = [text(value, 14) or "(empty)" for value in found.values]
    if isinstance(distribution, CategoricalDistribution):
        figure.add_scatter(
            x=labels,
            y=found.expected,
            error_y={
                "type": "data",
                "symmetric": False,
                "array": np.abs(found.high - found.expected),
                "arrayminus": np.abs(found.expected - found.low),
                "color": BLUE,
            },
            mode="markers",
            marker={"color": BLUE, "size": 8},
        )
        figure.update_xaxes(type="category")
    else:
        assert isinstance(distribution, (FloatDistribution, IntDistribution))
        values = list(found.values)
        figure.add_scatter(
            x=[*values, *values[::-1]],
            y=np.concatenate([found.high, found.low[::-1]]),
            mode="lines",
            fill="toself",
            fillcolor="rgba(0, 114, 178, 0.18)",
            line={"width": 0},
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=values, y=found.expected, mode="lines+markers", line={"color": BLUE, "width": 2}
        )
        if distribution.log:
            figure.update_xaxes(type="log", dtick=_log_tick(distribution), exponentformat="power")
    # Of several objectives no trial is the best one.
    if facts.is_single and facts.best and name in facts.best[0].params:
        best = facts.best[0].params[name]
        if isinstance(distribution, CategoricalDistribution):
            # An axis of texts counts them, those that are alike once.
            places = {label: place for place, label in enumerate(dict.fromkeys(labels))}
            best = places[text(best, 14) or "(empty)"]
        figure.add_vline(x=best, line={"color": ORANGE, "width": 1.5, "dash": "dot"})
    figure.update_yaxes(range=ends, nticks=5)
    return figure


def _log_tick(distribution: FloatDistribution | IntDistribution) -> int | str:
    """Whole powers of ten only, where there are several."""
    decades = math.log10(distribution.high / distribution.low)
    return max(1, math.ceil(decades / 5)) if decades > 2 else "D2"


def interaction_map(facts: StudyFacts, effects: Interactions) -> go.Figure:
    """The strength of every pair."""
    names = facts.strongest(_MOST_MAPPED)
    place = {name: i for i, name in enumerate(names)}
    strengths = np.full((len(names), len(names)), np.nan)
    for (one, other), share in effects.pair.items():
        if one in place and other in place:
            i, j = sorted((place[one], place[other]))
            strengths[j, i] = 100 * share.value
    labels = [_cut(facts.shown[name]) for name in names]
    pattern = "%.0f" if np.nanmax(strengths, initial=0.0) >= 10.0 else "%.1f"
    shown = np.where(np.isnan(strengths), "", np.char.mod(pattern, np.nan_to_num(strengths)))
    figure = _figure(min(140 + 34 * len(names), 520))
    figure.add_heatmap(
        x=labels[:-1],
        y=labels[1:],
        z=strengths[1:, :-1],
        text=shown[1:, :-1],
        texttemplate="%{text}",
        colorscale=[[0.0, "#F2F7FB"], [1.0, BLUE]],
        zmin=0.0,
        # So that pairs that are all weak look weak.
        zmax=max(_WEAK, float(np.nanmax(strengths, initial=0.0))),
        xgap=2,
        ygap=2,
        hovertemplate="%{y} with %{x}: %{z:.1f} %<extra></extra>",
        colorbar={"title": "%", "thickness": 10, "len": 0.8},
    )
    figure.update_xaxes(tickangle=-45, showgrid=False, type="category")
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return figure


def front(facts: StudyFacts) -> go.Figure:
    """Of several objectives, what was reached together: the first two of them."""
    best = {trial.number for trial in facts.best}
    figure = _figure(380)
    for name, colour, chosen in (
        ("a trial", GREY, [t for t in facts.complete if t.number not in best]),
        ("no other is better in all", ORANGE, [t for t in facts.complete if t.number in best]),
    ):
        drawn = thinned(chosen, _MOST_POINTS)
        figure.add_scatter(
            x=[t.values[0] for t in drawn],
            y=[t.values[1] for t in drawn],
            text=[f"trial {t.number}" for t in drawn],
            mode="markers",
            marker={"color": colour, "size": 7, "opacity": 0.8},
            name=name,
        )
    figure.update_xaxes(title=text(facts.metrics[0], 30))
    figure.update_yaxes(title=text(facts.metrics[1], 30))
    return figure


def reports(facts: StudyFacts) -> go.Figure | None:
    """Values that trials reported while they ran; None where none has."""
    told = [t for t in facts.trials if len(t.intermediate_values) > 1]
    if not told:
        return None
    figure = _figure(320, showlegend=False)
    for trial in thinned(told, _MOST_REPORTS):
        steps = thinned(sorted(trial.intermediate_values), 100)
        is_pruned = trial.state.name == "PRUNED"
        figure.add_scatter(
            x=steps,
            y=[_finite(trial.intermediate_values[step]) for step in steps],
            mode="lines",
            line={"color": ORANGE if is_pruned else BLUE, "width": 1},
            opacity=0.55,
            hovertemplate=f"trial {trial.number}: %{{y}}<extra></extra>",
        )
    figure.update_xaxes(title="step")
    figure.update_yaxes(title="reported value")
    return figure


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def comparison(groups: Sequence[tuple[str, Sequence[StudyFacts]]]) -> go.Figure:
    """The best value so far of some groups of studies: mean and spread.

    Args:
        groups: Name, and studies that differ by their seed.
    """
    figure = _figure(380)
    for position, (name, members) in enumerate(groups):
        colour = _COLOURS[position % len(_COLOURS)]
        dash = ("solid", "dash", "dot", "dashdot")[position // len(_COLOURS) % 4]
        runs = [running_best(facts) for facts in members]
        runs = [run for run in runs if run[0]]
        if not runs:
            continue
        first = max(counts[0] for counts, _ in runs)
        last = min(counts[-1] for counts, _ in runs)
        if last < first:
            continue
        asked = thinned(range(first, last + 1), 200)
        curves = np.array([[best[k - counts[0]] for k in asked] for counts, best in runs])
        mean, spread = curves.mean(axis=0), curves.std(axis=0)
        if len(runs) > 1:
            figure.add_scatter(
                x=[*asked, *asked[::-1]],
                y=np.concatenate([mean + spread, (mean - spread)[::-1]]),
                mode="lines",
                fill="toself",
                fillcolor=colour,
                opacity=0.18,
                line={"width": 0, "shape": "hv"},
                hoverinfo="skip",
                showlegend=False,
            )
        figure.add_scatter(
            x=asked,
            y=mean,
            mode="lines",
            line={"color": colour, "width": 2.2, "dash": dash, "shape": "hv"},
            name=text(name, 30),
        )
    figure.update_xaxes(title="trials finished", rangemode="tozero")
    figure.update_yaxes(title=f"best {text(groups[0][1][0].metrics[0], 30)} so far")
    return figure


def curve_ends(found: Sequence[Curve]) -> tuple[float, float]:
    """Ends of an axis that holds some curves and their uncertainty."""
    low = min(float(np.minimum(c.low, c.high).min()) for c in found)
    high = max(float(np.maximum(c.low, c.high).max()) for c in found)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin
