"""Models to tune on real data.

`problems` declares them side by side: what trials ask for, the network, the data. `fit` trains,
`data` has all data sets, `networks` all networks, and `cartpole` a control problem without either.
The arrows point one way: `problems`, `networks`, `data`, `fit`. Importing `problems` imports
neither torch nor a package of data.
"""
