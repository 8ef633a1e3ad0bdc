"""A PyTorch network as a step of a scikit-learn pipeline, by skorch, tuned with QUBOSearchCV.

A net of skorch is an estimator of scikit-learn, so that QUBOSearchCV takes it as it is: the module
of the network, its optimizer and the scaling before it are parameters of one search. Run it with:
python examples/skorch_search.py. The environment variable QHPO_EXAMPLE_TRIALS sets the number of
candidates, 20 if it is not set.
"""

from __future__ import annotations

import os

import numpy as np
import torch
from scipy.stats import loguniform, uniform
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from qhpo import constraints as c
from qhpo_integrations.sklearn import QUBOSearchCV


class Network(nn.Module):
    """Layers of one width."""

    def __init__(self, width: int = 16, depth: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        size = 30
        for _ in range(depth):
            layers += [nn.Linear(size, width), nn.ReLU(), nn.Dropout(dropout)]
            size = width
        self.layers = nn.Sequential(*layers, nn.Linear(size, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def main() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    torch.manual_seed(0)
    net = NeuralNetClassifier(
        Network,
        criterion=nn.CrossEntropyLoss,
        max_epochs=15,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    search = QUBOSearchCV(
        Pipeline([("scale", StandardScaler()), ("net", net)]),
        {
            "scale": [StandardScaler(), MinMaxScaler()],
            "net__module__width": [8, 16, 32, 64],
            "net__module__depth": [1, 2, 3],
            "net__module__dropout": uniform(0.0, 0.6),
            "net__optimizer": [torch.optim.SGD, torch.optim.Adam],
            "net__optimizer__momentum": uniform(0.0, 0.95),
            "net__lr": loguniform(1e-3, 1.0),
        },
        # Adam has no momentum, and a deep network is to be narrow.
        conditions={"net__optimizer__momentum": {"net__optimizer": "SGD"}},
        constraints=[c.forbid({"net__module__depth": 3, "net__module__width": [32, 64]})],
        n_iter=int(os.environ.get("QHPO_EXAMPLE_TRIALS", "20")),
        cv=3,
        random_state=0,
    )
    search.fit(x.astype(np.float32), y.astype(np.int64))
    print(f"{len(search.cv_results_['params'])} candidates")
    print(f"cross-validated accuracy {search.best_score_:.3f} with")
    for name, value in search.best_params_.items():
        shown = value.__name__ if isinstance(value, type) else value
        print(f"  {name:25} {shown:.3g}" if isinstance(value, float) else f"  {name:25} {shown}")


if __name__ == "__main__":
    main()
