import numpy as np
import pytest

from qhpo.errors import QhpoError
from qhpo_problems.formulations.sindy import RefitErrors
from tests.qhpo_problems.formulations.sindy.cases import every_choice, refit_errors, regression


@pytest.mark.parametrize("count", [0, 1, 3, 8])
def test_errors_are_those_of_least_squares(count: int) -> None:
    matrix, target = regression(0)
    choices = every_choice(8, count)
    expected = []
    for bits in choices:
        chosen = matrix[:, bits == 1]
        fitted = np.linalg.lstsq(chosen, target, rcond=None)[0]
        expected.append(((target - chosen @ fitted) ** 2).sum() / (target**2).sum())
    # What no combination of all terms explains is part of every error.
    found = refit_errors(0).of(choices)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_choices_of_different_sizes_together() -> None:
    errors = refit_errors(1)
    choices = np.concatenate([every_choice(8, count) for count in (2, 5, 1)])
    one_by_one = [errors.of(bits[None, :])[0] for bits in choices]
    np.testing.assert_allclose(errors.of(choices), one_by_one)


def test_coefficients_are_in_the_units_of_the_terms() -> None:
    matrix, target = regression(2)
    chosen = np.array([1, 4, 6])
    expected = np.linalg.lstsq(1e3 * matrix[:, chosen], target, rcond=None)[0]
    np.testing.assert_allclose(RefitErrors(1e3 * matrix, target).coefficients(chosen), expected)


@pytest.mark.parametrize(
    ("terms", "target", "message"),
    [
        (np.ones((3, 4)), np.ones(3), r"q at least d.*got \(3, 4\) and \(3,\)"),
        (np.ones((5, 4)), np.ones(4), r"got \(5, 4\) and \(4,\)"),
        (np.eye(5)[:, :4], np.zeros(5), "may be zero everywhere"),
        (np.eye(5) * [1, 1, 0, 1, 1], np.ones(5), "may be zero everywhere"),
    ],
)
def test_what_is_refused(terms: np.ndarray, target: np.ndarray, message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        RefitErrors(terms, target)
