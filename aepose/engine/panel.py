"""Drawings of what the network finds in validation images while it trains."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import master_only
from mmengine.hooks import Hook

from aepose.datasets import collate_eval
from aepose.drawing import fit_width, write_image
from aepose.engine.distributed import unwrap
from aepose.models import AssociativeEmbedding
from aepose.models.pipeline import find_people
from aepose.ranges import Count, CountOrNone
from aepose.registry import HOOKS
from aepose.visualization import draw_prediction


@HOOKS.register_module()
class ValidationPanelHook(Hook):
    """After each validation, draw some of its pictures: input, heatmaps, tags, found, annotated.

    The picture is written to ``panels/epoch_N.png`` of the work dir and shown by the visualisers
    (TensorBoard).

    count: pictures with people, always the same ones; 0 draws nothing
    width: pixels of the drawing
    """

    def __init__(self, count: CountOrNone = 4, width: Count = 1600) -> None:
        self.count = count
        self.width = width
        self._chosen: list[int] | None = None

    @master_only
    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Draw and write."""
        dataset = runner.val_dataloader.dataset
        if self._chosen is None:
            self._chosen = self._choose(dataset)
        if not self._chosen:
            return
        rows = list(self._rows(unwrap(runner.model), dataset))
        panel = np.concatenate([fit_width(row, self.width) for row in rows])
        write_image(Path(runner.work_dir) / "panels" / f"epoch_{runner.epoch}.png", panel)
        runner.visualizer.add_image("val/panel", panel, step=runner.iter)

    def _choose(self, dataset: Any) -> list[int]:
        """Return the first pictures that show somebody."""
        chosen: list[int] = []
        for index in range(len(dataset)):
            if len(chosen) == self.count:
                break
            if dataset.load_sample(index).visibility.any():
                chosen.append(index)
        return chosen

    def _rows(self, model: AssociativeEmbedding, dataset: Any) -> Iterator[np.ndarray]:
        batches = (collate_eval([dataset[index]]) for index in self._chosen)
        found = find_people(model, batches, overlap=False, keep_maps=True)
        for index, (batch, (result,)) in zip(self._chosen, found, strict=True):
            heatmaps, tags = (part.cpu().numpy() for part in (result.maps.heatmaps,
                                                              result.maps.tags))
            yield draw_prediction(dataset.load_sample(index), batch["items"][0], heatmaps, tags,
                                  result, model.codec)
