"""Measured speed: `python -m zoo.core.benchmarks` (`make bench`). Never asserted in tests."""
