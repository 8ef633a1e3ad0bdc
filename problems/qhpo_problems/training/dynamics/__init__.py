"""Dynamic systems: trajectories from their equations, and recurrent networks that forecast them.

Importing this package does not import torch.
"""
