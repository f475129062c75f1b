"""Inference: every query on every size. The only room that imports torch, and it does so late."""
