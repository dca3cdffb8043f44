#!/usr/bin/env python3
"""Measure published models again; as ``aepose reproduce``.

``python tools/reproduce.py --rows PATTERN``
"""

from aepose.commands.app import main

if __name__ == "__main__":
    main("reproduce")
