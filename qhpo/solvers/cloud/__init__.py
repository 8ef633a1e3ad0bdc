"""Solvers of D-Wave's cloud: quantum annealers, and the hybrid solvers of Leap."""
