"""drawn.npz: drawn pictures through the seeded training pipeline and the test transforms.

Made by ``python -m tests.goldens.drawn``: a change of these numbers is a change of aepose.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.datasets import CocoKeypoints, Draw
from aepose.metainfo import get_metainfo
from aepose.toy import make_toy_dataset
from tests.goldens.common import Options, Tally, difference, relative_difference

FILE = "drawn.npz"
CONVENTIONS, SCALE_TYPES, SCALES = ("classic", "udp"), ("short", "long"), (0.5, 1)
# Picture, seed; the second picture has a crowd.
DRAWS = ((0, 0), (1, 1), (1, 2), (4, 3))
GREY_LEVELS, TOLERANCE = 2, 1e-4


def check_drawn(folder: Path, options: Options) -> Tally:
    """Pixels within two grey levels; keypoints, masks, heatmaps and tag indices."""
    tally = Tally()
    with np.load(folder / FILE) as stored, tempfile.TemporaryDirectory() as scratch:
        found = dict(_measure(Path(scratch)))
        for name in sorted(found.keys() | set(stored)):
            if name not in found or name not in stored:
                tally.add(f"{name} (on one side only)", float("inf"), 0)
            elif found[name].dtype == np.uint8:
                tally.add(name, difference(found[name], stored[name]), GREY_LEVELS)
            else:
                tally.add(name, relative_difference(found[name], stored[name]), TOLERANCE)
    return tally


def _measure(root: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield a name and what is found, for every case."""
    make_toy_dataset(root, 5, 2, hard=True)
    coco = get_metainfo("coco")
    for convention in CONVENTIONS:
        codec = AssociativeEmbeddingCodec(coco, 256, (4, 2), convention=convention)
        for scale_type in SCALE_TYPES:
            dataset = CocoKeypoints(
                "annotations/person_keypoints_train2017.json", "train2017", coco, codec, str(root),
                [{"type": "RandomAffine", "scale_type": scale_type}, {"type": "RandomFlip"}])
            for draw in DRAWS:
                name = ".".join(map(str, (convention, scale_type, *draw)))
                yield from _training(name, dataset, Draw(*draw))
        dataset = CocoKeypoints(
            "annotations/person_keypoints_val2017.json", "val2017", coco, codec, str(root),
            test_mode=True, scales=SCALES)
        for index, scale in product(range(len(dataset)), range(len(SCALES))):
            image = dataset[index].images[scale]
            yield f"{convention}.test.{index}.{scale}", image[4::16, 4::16]


def _training(name: str, dataset: CocoKeypoints, draw: Draw) -> Iterator[tuple[str, np.ndarray]]:
    sample = dataset.augmented_sample(draw)
    yield f"{name}.image", sample.image[4::16, 4::16]
    yield f"{name}.visibility", sample.visibility.astype(int)
    for level, target in enumerate(dataset.codec.encode(sample).targets):
        yield f"{name}.keypoints.{level}", sample.views[level].keypoints
        yield f"{name}.mask.{level}", target.loss_mask[2::8, 2::8].numpy()
        yield f"{name}.heatmaps.{level}", target.heatmaps.double().sum(dim=(1, 2)).numpy()
        yield f"{name}.tags.{level}", np.where(target.tag_valid, target.tag_index, -1)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        arrays = dict(_measure(Path(folder)))
    np.savez_compressed(Path(__file__).parents[1] / "golden" / FILE, **arrays)
