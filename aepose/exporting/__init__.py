"""Exporting trained networks: to files that run without PyTorch."""
