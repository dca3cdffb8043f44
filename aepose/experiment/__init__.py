"""Experiments: a checked config, and everything built from it."""
