"""Searches with cross-validation that tune pipelines of scikit-learn."""
