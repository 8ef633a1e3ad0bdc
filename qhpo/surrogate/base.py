"""What a surrogate is: beliefs about the values of all configurations, given those of some.

Glossary
--------
d, D, n, M
    Axes; levels of all axes together; observed configurations; members of the ensemble that a
    surrogate is, 1 where it is none.
x
    Configurations as coordinates, NaN where an axis is inactive.

Values are those of the surrogate's own transform, smaller is better. What a member believes about a
value is normal, and the surrogate believes its members in equal parts.

BoTorch's `Model.posterior` and `Model.condition_on_observations` are the models of this protocol.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from qhpo.encoding import DenseDQM
from qhpo.space import Space

__all__ = ["Moments", "Part", "QuadraticKind", "Surrogate", "SurrogateFitter"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

QuadraticKind = Literal["mean", "draw"]


class Moments(NamedTuple):
    """Predictive means and variances, without the noise, each of shape (M, ...)."""

    mean: FloatArray
    variance: FloatArray


class Part(NamedTuple):
    """Some axes, while the others stay as they are in a configuration.

    Attributes:
        axes: Numbers of the axes, increasing, shape (k,).
        x: The configuration, shape (d,), NaN where inactive.
    """

    axes: IntArray
    x: FloatArray


class Surrogate(Protocol):
    """Beliefs about the values of configurations.

    Attributes:
        space: The search space.
        n_members: M.
        observed: Configurations whose values it was given, those believed included, shape (n, d).
        observed_mean: Predictive means at them, shape (M, n), as `predict` has them. Improvement is
            counted from the least of them.
        noise: Variance of the noise of one observation, shape (M,).
    """

    space: Space
    n_members: int
    observed: FloatArray
    observed_mean: FloatArray
    noise: FloatArray

    def predict(self, x: FloatArray) -> Moments:
        """At configurations of any values, (q, d) to (M, q)."""
        ...

    def predict_changes(self, x: FloatArray, axes: IntArray) -> Moments:
        """At all configurations that differ in at most one of some axes, (S, d) to (M, S, D).

        Args:
            x: The configurations.
            axes: Which axes, shape (k,), increasing. There is a column for every level of theirs,
                which sets the axis to it.
        """
        ...

    def predict_axis(self, x: FloatArray, axis: int, points: FloatArray) -> Moments:
        """At one configuration, shape (d,), with one axis set to each of P coordinates: (M, P)."""
        ...

    def quadratic(
        self, kind: QuadraticKind, member: int, rng: np.random.Generator, part: Part | None = None
    ) -> DenseDQM:
        """Main effects and pair interactions over the levels, exactly.

        Args:
            kind: Of a member's mean, or of one function drawn from what it believes.
            member: Number of the member.
            rng: Draws the function.
            part: Which axes the model is about; None for all. Energies then need be equal but for
                a constant.
        """
        ...

    def believing(self, x: FloatArray) -> Surrogate:
        """The same, had configurations (p, d) been observed at their predicted means.

        The kriging believer (Ginsbourger, Le Riche, Carraro 2010, "Kriging is well-suited to
        parallelize optimization"): parallel workers spread out.
        """
        ...


class SurrogateFitter(Protocol):
    """Makes surrogates from what was observed, and may remember what helps to make the next one.

    What it makes is a function of its arguments, whatever it remembers.
    """

    def fit(
        self,
        space: Space,
        x: FloatArray,
        values: FloatArray,
        worth: FloatArray | None = None,
    ) -> Surrogate:
        """The surrogate given observations.

        Args:
            space: The search space.
            x: Observed configurations in order of completion, shape (n, d).
            values: Their values, shape (n,), smaller is better; may be infinite.
            worth: Which to keep where there are too many, shape (n,), smaller is better: surrogates
                of the same worth keep the same. None for the values.
        """
        ...

    def transformed(self, space: Space, x: FloatArray, values: FloatArray) -> FloatArray:
        """The values as the surrogate of these observations has them, shape (n,)."""
        ...
