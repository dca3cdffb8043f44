#!/usr/bin/env python3
"""Draw what the network is fed: ``python tools/browse_dataset.py CONFIG``; as ``aepose browse``."""

from aepose.commands.app import main

if __name__ == "__main__":
    main("browse")
