"""Analyses that explain a result: ceiling, kinds of errors, cost and time of a network."""
