"""How a model is trained, whatever the model and the data.

`training` says what a problem is, `settings` the choices of a training, `split` has data in three
parts, `loop` trains with the best weights kept, `tuning` makes a training one Optuna trial,
`checkpoints` keeps the weights of trials in files, `checks` has rules of configurations and seeds,
`noise` a layer that adds some. `training`, `settings` and `checks` do not import torch.
"""
