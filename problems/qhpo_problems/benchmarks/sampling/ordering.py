"""The order of stages in a pipeline: a quadratic assignment problem over permutations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from optuna.trial import BaseTrial

from qhpo_problems.benchmarks.sampling.benchmark import Benchmark, Declaration

if TYPE_CHECKING:
    from qhpo import Permutation

__all__ = ["Ordering", "order_of"]

Order = tuple[int, ...]


class Ordering(Benchmark[Order]):
    """n stages on n places; the flow between stages and the distance of places are hidden.

    The value of an order is the sum of flow times distance over all ordered pairs of places
    (Koopmans and Beckmann 1957). Both matrices are uniform in 0..99 (Taillard 1991, "Robust taboo
    search for the quadratic assignment problem"), but not symmetric: a stage's successor is not its
    predecessor, and no order has the value of its mirror image.

    A solution lists the stages in their order. Samplers of qhpo get a `qhpo.Permutation`, all
    others one digit of the Lehmer code per place, which makes every trial an order.

    Args:
        n: Stages.
        instance: Seed of the matrices.
    """

    name = "ordering"
    trials = 200
    checkpoints = (50, 100, 200)
    reference_name = "the median order"

    def __init__(self, n: int = 8, instance: int = 0) -> None:
        self.n = n
        rng = np.random.default_rng(instance)
        self._flow, self._distance = (rng.integers(0, 100, (n, n)) for _ in range(2))
        for matrix in (self._flow, self._distance):
            np.fill_diagonal(matrix, 0)

    @property
    def description(self) -> str:
        return f"{self.n} stages in an order, flow between stages times distance of places"

    @cached_property
    def _all_values(self) -> npt.NDArray[np.int64]:
        """Value of each of the n! orders."""
        orders = np.array(list(permutations(range(self.n))))
        values = np.zeros(len(orders), dtype=np.int64)
        # Place by place: the flows of all orders at once would be n^2 times as large.
        for a, b in permutations(range(self.n), 2):
            values += self._flow[orders[:, a], orders[:, b]] * self._distance[a, b]
        return values

    @property
    def optimum(self) -> float:
        return float(self._all_values.min())

    @property
    def reference(self) -> float:
        return float(np.median(self._all_values))

    @cached_property
    def _permutation(self) -> Permutation:
        from qhpo import Permutation

        return Permutation("order", tuple(range(self.n)))

    def declaration(self) -> Declaration:
        order = self._permutation
        return Declaration({**order.search_space}, order.constraints)

    def suggest(self, trial: BaseTrial) -> Order:
        places = range(self.n - 1)  # the last digit has one value only
        return order_of([trial.suggest_int(f"digit_{i}", 0, self.n - 1 - i) for i in places])

    def suggest_declared(self, trial: BaseTrial) -> Order:
        return tuple(self._permutation.suggest(trial))

    def value(self, solution: Order) -> float:
        order = np.array(solution)
        return float((self._flow[np.ix_(order, order)] * self._distance).sum())


def order_of(digits: Sequence[int]) -> Order:
    """The permutation that has this Lehmer code.

    Args:
        digits: n - 1 of them. Each says which of the elements left comes next, so the first is
            below n, the second below n - 1, and so on; the last element needs none.
    """
    left = list(range(len(digits) + 1))
    return (*(left.pop(digit) for digit in digits), *left)
