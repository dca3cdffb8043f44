"""Report the images that a training has to do without."""

from __future__ import annotations

from typing import Any

from mmengine.dist import all_gather_object

_SHOWN = 10


class BadImages:
    """Logs every unreadable picture once, and counts how often one was drawn and replaced.

    For data sets with ``on_bad_image='skip'``. The draws so far are the scalar ``bad_images``
    (of the first process); those of an epoch are summed over all processes and logged at its end.
    """

    def __init__(self, runner: Any) -> None:
        self.runner = runner
        self._known: set[str] = set()
        self._draws = 0
        self._of_epoch: list[str] = []

    @property
    def _wanted(self) -> bool:
        return getattr(self.runner.train_dataloader.dataset, "on_bad_image", "error") == "skip"

    def note(self, batch: dict[str, Any]) -> None:
        """Take in the (path, reason) pairs that come with a batch."""
        if not self._wanted:
            return
        for path, reason in batch["bad_images"]:
            if path not in self._known:
                self._known.add(path)
                self.runner.logger.warning(f"{reason}; another picture takes its place")
            self._of_epoch.append(path)
        self._draws += len(batch["bad_images"])
        self.runner.message_hub.update_scalar("train/bad_images", self._draws)

    def summarise(self, epoch: int) -> None:
        """Log what ``epoch``, counted from 1, had to do without."""
        if not self._wanted:
            return
        paths = [path for part in all_gather_object(self._of_epoch) for path in part]
        self._of_epoch = []
        if paths:
            different = sorted(set(paths))
            more = ", …" if len(different) > _SHOWN else ""
            self.runner.logger.warning(
                f"epoch {epoch}: unreadable pictures were drawn and replaced {len(paths)} times; "
                f"{len(different)} files: {', '.join(different[:_SHOWN])}{more}")
