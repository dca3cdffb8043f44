#!/usr/bin/env python3
"""Draw the toy data set: ``python tools/make_toy_data.py``; as ``aepose toy``."""

from aepose.commands.app import main

if __name__ == "__main__":
    main("toy")
