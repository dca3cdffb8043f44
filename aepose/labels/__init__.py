"""Labels of other programs: read into COCO's layout, and written from it."""

from aepose.labels.content import FilmFrame, Labels
from aepose.labels.reading import READERS, read_labels
from aepose.labels.report import Report
from aepose.labels.writing import WRITERS, write_labels

__all__ = ["READERS", "WRITERS", "FilmFrame", "Labels", "Report", "read_labels", "write_labels"]
