"""Publish checkpoints, and reproduce the numbers of published ones."""
