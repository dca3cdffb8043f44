"""Find people in images: from a checkpoint to results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from aepose.apis.prediction import Failures, OnError, Predictions, Run
from aepose.apis.sources import count_pictures, is_single, pictures_of
from aepose.codecs.core import core
from aepose.errors import CheckpointError, ConfigError
from aepose.experiment import Experiment
from aepose.experiment.config import parse_options
from aepose.metainfo import Metainfo
from aepose.results import PoseResult
from aepose.weights.checkpoint import check_fit, is_checkpoint, load_weights, read_checkpoint
from aepose.weights.trained_with import warn_of_differences
from aepose.zoo.hub import find_checkpoint, published_checkpoint

TOY_CHECKPOINT = Path(__file__).parents[1] / "assets" / "hrnet_w16_toy_256x256.safetensors"


class PoseInferencer:
    """A trained network that finds people in pictures.

    config: the name of a model of the zoo (see :func:`aepose.list_models`), a config file
        (``.py``), an :class:`~aepose.experiment.Experiment`, or None for the config that training
        stored in the checkpoint
    checkpoint: a file of weights, its URL, or the name of a published file. None takes the
        published weights of a model of the zoo and, without a config, the small network for
        drawn people that comes with the package
    device: such as 'cuda:0'; None takes a GPU if there is one
    dtype: 'bfloat16' or 'float16' (or torch's) to run the backbone in; None: in float32, or as the
        config's ``test_time.dtype`` says
    cfg_options: ``key=value`` changes of the config

    checkpoint: the file of the weights
    model: the network as trained, on ``device``; what runs is a second one, made faster for tests
        (:meth:`~aepose.models.AssociativeEmbedding.prepare_for_test`)

    Raises CheckpointError for a checkpoint that cannot be read, does not fit, or is missing, and
    ConfigError for a config or a device that cannot be used.
    """

    def __init__(
        self,
        config: Experiment | str | Path | None = None,
        checkpoint: str | Path | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | str | None = None,
        cfg_options: Sequence[str] = (),
    ) -> None:
        core()  # if it is missing, that is said now
        self.device = _checked_device(device)
        if dtype is not None:
            cfg_options = [*cfg_options, f"test_time.dtype={str(dtype).removeprefix('torch.')}"]
        # The config is read first: an error in it should not cost a download.
        given = None
        if isinstance(config, Experiment):
            given = config.changed(parse_options(cfg_options))
        elif config is not None:
            given = Experiment.load(config, cfg_options)
        source = _find_weights(config, checkpoint)
        content = read_checkpoint(source)
        experiment = given or _stored_experiment(content, source, cfg_options)
        self.experiment = experiment
        self.model = experiment.network().eval()
        load_weights(self.model, content["state_dict"], source)
        warn_of_differences(content["meta"], experiment.to_dict(), source)
        self.model.to(self.device)
        self._network = self.model.prepare_for_test()
        self.checkpoint = source

    @property
    def metainfo(self) -> Metainfo:
        """The keypoints that the network finds."""
        return self.experiment.metainfo

    def predict(
        self,
        source: Any,
        batch_size: int = 1,
        multi_scale: bool = False,
        min_score: float = 0.0,
        progress: bool = False,
        on_error: OnError = "raise",
        bgr: bool = False,
        recursive: bool = False,
        keep_maps: bool = False,
    ) -> PoseResult | Predictions:
        """Find the people of a picture, or of many.

        source: one picture: a path, bytes, a file object, a PIL image, an array (H, W, 3) uint8
            RGB, a tensor (3, H, W) uint8 RGB; or many: a folder, a glob, a film, the number of a
            camera, or anything that gives pictures one after the other
        batch_size: so many pictures at most go through the network together. Only those can whose
            network inputs have one size; they are looked for among a few batches read ahead
        multi_scale: look at the scales ``test_time.multi_scales`` of the config
        min_score: leave out people with a lower score
        progress: show a bar on stderr
        on_error: what to do about a picture of many that cannot be read: 'raise' an error that
            names it once all results before it are given, or 'skip' it, which a warning counts in
            the end; or a function that is called with the error instead of the warning
        bgr: arrays and tensors have their channels in the order blue, green, red
        recursive: enter the folders in folders
        keep_maps: results get the maps that their people were found in

        A single picture gives its result, anything else an iterator of results in the order of the
        source, which looks at a few pictures ahead and keeps none. Coordinates are in pixels of
        the picture as loaded: files are turned upright by their EXIF orientation. What arrays may
        be is said at :func:`~aepose.apis.sources.to_rgb`. Results of what cannot be read again from
        its path (arrays, frames) hold the pixels themselves, for drawing.

        Raises DataError for a source, or a picture, that cannot be read, ConfigError for a bad
        option.

        >>> model = aepose.load_model('higherhrnet_w32_coco_512x512')         # doctest: +SKIP
        >>> model.predict('holiday/beach.jpg')                                # doctest: +SKIP
        PoseResult(3 people, 51 keypoints, 4 of them filled in, beach)
        >>> for result in model.predict('holiday', batch_size=4): result      # doctest: +SKIP
        """
        _check_options(batch_size, min_score, on_error)
        test_time = self.experiment.test_time
        run = Run(self._network, test_time.multi_scales if multi_scale else test_time.scales,
                  batch_size, min_score, keep_maps)
        pictures = pictures_of(source, bgr, recursive)
        if is_single(source):
            (result,) = run.results(pictures, Failures("raise"), overlap=False)
            return result
        failures = Failures(on_error)
        results = run.results(pictures, failures)
        return Predictions(results, failures, count_pictures(source) if progress else None,
                           progress)

    __call__ = predict


def load_model(
    model: Experiment | str | Path | None = None,
    checkpoint: str | Path | None = None,
    **options: Any,
) -> PoseInferencer:
    """Return a network ready for pictures.

    model: the name of a model of the zoo, a config, or a checkpoint that training wrote
    checkpoint, options: see :class:`PoseInferencer`

    >>> model = load_model('higherhrnet_w32_coco_512x512')    # doctest: +SKIP
    >>> model = load_model('work_dirs/mine/best.pth')         # doctest: +SKIP
    """
    if checkpoint is None and isinstance(model, (str, Path)) and is_checkpoint(model):
        model, checkpoint = None, model
    return PoseInferencer(model, checkpoint, **options)


def _check_options(batch_size: int, min_score: float, on_error: OnError) -> None:
    if type(batch_size) is not int or batch_size < 1:
        raise ConfigError(f"batch_size = {batch_size!r}: give a whole number from 1")
    if not isinstance(min_score, (int, float)) or not math.isfinite(min_score):
        raise ConfigError(f"min_score = {min_score!r}: give a finite number")
    if on_error not in ("raise", "skip") and not callable(on_error):
        raise ConfigError(f"on_error = {on_error!r}: give 'raise' or 'skip'")


def _checked_device(device: torch.device | str | None) -> torch.device:
    """Return the device; raises ConfigError for one that is not there."""
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(f"device = {str(device)!r} cannot be used ({reason}); give 'cpu', or one "
                          "that is there, such as 'cuda:0'") from None
    return chosen


def _find_weights(config: Experiment | str | Path | None, checkpoint: str | Path | None) -> Path:
    """Return the local file of the weights that a user means."""
    if checkpoint is not None:
        return find_checkpoint(checkpoint)
    if config is None:
        return TOY_CHECKPOINT
    if not _is_model_name(config):
        raise CheckpointError("a config without a checkpoint has no trained weights; give "
                              "--checkpoint as well")
    return published_checkpoint(config)


def _stored_experiment(
    content: dict[str, Any], source: Path, cfg_options: Sequence[str]
) -> Experiment:
    """Return the experiment of a checkpoint; its network has been compared with the weights.

    What is stored may be anything, so the network is first built without memory.
    """
    experiment = Experiment.of_checkpoint(content["meta"], source, cfg_options)
    try:
        with torch.device("meta"):
            outline = experiment.network()
    except ConfigError as error:
        raise CheckpointError(f"the config stored in checkpoint {source} cannot be used: {error}; "
                              "give --config") from None
    check_fit(outline.state_dict(), content["state_dict"], source)
    return experiment


def _is_model_name(config: Experiment | str | Path) -> bool:
    return isinstance(config, str) and not Path(config).suffix
