"""Scores of people that are learnt: what OKS a person found can be expected to have."""

from aepose.rescoring.rescorer import Rescorer

__all__ = ["Rescorer"]
