"""Find people in images: from a checkpoint to results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from aepose.apis.predictor import Predictor
from aepose.codecs.core import core
from aepose.codecs.decoder import Decoder
from aepose.codecs.overlap import Batch, Found
from aepose.errors import CheckpointError, ConfigError
from aepose.experiment import Experiment
from aepose.experiment.config import parse_options
from aepose.files import sha256_of
from aepose.models.pipeline import find_people
from aepose.weights.checkpoint import check_fit, load_weights, read_checkpoint
from aepose.weights.trained_with import warn_of_differences
from aepose.zoo.hub import TOY_CHECKPOINT, find_checkpoint, published_checkpoint


class PoseInferencer(Predictor):
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
    def decoder(self) -> Decoder:
        return self._network.codec

    def recipe(self) -> dict[str, Any]:
        return {"checkpoint": sha256_of(self.checkpoint), "config": self.experiment.to_dict()}

    def scales(self, multi_scale: bool) -> Sequence[float]:
        test_time = self.experiment.test_time
        return test_time.multi_scales if multi_scale else test_time.scales

    def find_people(
        self, batches: Iterable[Batch], overlap: bool = True, keep_maps: bool = False
    ) -> Found:
        return find_people(self._network, batches, overlap, keep_maps)

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
