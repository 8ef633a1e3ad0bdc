"""Problems for qhpo: models to tune on real data, and benchmarks."""
