"""``python -m aepose``: the command line."""

from aepose.commands.app import main

if __name__ == "__main__":
    main()
