#!/usr/bin/env python3
"""Find people in pictures: ``python tools/demo.py INPUT…``; as ``aepose predict``."""

from aepose.commands.app import main

if __name__ == "__main__":
    main("predict")
