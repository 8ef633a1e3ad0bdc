"""Covariance of the values along the curves of trials.

Glossary
--------
i, j
    Trials, with configurations x_i, x_j.
s, T
    A step at which a trial reports; the last step of complete trials.
l
    What is left of the training, log(T / s) / log(T / first step), in [0, 1]; 0 at its end.
k_x
    The house's ANOVA kernel over configurations, see `qhpo.surrogate.kernel`, without its constant.
g
    One of three groups: all trials have something in common (1), so do those of similar
    configurations (k_x(x_i, x_j)), and a trial has its own ([i = j]).
a_g, b_g, c_g
    Variances of a group: of the value at the end, of a slope in l, and of a random walk in l.

The covariance of u_i(s) and u_j(s') is a sum of products of a kernel over trials and one over steps
(sums of Kronecker products, where all trials report at the same steps: Lin, Ament, Balandat, Bakshy
2024, "Scaling Gaussian Processes for Learning Curve Prediction via Latent Kronecker Structure"):

    sum over g of G_g(i, j) (a_g + b_g l l' + c_g min(l, l'))

plus a variance of its own for every report. min(l, l') is the Brownian motion that starts at the
end and runs back to the first step: what is seen late says most of the value at the end. In the
logarithm of the step curves of trainings are about straight (Domhan, Springenberg, Hutter 2015,
"Speeding up automatic hyperparameter optimization of deep neural networks by extrapolation of
learning curves", families of curves; Swersky, Snoek, Adams 2014, "Freeze-Thaw Bayesian
Optimization", whose independent curves around a mean of the configuration are the third group).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["AMPLITUDES", "Amplitudes", "Group", "along"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """Variances of one group, in units of the variance of the last values of the trials."""

    end: float
    slope: float
    walk: float


@dataclass(frozen=True)
class Amplitudes:
    """Variances of all groups, and of what is not shared by two reports."""

    common: Group
    configuration: Group
    own: Group
    noise: float


AMPLITUDES = Amplitudes(
    common=Group(1.0, 1.0, 0.3),
    configuration=Group(1.0, 0.3, 0.3),
    own=Group(0.05, 0.3, 0.2),
    noise=0.005,
)


def along(group: Group, left: FloatArray, other: FloatArray) -> FloatArray:
    """The kernel over steps of a group, of what is left, shapes (n,) and (m,), to (n, m)."""
    product = left[:, None] * other
    nearer = np.minimum(left[:, None], other)
    kernel: FloatArray = group.end + group.slope * product + group.walk * nearer
    return kernel
