"""From the name of a model, or a file, to what finds people."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aepose.apis.predictor import Predictor
from aepose.errors import ConfigError, not_installed
from aepose.runtime.files import is_exported

if TYPE_CHECKING:
    from aepose.experiment import Experiment


def load_model(
    model: Experiment | str | Path | None = None,
    checkpoint: str | Path | None = None,
    **options: Any,
) -> Predictor:
    """Return a network ready for pictures.

    model: the name of a model of the zoo, a config, a checkpoint that training wrote, or a file
        that ``aepose export`` wrote (.onnx, .xml), which runs without PyTorch
    checkpoint, options: see :class:`~aepose.apis.inference.PoseInferencer`; of an exported file,
        :class:`~aepose.apis.exported.ExportedModel`

    >>> model = load_model('higherhrnet_w32_coco_512x512')    # doctest: +SKIP
    >>> model = load_model('work_dirs/mine/best.pth')         # doctest: +SKIP
    """
    if is_exported(model):
        from aepose.apis.exported import ExportedModel

        if checkpoint is not None:
            raise ConfigError(f"{model} is an exported network, which has its weights; leave out "
                              f"the checkpoint {checkpoint}")
        return ExportedModel(model, **options)
    if importlib.util.find_spec("torch") is None:
        raise not_installed(f"model = {str(model)!r}", "torch")
    from aepose.apis.inference import PoseInferencer
    from aepose.weights.checkpoint import is_checkpoint

    if checkpoint is None and isinstance(model, (str, Path)) and is_checkpoint(model):
        model, checkpoint = None, model
    return PoseInferencer(model, checkpoint, **options)
