"""scikit-learn: `QUBOSearchCV`, a hyperparameter search with rules between the parameters.

Example:
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from qhpo_integrations.sklearn import QUBOSearchCV
    >>> search = QUBOSearchCV(SVC(), {"C": loguniform(1e-2, 1e3), "kernel": ["rbf", "linear"]})
    >>> bool(search.fit(*load_iris(return_X_y=True)).best_score_ > 0.9)
    True
"""

from __future__ import annotations

from importlib.util import find_spec

from qhpo.errors import MissingExtraError

if find_spec("sklearn") is None:
    raise MissingExtraError("QUBOSearchCV", "sklearn", "sklearn")

from qhpo_integrations.sklearn.search import QUBOSearchCV

__all__ = ["QUBOSearchCV"]
