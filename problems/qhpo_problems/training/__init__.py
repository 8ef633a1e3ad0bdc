"""Models to tune on real data.

One module a problem, and what problems share: `settings` (how a model is trained), `data` (real
data, split), `loop` (training with the best weights kept), `tuning` (one training as one Optuna
trial). Importing this package, a problem's module or `settings` imports neither torch nor
scikit-learn.
"""
