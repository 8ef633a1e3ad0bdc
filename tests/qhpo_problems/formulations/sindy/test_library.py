from math import comb

import numpy as np
import pytest

from qhpo.errors import QhpoError
from qhpo_problems.formulations.sindy import Library


@pytest.mark.parametrize(("variables", "degree"), [(1, 5), (3, 2), (4, 3)])
def test_all_monomials_up_to_the_degree(variables: int, degree: int) -> None:
    library = Library(variables, degree)
    assert len(set(library.names)) == len(library.terms) == comb(variables + degree, degree)


def test_values_are_what_the_names_say() -> None:
    library = Library(2, 3)
    assert library.names[:6] == ("1", "x1", "x2", "x1^2", "x1 x2", "x2^2")
    states = np.random.default_rng(0).normal(size=(5, 2))
    variables = {"x1": states[:, 0], "x2": states[:, 1]}
    for name, values in zip(library.names, library.values(states).T, strict=True):
        formula = name.replace("^", "**").replace(" ", "*")
        np.testing.assert_allclose(values, eval(formula, dict(variables)) * np.ones(5))


def test_what_is_no_library() -> None:
    with pytest.raises(QhpoError, match=r"got variables=0, degree=2"):
        Library(0, 2)
    with pytest.raises(QhpoError, match=r"got variables=2, degree=0"):
        Library(2, 0)
    with pytest.raises(QhpoError, match=r"shape \(samples, 2\); got \(4, 3\)"):
        Library(2, 1).values(np.ones((4, 3)))
