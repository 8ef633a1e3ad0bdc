"""Models to tune on real data."""
