"""Rules that join many wide numbers are kept from the first trial on, whatever they are made of."""

from __future__ import annotations

from itertools import pairwise

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from qhpo import QUBOSampler
from qhpo import constraints as c

WIDTHS = [f"w{i}" for i in range(9)]
SPACE: dict[str, BaseDistribution] = {name: IntDistribution(1, 1024) for name in WIDTHS}
SPACE["kind"] = CategoricalDistribution(("dense", "convolution"))
ROWS = [c.linear({second: 1, first: -1}, "<=", 0) for first, second in pairwise(WIDTHS)]
RELATIONS = [c.relation(pair, lambda first, second: second <= first) for pair in pairwise(WIDTHS)]
BUDGET = c.quadratic(dict.fromkeys(pairwise(WIDTHS), 1), "<=", 500_000)


@pytest.mark.parametrize("rules", [[*ROWS, BUDGET], RELATIONS], ids=["rows", "relations"])
def test_widths_fall_in_every_trial(rules: list[c.Constraint]) -> None:
    study = optuna.create_study(sampler=QUBOSampler(SPACE, constraints=rules, seed=1))
    study.enqueue_trial({"w4": 300})
    seen = []
    for _ in range(12):
        trial = study.ask(SPACE)
        assert all(rule.satisfied(trial.params) for rule in rules)
        seen.append(tuple(trial.params[name] for name in WIDTHS))
        study.tell(trial, sum(abs(w - 700 + 60 * i) for i, w in enumerate(seen[-1])) / 1000)
    assert seen[0][4] == 300
    assert len(set(seen)) == 12
    # More than a corner of what is allowed is visited.
    assert max(widths[0] for widths in seen) - min(widths[0] for widths in seen) > 200
