"""The engine's runner, with our checkpoint reading and whole-or-nothing checkpoint files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mmengine.dist import master_only
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from aepose.engine.checkpoint import load_weights, read_checkpoint
from aepose.errors import CheckpointError


class PoseRunner(Runner):
    """Runs the loops over an already built model and data sets."""

    def load_checkpoint(self, filename: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Load weights that fit exactly, from a file that is not trusted."""
        checkpoint = read_checkpoint(filename)
        self.call_hook("after_load_checkpoint", checkpoint=checkpoint)
        model = self.model.module if is_model_wrapper(self.model) else self.model
        load_weights(model, checkpoint["state_dict"], filename)
        self._has_loaded = True
        self.logger.info(f"loaded checkpoint {filename}")
        return checkpoint

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Go on from a checkpoint of training.

        Raises CheckpointError for one that has only weights.
        """
        missing = {"optimizer", "message_hub"} - set(read_checkpoint(filename))
        if missing:
            raise CheckpointError(
                f"cannot resume from {filename}: it holds no {' and no '.join(sorted(missing))}; "
                "to start from its weights use --cfg-options load_from=PATH"
            )
        super().resume(filename, *args, **kwargs)

    @master_only
    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, **kwargs: Any) -> None:
        """Write to a temporary file first: an interrupted save leaves the older ones whole.

        ``last.pth`` or ``best.pth`` then points to the file.
        """
        folder, part = Path(out_dir), f".{filename}.part"
        super().save_checkpoint(out_dir, part, *args, **kwargs)
        os.replace(folder / part, folder / filename)
        # last.pth and best.pth point to the newest of each kind, whatever its number.
        link = folder / f".{filename}.link"
        link.unlink(missing_ok=True)
        link.symlink_to(filename)
        os.replace(link, folder / ("best.pth" if filename.startswith("best") else "last.pth"))
