"""``aepose doctor``."""
from aepose.commands.describe import command


@command(example="aepose doctor", interrupted="x")
def doctor() -> None:
    """Stub."""
