#!/usr/bin/env python3
"""Print what networks cost: ``python tools/model_info.py [CONFIG…]``; as ``aepose info``."""

from aepose.commands.app import main

if __name__ == "__main__":
    main("info")
