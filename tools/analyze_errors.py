#!/usr/bin/env python3
"""Say what goes wrong in results; as ``aepose analyze``.

``python tools/analyze_errors.py ANNOTATIONS RESULTS``
"""

from aepose.commands.app import main

if __name__ == "__main__":
    main("analyze")
