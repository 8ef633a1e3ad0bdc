"""Optuna's own suites for evaluators of importance."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from optuna.importance import BaseImportanceEvaluator
from optuna.testing.pytest_importance import (
    BasicImportanceEvaluatorTestCase,
    ConditionalImportanceEvaluatorTestCase,
)

from qhpo import AnovaImportanceEvaluator

Factory = Callable[..., BaseImportanceEvaluator]


class TestBasic(BasicImportanceEvaluatorTestCase):
    @pytest.fixture
    def evaluator(self) -> Factory:
        return AnovaImportanceEvaluator


class TestConditional(ConditionalImportanceEvaluatorTestCase):
    @pytest.fixture
    def evaluator(self) -> Factory:
        return AnovaImportanceEvaluator
