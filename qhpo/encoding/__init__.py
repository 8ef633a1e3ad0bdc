"""Encodings of a DiscreteQuadraticModel for binary samplers, and samples back to levels."""
