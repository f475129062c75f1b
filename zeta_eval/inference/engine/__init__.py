"""Language models that run in this process, with transformers: loaded, asked in batches, and timed."""
