"""Models to tune on real data.

A package for each problem or family of them, whose `problem` says what is tuned, and what problems
share: `settings` (how a model is trained), `data` (data, split, and scikit-learn's digits), `loop`
(training with the best weights kept), `tuning` (one training as one Optuna trial), `checkpoints`
(the weights of trials in files), `checks` (rules of configurations and seeds), and parts of
networks: `convolution`, `recurrent`, `noise` and, for circuits, `quantum`. Importing this package,
a `problem`, `settings` or `checks` imports neither torch nor a package of data.
"""
