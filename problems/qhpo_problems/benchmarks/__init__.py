"""Benchmarks with known optima, and the runner that compares samplers on them."""
