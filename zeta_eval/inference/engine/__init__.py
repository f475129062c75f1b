"""Models in this process: load, read a prompt, write tokens, and take the time."""
