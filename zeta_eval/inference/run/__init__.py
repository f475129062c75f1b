"""Benchmark runs: every query on every size, in one process or several, resumed where they stopped."""
