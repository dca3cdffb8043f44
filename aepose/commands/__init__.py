"""The command ``aepose``: what is typed, one file per command; the work is done in other rooms.

What takes long to import, such as PyTorch, is imported when a command runs.
"""

import aepose.startup
