"""Controllers of a pole on a cart, which have to balance it and to spend little force on that.

`simulation` has the equations of motion, `controller` the networks and their motors, `episodes`
what happens to the cart, `evolution` how networks are trained without gradients, `training` what a
training aims at, `objective` how a trial is judged.
"""
