"""Combinatorial problems that papers compare on, and the models that these papers search with."""
