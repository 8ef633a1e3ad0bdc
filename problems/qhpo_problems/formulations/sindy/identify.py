"""The equations that measured states follow.

S. L. Brunton, J. L. Proctor and J. N. Kutz, "Discovering governing equations from data by sparse
identification of nonlinear dynamical systems", PNAS 113, 3932 (2016): each derivative is a
combination of few terms of a library. They find the few by dropping small coefficients; here their
number is given, and they are those that leave the least error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dimod
import numpy as np
from numpy.typing import ArrayLike, NDArray

from qhpo.errors import QhpoError
from qhpo.solvers import Solver
from qhpo_problems.formulations.sindy.library import Library
from qhpo_problems.formulations.sindy.refit import RefitErrors
from qhpo_problems.formulations.sindy.search import best_terms
from qhpo_problems.formulations.sindy.weak import weak_form

__all__ = ["Equations", "identify"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Equations:
    """Ordinary differential equations of n variables; `str` prints them.

    Attributes:
        library: The d terms.
        coefficients: Shape (d, n), a column an equation, 0 for terms that it does not have; in the
            units of the states and the time that they were found from.
        errors: Share of the squared derivatives, in the weak form, that is not explained, 0 to 1,
            shape (n,).
    """

    library: Library
    coefficients: FloatArray
    errors: FloatArray

    def derivatives(self, states: ArrayLike) -> FloatArray:
        """What the equations say of states, shape (T, n) -> (T, n).

        Raises:
            QhpoError: If the states have another number of variables.
        """
        return self.library.values(np.asarray(states, dtype=float)) @ self.coefficients

    def __str__(self) -> str:
        return "\n".join(
            f"dx{i}/dt = {_right_side(column, self.library.names)}"
            for i, column in enumerate(self.coefficients.T, 1)
        )


def identify(
    states: ArrayLike,
    dt: float,
    *,
    terms_per_equation: int | Sequence[int],
    degree: int = 2,
    solver: str | dimod.Sampler | Solver = "neal",
    seed: int = 0,
) -> Equations:
    """Find the equations of a trajectory.

    Nothing is differentiated: the equations are those of the weak form, see
    `qhpo_problems.formulations.sindy.weak`, in which noise is averaged over a quarter of a period
    or so.

    Args:
        states: Shape (T, n), equidistant in time; noise is allowed.
        dt: Time between them.
        terms_per_equation: k of all equations, or of each, in the order of the variables.
        degree: Of the polynomials that the terms are from.
        solver: A name or an object, as in `qhpo.solvers.make_solver`.
        seed: Of all random numbers, in [0, 2^31).

    Raises:
        QhpoError: If the states are not a finite matrix with enough rows, a variable does not
            change, or an argument is out of range.
    """
    measured = np.asarray(states, dtype=float)
    if measured.ndim != 2:
        raise QhpoError(f"states must have shape (samples, variables); got {measured.shape}")
    n = measured.shape[1]
    counts = [terms_per_equation] * n if isinstance(terms_per_equation, int) else terms_per_equation
    if len(counts) != n:
        raise QhpoError(
            f"terms_per_equation must be one number, or one for each of the {n} variables; "
            f"got {len(counts)}"
        )
    library = Library(n, degree)
    terms, derivatives = weak_form(measured, dt, library)
    coefficients = np.zeros((terms.shape[1], n))
    left = np.empty(n)
    for i, (count, target) in enumerate(zip(counts, derivatives.T, strict=True)):
        errors = RefitErrors(terms, target)
        chosen = best_terms(errors, count, solver, seed=seed)
        coefficients[chosen, i] = errors.coefficients(chosen)
        left[i] = errors.of(np.isin(np.arange(errors.n_terms), chosen)[None, :])[0]
    return Equations(library, coefficients, left)


def _right_side(coefficients: FloatArray, names: Sequence[str]) -> str:
    text = ""
    for value, name in zip(coefficients.tolist(), names, strict=True):
        if value:
            sign = ("-" if value < 0 else "") if not text else (" - " if value < 0 else " + ")
            text += f"{sign}{abs(value):.4g}" + ("" if name == "1" else f" {name}")
    return text or "0"
