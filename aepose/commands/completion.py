"""``aepose --install-completion``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from aepose.errors import OutputError, UsageError

Shell = Literal["bash", "zsh", "fish"]


def install_completion(
    app: Annotated[App, Parameter(parse=False)], *,
    shell: Annotated[Shell | None, Parameter(help="default: the one that runs this")] = None,
    out: Annotated[Path | None, Parameter(
        metavar="FILE", help="write the script there, and leave the shell's settings alone")
    ] = None,
) -> None:
    """Let the shell complete commands and options."""
    from cyclopts.completion.detect import ShellDetectionError

    try:
        path = app.install_completion(shell=shell, output=out, add_to_startup=out is None)
    except ShellDetectionError:
        raise UsageError("which shell runs this is not known; say --shell bash, zsh or fish"
                         ) from None
    except OSError as error:
        raise OutputError(f"cannot write the completion script: {error}") from None
    print(f"{path}: written" + ("" if out else "; a new shell completes"))
