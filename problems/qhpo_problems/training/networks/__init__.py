"""The networks that problems tune.

`configs` has their architectures and how large each is, without torch; the other modules build
them: `convolution`, `recurrent` (sequences to numbers), `chaos` (forecasts in closed loop),
`stocks` (forecasters side by side), `transformer`, and, of the gates in `statevector`, `circuits`.
"""
