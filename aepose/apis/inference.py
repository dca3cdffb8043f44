"""Find people in images: from a checkpoint to results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aepose.codecs.core import core
from aepose.datasets import collate_eval, same_size_batches
from aepose.datasets.transforms import make_eval_item
from aepose.errors import CheckpointError, ConfigError, DataError
from aepose.experiment import Experiment, choose_test
from aepose.experiment.config import parse_options
from aepose.images import read_image
from aepose.metainfo import Metainfo
from aepose.models.pipeline import find_people
from aepose.results import PoseResult
from aepose.structures import EvalItem
from aepose.weights.checkpoint import check_fit, load_weights, read_checkpoint
from aepose.weights.trained_with import warn_of_differences
from aepose.zoo.hub import find_checkpoint, published_checkpoint

TOY_CHECKPOINT = Path(__file__).parents[1] / "assets" / "hrnet_w16_toy_256x256.safetensors"
# Batches' worth of pictures among which those of one size are looked for.
_READ_AHEAD = 8


class PoseInferencer:
    """A trained network that finds people in pictures.

    config: the name of a model of the zoo (see :func:`aepose.list_models`), a config file
        (``.py``), an :class:`~aepose.experiment.Experiment`, or None for the config that training
        stored in the checkpoint
    checkpoint: a file of weights, its URL, or the name of a published file. None takes the
        published weights of a model of the zoo and, without a config, the small network for
        drawn people that comes with the package
    device: such as 'cuda:0'; None takes a GPU if there is one
    cfg_options: ``key=value`` changes of the config
    multi_scale: run pictures at ``test_time.multi_scales``

    model: the network as trained, on ``device``; what runs is a second one, made faster for tests
        (:meth:`~aepose.models.AssociativeEmbedding.prepare_for_test`)

    Raises CheckpointError for a checkpoint that cannot be read, does not fit, or is missing, and
    ConfigError for a config that cannot be used.

    >>> find_people = PoseInferencer()                       # doctest: +SKIP
    >>> [len(result) for result in find_people(['a.jpg'])]   # doctest: +SKIP
    [2]
    """

    def __init__(
        self,
        config: Experiment | str | Path | None = None,
        checkpoint: str | Path | None = None,
        device: torch.device | str | None = None,
        cfg_options: Sequence[str] = (),
        multi_scale: bool = False,
    ) -> None:
        core()  # if it is missing, that is said now
        # The config is read first: an error in it should not cost a download.
        given = None
        if isinstance(config, Experiment):
            given = config.changed(parse_options(cfg_options))
        elif config is not None:
            given = Experiment.load(config, cfg_options)
        source = _find_weights(config, checkpoint)
        content = read_checkpoint(source)
        experiment = given or _stored_experiment(content, source, cfg_options)
        if multi_scale:
            experiment = choose_test(experiment, multi_scale)
        self.experiment = experiment
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = experiment.network().eval()
        load_weights(self.model, content["state_dict"], source)
        warn_of_differences(content["meta"], experiment.to_dict(), source)
        self.model.to(self.device)
        self._network = self.model.prepare_for_test()

    @property
    def metainfo(self) -> Metainfo:
        """The keypoints that the network finds."""
        return self.experiment.metainfo

    def __call__(
        self, images: Iterable[str | Path | np.ndarray], batch_size: int = 1
    ) -> Iterator[PoseResult]:
        """Yield the result of each picture, in order; see :meth:`predict`.

        batch_size: so many pictures at most go through the network together. Only those can whose
            network inputs have one size; they are looked for among a few batches read ahead

        The network has later pictures while the maps of one are decoded, so results come late.
        Raises what :meth:`predict` does; results not yet given are then lost.
        """
        ready: dict[int, PoseResult] = {}
        due = 0
        for batch, results in find_people(self._network, self._batches(images, batch_size)):
            ready.update(zip(batch["positions"], results, strict=True))
            while due in ready:
                yield ready.pop(due)
                due += 1

    def _batches(
        self, images: Iterable[str | Path | np.ndarray], batch_size: int
    ) -> Iterator[dict[str, Any]]:
        """Yield test batches, which also say where in ``images`` their pictures stand."""
        numbered = enumerate(images)
        window = batch_size * (1 if batch_size == 1 else _READ_AHEAD)
        while read := [(place, self._item(image)) for place, image in islice(numbered, window)]:
            places, items = zip(*read, strict=True)
            sizes = [tuple(image.shape[1::-1] for image in item.images) for item in items]
            for batch in same_size_batches(sizes, batch_size):
                yield {**collate_eval([items[i] for i in batch]),
                       "positions": [places[i] for i in batch]}

    def _item(self, image: str | Path | np.ndarray) -> EvalItem:
        path = "" if isinstance(image, np.ndarray) else str(image)
        pixels = _checked(image) if isinstance(image, np.ndarray) else read_image(image)
        return make_eval_item(pixels, self.experiment.codec, self.experiment.test_time.scales,
                              image_path=path)

    def predict(self, image: str | Path | np.ndarray) -> PoseResult:
        """Find the people of one picture: a file, or an (H, W, 3) uint8 RGB array.

        Coordinates of the result are in pixels of the picture as loaded. Raises DataError for a
        file that is no picture and for another kind of array.
        """
        batch = collate_eval([self._item(image)])
        ((_, (result,)),) = find_people(self._network, [batch], overlap=False)
        return result


def load_model(
    config: Experiment | str | Path | None = None,
    checkpoint: str | Path | None = None,
    **options: Any,
) -> PoseInferencer:
    """Return a network ready for pictures; ``options`` are those of :class:`PoseInferencer`.

    >>> model = load_model('higherhrnet_w32_coco_512x512')    # doctest: +SKIP
    """
    return PoseInferencer(config, checkpoint, **options)


def result_to_json(result: PoseResult, metainfo: Metainfo) -> dict[str, Any]:
    """Return a result as plain values that JSON can hold.

    Keypoints are ``name: [x, y, score]`` in pixels of the picture as loaded; score 0 says that the
    keypoint was not found, and x and y then mean nothing.
    """
    joints = np.concatenate([result.keypoints, result.keypoint_scores[..., None]], axis=2)
    people = [
        {
            "score": round(float(score), 4),
            "keypoints": {
                name: [round(x, 2), round(y, 2), round(s, 4)]
                for name, (x, y, s) in zip(metainfo.keypoint_names, person, strict=True)
            },
        }
        for score, person in zip(result.scores, joints.tolist(), strict=True)
    ]
    width, height = result.image_size
    return {"image": result.image_path, "width": width, "height": height, "people": people}


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


def _checked(image: np.ndarray) -> np.ndarray:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise DataError(f"picture array is {image.shape} {image.dtype}; give (H, W, 3) uint8, RGB")
    return image
