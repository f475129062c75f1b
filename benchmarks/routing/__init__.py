"""The parts of `benchmarks/routers.py`: splits, baselines, the product's routers, their rows and means, the figure."""
