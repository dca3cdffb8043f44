"""Results: the people found in a picture, and the forms in which they go out and come back."""

from aepose.results.reading import read_results
from aepose.results.result import PoseResult
from aepose.results.writing import write_results

__all__ = ["PoseResult", "read_results", "write_results"]
