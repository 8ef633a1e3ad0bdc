import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from qhpo.errors import QhpoError
from qhpo_problems.training.data.sequences import lengths
from qhpo_problems.training.data.stocks import LEVEL, log_prices, walk_forward
from qhpo_problems.training.fit.split import Part

MONTHS, COMPANIES = 123, 5
STARTS = (63, 75, 87, 99)  # April 2005, 2006, 2007 and 2008, counted from January 2000
GOOG, LISTED = 3, 55


def counting() -> NDArray[np.float64]:
    """Log prices of which the return in month m is m, so that it says which month it is of."""
    months = np.arange(MONTHS, dtype=float)
    logs = np.repeat((months * (months + 1) / 2)[:, None], COMPANIES, axis=1)
    logs[:LISTED, GOOG] = np.nan
    return logs


def test_prices_are_those_of_the_file() -> None:
    prices = np.exp(log_prices())
    assert prices.shape == (MONTHS, COMPANIES)
    assert prices[0, [0, 1, 2, 4]] == pytest.approx([39.81, 64.56, 100.52, 25.94])
    assert prices[LISTED:][[0, 1], GOOG] == pytest.approx([102.37, 129.6])
    assert prices[-1] == pytest.approx([28.8, 128.82, 125.55, 560.19, 223.02])
    assert np.isnan(prices).sum() == np.isnan(prices[:LISTED, GOOG]).sum() == LISTED


@pytest.mark.parametrize("window", [1, 6, 200])
@pytest.mark.parametrize("anchor", ["last", "mean"])
def test_a_forecast_sees_the_months_before_it(window: int, anchor: str) -> None:
    logs = counting()
    split = walk_forward(logs, window=window, anchor=anchor, all_returns=True).split
    seen = []
    for part in (split.train, split.test):
        for row, target in zip(part.inputs, part.targets[:, 0].int().tolist(), strict=True):
            steps = row[row[:, 0] == 1, 1:]
            goog = len(steps) < min(window, target - 1)
            first = LISTED + 1 if goog else 1
            months = list(range(max(first, target - window), target))
            assert steps[:, 0].tolist() == months
            level = logs[months, 0] - (logs[months[-1], 0] if anchor == "last" else 0)
            level = level if anchor == "last" else level - level.mean()
            assert steps[:, 1].numpy() == pytest.approx(level, rel=1e-5, abs=1e-3)
            others = [m if m > LISTED else 0 for m in months]
            assert steps[:, 2 + GOOG].tolist() == others
            assert steps[:, 2].tolist() == months
            seen.append(target)
    # Three months after the first return; all companies but GOOG have theirs in month 1.
    counts = np.bincount(seen, minlength=MONTHS)
    assert counts[:4].tolist() == [0] * 4
    assert set(counts[4 : LISTED + 4]) == {4}
    assert set(counts[LISTED + 4 :]) == {5}


def test_everyone_is_judged_on_the_months_after_those_learnt_from() -> None:
    split = walk_forward(counting(), window=3, anchor="last", all_returns=False).split
    ends = (*STARTS[1:], MONTHS)
    for k, (start, end) in enumerate(zip(STARTS, ends, strict=True)):
        learnt = months_of(split.train, k)
        judged = months_of(split.test if k == 3 else split.validation, k)
        assert set(learnt) == set(range(4, start))
        assert sorted(judged) == sorted(list(range(start, end)) * COMPANIES)
    for part in (split.validation, split.test):
        assert part.targets[:, 1:].sum(dim=1).tolist() == [1.0] * len(part)


def months_of(part: Part, forecaster: int) -> list[int]:
    rows = part.targets[:, 1 + forecaster] == 1
    return part.targets[rows, 0].int().tolist()


@pytest.mark.parametrize("k", range(4))
def test_no_forecaster_learns_from_what_it_cannot_know(k: int) -> None:
    logs = log_prices()
    later = logs.copy()
    later[STARTS[k] :] += np.random.default_rng(k).normal(size=later[STARTS[k] :].shape)
    before, after = (
        walk_forward(each, window=6, anchor="mean", all_returns=True) for each in (logs, later)
    )
    assert after.sigma[: k + 1].tolist() == before.sigma[: k + 1].tolist()
    assert (after.sigma[k + 1 :] != before.sigma[k + 1 :]).all()
    rows = before.split.train.targets[:, 1 + k] == 1
    for first, second in (
        (before.split.train.inputs[rows], after.split.train.inputs[rows]),
        (before.split.train.targets[rows], after.split.train.targets[rows]),
    ):
        assert torch.equal(first, second)
    # Nor does it see them in the first month that it is judged on.
    parts = [each.split.test if k == 3 else each.split.validation for each in (before, after)]
    judged = parts[0].targets[:, 1 + k] == 1
    same = (parts[0].inputs[judged] == parts[1].inputs[judged]).flatten(1).all(dim=1)
    assert same.sum() == COMPANIES


def test_sigma_is_of_the_returns_learnt_from() -> None:
    task = walk_forward(log_prices(), window=3, anchor="last", all_returns=False)
    returns, learns = task.split.train.targets[:, 0], task.split.train.targets[:, 1:] == 1
    for sigma, rows in zip(task.sigma, learns.T, strict=True):
        assert sigma.item() == pytest.approx(returns[rows].square().mean().sqrt().item(), rel=1e-5)


def test_forecasts_are_the_same_whatever_is_seen() -> None:
    first = walk_forward(log_prices(), window=3, anchor="last", all_returns=False)
    other = walk_forward(log_prices(), window=12, anchor="mean", all_returns=True)
    for name in ("train", "validation", "test"):
        one, two = getattr(first.split, name), getattr(other.split, name)
        assert torch.equal(one.targets, two.targets)
        assert one.inputs.shape[1:] == (3, 3)
        assert two.inputs.shape[1:] == (12, 8)
    assert torch.equal(first.sigma, other.sigma)


def test_levels_are_relative_to_the_anchor() -> None:
    for anchor in ("last", "mean"):
        part = walk_forward(log_prices(), window=6, anchor=anchor, all_returns=False).split.test
        assert lengths(part.inputs).tolist() == [6] * len(part)
        level = part.inputs[..., LEVEL]
        zero = level[:, -1] if anchor == "last" else level.mean(dim=1)
        assert zero.abs().max() < 1e-6
        assert level[:, 0].abs().max() > 0.1


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"window": 0}, "window must be at least 1 month; got 0"),
        ({"anchor": "first"}, "anchor must be one of last, mean; got 'first'"),
    ],
)
def test_invalid_choice_is_named(choice: dict[str, object], message: str) -> None:
    valid: dict[str, object] = {"window": 3, "anchor": "last", "all_returns": False}
    with pytest.raises(QhpoError, match=message):
        walk_forward(log_prices(), **valid | choice)  # type: ignore[arg-type]
