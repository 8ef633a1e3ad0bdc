"""Solvers compared on the quadratic models of real studies, and encodings and circuits measured."""
