#!/usr/bin/env python3
"""Say where the time of a test goes; as ``aepose profile``.

``python tools/profile_test.py CONFIG [CHECKPOINT]``
"""

from aepose.commands.app import main

if __name__ == "__main__":
    main("profile")
