"""Set-up of all tests: one thread each, quiet Optuna, rewritten asserts in Optuna's own suites."""

from __future__ import annotations

import os

import pytest

pytest.register_assert_rewrite("optuna.testing.pytest_samplers")

# Read when NumPy is first imported, hence here. The tests run in parallel on small matrices.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"


def pytest_configure() -> None:
    import hypothesis
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # A deadline asserts a timing, which fails on a busy machine.
    hypothesis.settings.register_profile("qhpo", deadline=None)
    hypothesis.settings.load_profile("qhpo")
