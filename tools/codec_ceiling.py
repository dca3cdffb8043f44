#!/usr/bin/env python3
"""Print the AP that perfect maps give; as ``aepose ceiling``.

``python tools/codec_ceiling.py CONFIG``
"""

from aepose.commands.app import main

if __name__ == "__main__":
    main("ceiling")
