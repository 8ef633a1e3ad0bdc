"""A model as a picture: every bias, between the values of every parameter."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from qhpo.suggest import QuadraticModel

__all__ = ["draw_model"]

_LONGEST = 28
"""Characters of a parameter's name."""

_NAMED = 40
"""Variables beyond which names would lie upon each other."""


def draw_model(model: QuadraticModel) -> Figure:
    """Linear biases on the diagonal, those of pairs beside it, a block for every parameter.

    They are those of the discrete model: what keeps one value of a parameter at a time is left out,
    as it would outshine all others.
    """
    tables = model.tables
    biases = tables.quadratic + np.diag(tables.linear)
    # Of two cases of one variable there is none.
    same = tables.block[:, None] == tables.block
    shown = np.ma.masked_array(biases, same & ~np.eye(len(biases), dtype=bool))
    most = float(np.abs(shown).max()) or 1.0
    figure = Figure(figsize=(8.0, 7.0), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("#eeeeee")
    image = axes.imshow(shown, cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest")
    figure.colorbar(image, ax=axes, label="bias: blue is better, red is worse", shrink=0.8)
    for start in tables.starts[1:-1].tolist():
        axes.axhline(start - 0.5, color="#555555", linewidth=0.5)
        axes.axvline(start - 0.5, color="#555555", linewidth=0.5)
    middles = (tables.starts[:-1] + tables.starts[1:] - 1) / 2.0
    names = [axis.name for axis in model.space.axes]
    names += [f"rule {i + 1}" for i in range(tables.n_variables - len(names))]
    if len(names) <= _NAMED:
        # A dollar sign would begin mathematics.
        labels = [_short(name).replace("$", r"\$") for name in names]
        axes.set_xticks(middles, labels, rotation=90)
        axes.set_yticks(middles, labels)
    else:
        axes.set_xticks([])
        axes.set_yticks([])
    n_bits = len(tables.linear)
    axes.set_title(
        f"{tables.n_variables} variables, {n_bits} binary ones, "
        f"{tables.n_couplers} pairs of values with a bias",
        fontsize=11,
    )
    return figure


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
