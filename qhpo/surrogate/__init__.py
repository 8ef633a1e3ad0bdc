"""Models of trial values, and their first two orders as a DiscreteQuadraticModel."""
