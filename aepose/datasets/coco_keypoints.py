"""The data set of images with COCO-format keypoint annotations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch.utils.data import Dataset

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.datasets.annotations import all_keypoints, by_image, load_annotations
from aepose.datasets.categories import Category, classes_of
from aepose.datasets.regions import decode_region
from aepose.datasets.sampler import Draw
from aepose.datasets.transforms import find_eval_frame, make_eval_item
from aepose.errors import ConfigError, DataError, ImageError
from aepose.images import read_image
from aepose.metainfo import Metainfo
from aepose.registry import DATASETS, TRANSFORMS, build
from aepose.stage_clock import stage
from aepose.structures import EvalItem, PoseSample, TrainItem

# Unreadable pictures drawn one after another: then it is not the pictures that are at fault.
_MOST_BAD = 100


@dataclass(frozen=True, slots=True)
class _Annotation:
    """What samples need of an annotation.

    Lists of numbers would take gigabytes for whole bodies, and again in every worker.

    keypoints: (K, 3) float32, the third is visibility
    region: where nobody learns: the outline of a crowd or of a person without labelled keypoints
    """

    keypoints: np.ndarray
    is_person: bool
    region: Any = None

    @classmethod
    def of(cls, annotation: dict[str, Any], keypoints: np.ndarray) -> _Annotation:
        joints = keypoints.astype(np.float32)
        crowd, labelled = annotation.get("iscrowd", 0), (joints[:, 2] > 0).any()
        region = annotation.get("segmentation") if crowd or not labelled else None
        return cls(joints, bool(labelled or not crowd), region or None)


@DATASETS.register_module()
class CocoKeypoints(Dataset):
    """People in pictures, annotated as COCO's person_keypoints files are.

    ann_file, img_dir: relative to ``data_root``
    category: ids or names of the categories that are people, where the file leaves a choice; of a
        metainfo with several classes by the name of a class, where categories are called otherwise
    exif: turn pictures upright by their EXIF orientation, as most annotation tools show them;
        False: take them as they are stored. A turn by 180 degrees shows in no size
    transforms: configs of training transforms, applied in order before ``codec.encode``
    test_mode: give every picture as a EvalItem at ``scales``, instead of those with annotations
        as augmented TrainItems
    include_empty: train on pictures without annotations, too: nobody is to be found in them
    on_bad_image: what training does about a picture that cannot be read: stop with an error that
        names it, or 'skip' it and take another, drawn from the same seed; see
        :class:`aepose.engine.bad_images.BadImages`. In testing it is always an error.

    Keypoints are read from the metainfo's ``annotation_fields``. Any visibility above 0 counts,
    also the fractions that some files give; flags such as ``lefthand_valid`` are not looked at.
    What is read, accepted and refused of each field of the file says ``docs/data.md``.

    Training leaves out crowd annotations without keypoints (they only mask the loss) and, as was
    published, pictures without any annotation. Raises DataError for files that are missing or
    malformed.
    """

    def __init__(
        self,
        ann_file: str,
        img_dir: str,
        metainfo: Metainfo,
        codec: AssociativeEmbeddingCodec,
        data_root: str = "",
        transforms: Sequence[dict] = (),
        test_mode: bool = False,
        scales: Sequence[float] = (1,),
        include_empty: bool = False,
        on_bad_image: Literal["error", "skip"] = "error",
        category: Category = None,
        exif: bool = True,
    ) -> None:
        if on_bad_image not in ("error", "skip"):
            raise ConfigError(f"dataset.on_bad_image = {on_bad_image!r}: give 'error' or 'skip'")
        if test_mode and (include_empty or on_bad_image == "skip"):
            raise ConfigError("dataset.include_empty and on_bad_image='skip' are for training; a "
                              "test takes every picture")
        self.ann_file = Path(data_root) / ann_file
        self.img_dir = Path(data_root) / img_dir
        self.num_keypoints = metainfo.num_keypoints
        # Plain values: the engine stores them in checkpoints.
        self.metainfo = {"name": metainfo.name, "keypoint_names": list(metainfo.keypoint_names)}
        self.codec = codec
        self.test_mode = test_mode
        self.on_bad_image = on_bad_image
        self.exif = exif
        self.category = category
        self.scales = tuple(scales)
        self.transforms = [
            build(TRANSFORMS, cfg, f"dataset.transforms.{i}", codec=codec, metainfo=metainfo)
            for i, cfg in enumerate(transforms)
        ]
        data = load_annotations(self.ann_file, metainfo, category, images_alone=test_mode)
        people = by_image(data["images"], data["annotations"])
        classes = classes_of(data["categories"], metainfo)
        self._annotations = {
            image: list(map(_Annotation.of, some, all_keypoints(some, classes, metainfo)))
            for image, some in people.items()}
        everything = test_mode or include_empty
        self.images = [i for i in data["images"] if everything or self._annotations[i["id"]]]
        if not self.images:
            why = "lists no pictures" if everything else "has no picture with annotations"
            raise DataError(f"{self.ann_file} {why}")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, draw: Draw | int) -> TrainItem | EvalItem:
        if self.test_mode:
            info = self.images[draw]
            with stage("read"):
                image = self.load_image(info)
            return make_eval_item(image, self.codec, self.scales, info["id"], self._path(info))
        if not isinstance(draw, Draw):
            # Another sampler than ours: augment from NumPy's global state.
            draw = Draw(draw, int(np.random.randint(2**31)))
        if self.on_bad_image == "error":
            return self.codec.encode(self.augmented_sample(draw))
        return self._readable_item(draw)

    def _readable_item(self, draw: Draw) -> TrainItem:
        """Return the item of a draw or, as long as its picture is bad, of one drawn from its seed.

        Raises DataError if picture after picture is bad.
        """
        bad: list[tuple[str, str]] = []
        while len(bad) < _MOST_BAD:
            try:
                item = self.codec.encode(self.augmented_sample(draw))
            except ImageError as error:
                bad.append((self._path(self.images[draw.index]), str(error)))
                rng = np.random.RandomState(draw.seed)
                draw = Draw(int(rng.randint(len(self))), int(rng.randint(2**31)))
            else:
                return replace(item, bad_images=tuple(bad))
        raise DataError(f"{_MOST_BAD} pictures in a row cannot be read, although on_bad_image="
                        f"'skip'; is {self.img_dir} complete? The last: {bad[-1][1]}")

    def test_sizes(self, index: int) -> tuple[tuple[int, int], ...]:
        """Return the (W, H) of test picture ``index`` at each of ``scales``, largest first."""
        info = self.images[index]
        size = info["width"], info["height"]
        return find_eval_frame(size, self.codec, self.scales, f"picture {self._path(info)}").sizes

    def augmented_sample(self, draw: Draw) -> PoseSample:
        """Return a picture with its people after the training transforms."""
        sample = self.load_sample(draw.index)
        rng = np.random.RandomState(draw.seed)
        for transform in self.transforms:
            sample = transform(sample, rng)
        return sample

    def _path(self, info: dict) -> str:
        return str(self.img_dir / info["file_name"])

    def load_image(self, info: dict) -> np.ndarray:
        """Read a picture and check that it has the size that the annotation file gives.

        Raises ImageError that names it.
        """
        image = read_image(self._path(info), self.exif)
        expected, found = (info["width"], info["height"]), (image.shape[1], image.shape[0])
        if found != expected:
            why = "one of them is wrong"
            if read_image(self._path(info), not self.exif).shape[1::-1] == expected:
                why = (f"that is its size with{'out' if self.exif else ''} its EXIF orientation: "
                       f"set the data set's exif={not self.exif}, if the annotations are of the "
                       f"picture {'as stored' if self.exif else 'turned upright'}")
            raise ImageError(
                f"{self._path(info)} is {found[0]}x{found[1]}, but {self.ann_file} gives "
                f"{expected[0]}x{expected[1]} for image id {info['id']!r}; {why}"
            )
        return image

    def load_sample(self, index: int) -> PoseSample:
        """Return picture ``index`` with its people, before any transform."""
        info = self.images[index]
        annotations = self._annotations[info["id"]]
        people = [a.keypoints for a in annotations if a.is_person]
        joints = np.array(people, np.float32).reshape(-1, self.num_keypoints, 3)
        return PoseSample(
            image=self.load_image(info),
            keypoints=joints[..., :2],
            # Rounded up: a fraction is a doubtful but labelled keypoint.
            visibility=np.clip(np.ceil(joints[..., 2]), 0, 2).astype(np.uint8),
            loss_mask=self.loss_mask(info, annotations),
            image_id=info["id"],
            image_path=self._path(info),
        )

    def loss_mask(self, info: dict, annotations: Sequence[_Annotation]) -> np.ndarray:
        """(H, W) bool, False on crowd regions and on people without keypoints."""
        size = info["width"], info["height"]
        mask = np.ones(size[::-1], bool)
        for annotation in annotations:
            if annotation.region is not None:
                mask &= ~decode_region(annotation.region, size)
        return mask
