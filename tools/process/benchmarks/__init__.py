"""Measured speed of assignment: `python -m tools.process.benchmarks` (`make bench`)."""
