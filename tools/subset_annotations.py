#!/usr/bin/env python3
"""Cut an annotation file: ``python tools/subset_annotations.py ANN OUT``; as ``aepose subset``."""

from aepose.commands.app import main

if __name__ == "__main__":
    main("subset")
