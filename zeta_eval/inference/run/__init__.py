"""A benchmark run: plan it, share it among processes, resume it, and write its rows."""
