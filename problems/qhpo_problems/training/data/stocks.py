"""Real prices of shares, to forecast the next month's from the past alone.

Symbol | meaning                                                               | shape or unit
M, C   | months, companies                                                     | 123, 5
p      | natural logarithm of the price; NaN before a company is listed        | (M, C)
r      | return, p[m] - p[m - 1]: what a forecast made in month m - 1 is of    | (M, C)
K      | forecasters: one a fold of the validation, and the one that is tested | 4
sigma  | root mean square of the returns that a forecaster learns from         | (K,), above 0
n, T   | forecasts to be made, most months that one sees                       | at least 1
d      | numbers that a forecast sees of a month                               | 2 or 2 + C
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qhpo.errors import QhpoError
from qhpo_problems.training.data.sequences import padded
from qhpo_problems.training.fit.split import Part, Split

__all__ = ["LEVEL", "WalkForward", "log_prices", "walk_forward"]

LEVEL = 2
"""Where a step of `WalkForward`'s inputs has the logarithm of the price, less the anchor."""

_FOLDS, _FOLD_MONTHS, _TEST_MONTHS = 3, 12, 24
"""Folds of a year each, and two years of test: the series have ten years of months."""

_SHORTEST = 3
"""Returns that a company must have had before its first forecast."""


@dataclass(frozen=True)
class WalkForward:
    """Forecasts of the next month by K forecasters, who learn from what came before.

    Each is judged on months after those that it learns from: the first K - 1 on a year each, one
    year after another, which is the validation part; the last learns from all of these months too
    and is judged on the test part. The forecasts are the same however long the window.

    Attributes:
        split: Inputs (n, T, 1 + d) as `sequences.padded` says: a window of months up to
            the one in which the forecast is made. A step's features are the company's return and
            its log price less the anchor, and then, if asked for, the returns of all companies (0
            before they are listed). Targets (n, 1 + K): the next month's return, and for each
            forecaster whether it learns from this row (in ``train``) or is judged on it (in the
            other parts), 1 or 0.
        sigma: What each forecaster may scale returns by, float32, shape (K,).
    """

    split: Split
    sigma: Tensor

    def whole(self) -> tuple[Part, Tensor]:
        """All forecasts, for one forecaster that learns from each; its ``sigma``, shape (1,)."""
        # The rows of the validation are among those to learn from.
        parts = (self.split.train, self.split.test)
        returns = torch.cat([part.targets[:, :1] for part in parts])
        targets = torch.cat([returns, torch.ones_like(returns)], dim=1)
        sigma = returns.square().mean(dim=0).sqrt()
        return Part(torch.cat([part.inputs for part in parts]), targets), sigma


def log_prices() -> NDArray[np.float64]:
    """Natural logarithms of share prices by month, January 2000 to March 2010.

    Of the companies MSFT, AMZN, IBM, GOOG and AAPL, from ``stocks.csv`` of vega_datasets.

    Returns:
        Shape (123, 5); NaN before a company was listed (GOOG: before August 2004).
    """
    text = (files("vega_datasets") / "_data" / "stocks.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    # In the order of the file, in which the first company has every month.
    months = {date: m for m, date in enumerate(dict.fromkeys(row["date"] for row in rows))}
    companies = {name: c for c, name in enumerate(dict.fromkeys(row["symbol"] for row in rows))}
    prices = np.full((len(months), len(companies)), np.nan)
    for row in rows:
        prices[months[row["date"]], companies[row["symbol"]]] = float(row["price"])
    logs: NDArray[np.float64] = np.log(prices)
    return logs


def walk_forward(
    logs: NDArray[np.float64], *, window: int, anchor: str, all_returns: bool
) -> WalkForward:
    """Forecasts of the next month, and who learns from which and is judged on which.

    Args:
        logs: p, logarithms of prices, shape (M, C).
        window: Most months that a forecast sees, at least 1; early ones see what there is.
        anchor: What log prices are relative to: ``"last"``, the window's last one, so that a
            network's 0 is the naive forecast, or ``"mean"``, that of the window.
        all_returns: Whether a forecast sees the returns of all companies too.

    Raises:
        QhpoError: If the window is shorter than 1 month or the anchor is unknown.
    """
    if window < 1:
        raise QhpoError(f"window must be at least 1 month; got {window}; give a longer one")
    if anchor not in ("last", "mean"):
        raise QhpoError(f"anchor must be one of last, mean; got {anchor!r}")
    returns = np.diff(logs, axis=0, prepend=np.nan)
    others = np.nan_to_num(returns) if all_returns else returns[:, :0]
    sequences, targets, months = [], [], []
    for c in range(logs.shape[1]):
        first = int(np.argmax(np.isfinite(returns[:, c])))
        for month in range(first + _SHORTEST, len(logs)):
            seen = slice(max(first, month - window), month)
            level = logs[seen, c]
            base = level[-1] if anchor == "last" else level.mean()
            sequences.append(np.column_stack([returns[seen, c], level - base, others[seen]]))
            targets.append(returns[month, c])
            months.append(month)
    return _parted(padded(sequences), np.array(targets), np.array(months), len(logs))


def _parted(
    inputs: Tensor, targets: NDArray[np.float64], months: NDArray[np.int64], end: int
) -> WalkForward:
    """Who learns from and is judged on which row; ``months`` are those forecast, before ``end``."""
    test = end - _TEST_MONTHS
    # Where each forecaster stops to learn and is judged, and where the next one is.
    starts = np.array([*(test - _FOLD_MONTHS * np.arange(_FOLDS, 0, -1)), test, end])
    learns = months[:, None] < starts[:-1]
    judged = (months[:, None] >= starts[:-1]) & (months[:, None] < starts[1:])

    def part(rows: NDArray[np.bool_], forecasters: NDArray[np.bool_]) -> Part:
        columns = np.column_stack([targets, forecasters])[rows]
        return Part(inputs[torch.tensor(rows)], torch.tensor(columns, dtype=torch.float32))

    choose, judge = (months >= starts[0]) & (months < test), months >= test
    mean_squares = (targets[:, None] ** 2 * learns).sum(axis=0) / learns.sum(axis=0)
    return WalkForward(
        Split(part(months < test, learns), part(choose, judged), part(judge, judged)),
        torch.tensor(np.sqrt(mean_squares), dtype=torch.float32),
    )
