"""The parts of `benchmarks/routers.py`: baselines, the product's routers, their rows, the figure."""
