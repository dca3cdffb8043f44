"""A look at the network while it trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from aepose.datasets import collate_eval
from aepose.registry import HOOKS
from aepose.visualization import draw_prediction, tile_images, write_image


@HOOKS.register_module()
class ValidationPanelHook(Hook):
    """After each validation, draw some of its pictures: input, heatmaps, tags, found, annotated.

    The picture is written to ``panels/epoch_N.png`` of the work dir and shown by the visualisers
    (TensorBoard).

    count: pictures with people, always the same ones; 0 draws nothing
    width: pixels of the drawing
    """

    def __init__(self, count: int = 4, width: int = 1600) -> None:
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
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        rows = [self._row(model, dataset, index) for index in self._chosen]
        panel = np.concatenate([tile_images([row], columns=1, side=self.width) for row in rows])
        panel = panel[panel.any(axis=(1, 2))]  # without the black that makes the rows square
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

    @staticmethod
    def _row(model: Any, dataset: Any, index: int) -> np.ndarray:
        item = dataset[index]
        with torch.no_grad():
            images = model.data_preprocessor(collate_eval([item]))["images"]
            heatmaps, tags = (m[0].float().cpu().numpy() for m in model.aggregate(images, item))
        result = model.codec.decode(heatmaps, tags, item)
        return draw_prediction(dataset.load_sample(index), item, heatmaps, tags, result,
                               model.codec)
