"""AP of a perfect network: the ceiling that map size and grouping set by themselves."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.codecs.aggregation import aggregate
from aepose.codecs.geometry import CONVENTIONS
from aepose.datasets.annotations import all_keypoints, by_image
from aepose.datasets.transforms import find_eval_frame
from aepose.datasets.values import Id
from aepose.errors import ConfigError
from aepose.evaluation import Record, Scores
from aepose.evaluation.metric import scores_of
from aepose.experiment import Experiment, coco_metrics
from aepose.structures import EvalItem, HeadOutput, MapView

# Tags of two people differ by this; the matcher joins what is closer than codec.tag_threshold.
TAG_GAP = 10.0


@dataclass(frozen=True)
class MapNoise:
    """Normal noise that is added to every cell of perfect maps, before they are resized.

    heatmaps, tags: standard deviations; a perfect peak is 1, and a keypoint joins a person whose
        tag is closer than ``codec.tag_threshold``, 1
    """

    heatmaps: float = 0.0
    tags: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.heatmaps, self.tags) < 0:
            raise ConfigError(f"noise of {self.heatmaps} on heatmaps and {self.tags} on tags: give "
                              "standard deviations from 0")

    def add(self, outputs: Sequence[HeadOutput], image_id: Id) -> list[HeadOutput]:
        """Return the maps of a picture with its noise, the same in every run."""
        natural = isinstance(image_id, int) and image_id >= 0
        number = image_id if natural else zlib.crc32(repr(image_id).encode())
        rng = np.random.default_rng((self.seed, number))

        def noisy(maps: torch.Tensor | None, level: float) -> torch.Tensor | None:
            if maps is None or not level:
                return maps
            values = rng.standard_normal(maps.shape, dtype=np.float32)
            return maps + level * torch.from_numpy(values)

        return [HeadOutput(noisy(o.heatmaps, self.heatmaps), noisy(o.tags, self.tags))
                for o in outputs]


def variants(
    experiment: Experiment,
    input_sizes: Sequence[int | Sequence[int]] = (),
    strides: Sequence[Sequence[int]] = (),
    conventions: Sequence[str] = (),
) -> Iterator[tuple[str, Experiment]]:
    """Yield a name and an experiment for each combination; what is empty stays as it is.

    input_sizes: sides of squares, or (W, H)

    Each convention joins maps in its own way, whatever ``cfg`` says.
    """
    codec = experiment.codec
    for size, stride, convention in product(
            input_sizes or [codec.input_size], strides or [codec.map_strides],
            conventions or [codec.convention]):
        if convention not in CONVENTIONS:
            raise ConfigError(f"convention {convention!r}: give {' or '.join(CONVENTIONS)}")
        changes = {"codec.input_size": size, "codec.map_strides": list(stride),
                   "codec.convention": convention}
        if conventions:
            changes |= {f"test_time.{k}": v for k, v in CONVENTIONS[convention].joining.items()}
        shown = size if isinstance(size, int) else "x".join(map(str, size))
        yield (f"{shown}, 1/{' + 1/'.join(map(str, stride))}, {convention}",
               experiment.changed(changes))


def ceiling(
    experiment: Experiment,
    ann_file: str | Path | None = None,
    noise: MapNoise | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Scores:
    """Evaluate annotations that were drawn as perfect maps at scale 1 and decoded.

    Heatmaps are the training targets at every map size of the codec. Tags are one number per
    person, at the lowest map size. Both are joined and decoded as a network's would be. Pictures
    are not needed: their sizes are in the annotation file.

    ann_file: instead of the config's test file
    progress: called with pictures done and in all

    Raises DataError for an annotation file that cannot be used.
    """
    noise = noise or MapNoise()
    codec = experiment.codec
    # Tags are compared with a person's first tag, so perfect ones need no second, flipped value.
    test_time = replace(experiment.test_time, scales=(1,))
    metric = coco_metrics(experiment, ann_file)[0]
    truth, images = metric.ground_truth, metric.ground_truth.images
    people = by_image(images, truth.people)
    for done, image in enumerate(images, start=1):
        joints = all_keypoints(people[image["id"]], truth.classes, codec.metainfo)
        item = item_without_pixels(codec, image)
        outputs = noise.add(perfect_maps(codec, joints.astype(np.float32), item), image["id"])
        size = item.base_size if test_time.project2image else None
        joined, stacked = aggregate((1,), [[outputs]], size, test_time.align_corners)
        metric.process(None, [codec.decode(joined[0], stacked[0], item)])
        if progress:
            progress(done, len(images))
    return next(iter(scores_of([metric], metric.evaluate(len(images))).values()))


def item_without_pixels(codec: AssociativeEmbeddingCodec, image: Record) -> EvalItem:
    """Return where a picture of the annotation file would go, without its pixels."""
    size = image["width"], image["height"]
    frame = find_eval_frame(size, codec, (1,), f"picture {image['file_name']}")
    return EvalItem(images=[], scales=(1,), base_size=frame.base_size, center=frame.center,
                    scale=frame.scale, image_size=size, image_id=image["id"], image_path="")


def perfect_maps(
    codec: AssociativeEmbeddingCodec, joints: np.ndarray, item: EvalItem
) -> list[HeadOutput]:
    """Return one output per map size of the codec that shows people exactly.

    joints: (P, K, 3) float32: x, y in pixels of the picture, visibility; above 0 counts

    Heatmaps and tags are (1, K, H, W); only the first output, the smallest, has tags.
    """
    outputs = []
    for stride in codec.map_strides:
        size = item.base_size[0] // stride, item.base_size[1] // stride
        cells = codec.geometry.to_map(joints[..., :2], size, item.center, item.scale)
        view = MapView(cells, np.ones((size[1], size[0]), bool))
        heatmaps = codec.encode_view(view, joints[..., 2]).heatmaps[None]
        tags = None if outputs else _tags(codec, view, joints[..., 2], heatmaps)
        outputs.append(HeadOutput(heatmaps, tags))
    return outputs


def _tags(
    codec: AssociativeEmbeddingCodec, view: MapView, visibility: np.ndarray, heatmaps: torch.Tensor
) -> torch.Tensor:
    """Return (1, K, H, W) tags: a number per person wherever the person's Gaussians are."""
    tags = torch.zeros_like(heatmaps)
    for person in range(len(visibility)):
        alone = slice(person, person + 1)
        own = codec.encode_view(replace(view, keypoints=view.keypoints[alone]), visibility[alone])
        # Where people overlap, a cell belongs to the one whose keypoint is nearest.
        tags[0][(own.heatmaps > 0) & (own.heatmaps >= heatmaps[0])] = person * TAG_GAP
    return tags
