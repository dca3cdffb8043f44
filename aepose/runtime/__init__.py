"""Exported networks: what a file says of itself, and running it without PyTorch."""
