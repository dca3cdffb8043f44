"""augment.npz/.json: random affine, flip, and the whole seeded training pipeline."""

import zlib
from pathlib import Path

import numpy as np

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.datasets import CocoKeypoints
from aepose.datasets.transforms import RandomAffine, RandomFlip
from aepose.images import read_image
from aepose.metainfo import get_metainfo
from aepose.models.data_preprocessor import PosePreprocessor
from aepose.structures import PoseSample
from tests.goldens.common import Options, Tally, difference, read_json, relative_difference
from tests.goldens.resize import convention, find_image

# Pixels of maps; matrices are compared to the same tolerance.
TOLERANCE = 1e-4
# Between builds of OpenCV a warped pixel may differ by that much, as the goldens' README allows.
GREY_LEVELS = 2


def check_augment(folder: Path, options: Options) -> Tally:
    """Drawn parameters, matrices, keypoints and masks, before and after a flip."""
    tally, arrays = Tally(), dict(np.load(folder / "augment.npz"))
    for name, case in _cases(folder).items():
        # Everything but the pixels follows from the picture's size.
        picture = np.zeros((case["height"], case["width"], 3), np.uint8)
        tally.add(name, _compare_case(name, case, arrays, picture), TOLERANCE)
    return tally


def check_pixels(folder: Path, options: Options) -> Tally:
    """Pixels before and after a flip; the whole seeded training pipeline."""
    tally, arrays = Tally(), dict(np.load(folder / "augment.npz"))
    for name, case in _cases(folder).items():
        path = find_image(options.data, case["image"])
        if path is None:
            tally.skip(name, "picture is not here")
        else:
            found = _compare_pixels(name, case, arrays, read_image(path))
            tally.add(name, found, GREY_LEVELS)
    golden = read_json(folder / "augment.json")
    if "train_pipeline_seeded" in golden:
        _check_pipeline(golden["train_pipeline_seeded"], options, tally)
    return tally


def _cases(folder: Path) -> dict[str, dict]:
    golden = read_json(folder / "augment.json")
    return {name: case for name, case in golden.items() if "drawn" in case}


def _codec(case: dict) -> AssociativeEmbeddingCodec:
    strides = [case["image_size"] // size for size in case["heatmap_size"]]
    return AssociativeEmbeddingCodec(
        get_metainfo("coco"), case["image_size"], strides, convention=convention(case))


def _affine(case: dict) -> RandomAffine:
    return RandomAffine(_codec(case), case["scale_factor"], case["rot_factor"],
                        case["trans_factor"], case["scale_type"])


def _warp(name: str, case: dict, arrays: dict, image: np.ndarray) -> tuple[PoseSample, PoseSample]:
    """Return the warped sample, and its mirror image."""
    joints = arrays[f"{name}.joints_in"]
    mask = np.unpackbits(arrays[f"{name}.mask_in"], count=case["width"] * case["height"])
    sample = PoseSample(image, joints[..., :2], joints[..., 2].astype(np.uint8),
                        mask.reshape(image.shape[:2]) > 0, 0, case["image"])
    affine = _affine(case)
    warped = affine(sample, np.random.RandomState(case["numpy_seed"]))
    flip = RandomFlip(affine.codec.metainfo, 1.0)
    return warped, flip(warped, np.random.RandomState(0))


def _compare_case(name: str, case: dict, arrays: dict, image: np.ndarray) -> float:
    affine, size = _affine(case), (case["width"], case["height"])
    drawn = affine.draw(size, np.random.RandomState(case["numpy_seed"]))
    facts = case["drawn"]
    worst = [relative_difference(
        [drawn.scale, drawn.rotation, *drawn.shift],
        [facts["scale"], facts["rot_deg"], facts["dx"], facts["dy"]])]
    for key, matrix in case["matrices"].items():
        side = case["image_size"] if key == "image" else int(key.removeprefix("heatmap"))
        worst.append(relative_difference(affine.matrix(size, drawn, (side, side)), matrix))
    warped, flipped = _warp(name, case, arrays, image)
    worst.append(_compare_views(warped, arrays, name))
    worst.append(_compare_views(flipped, arrays, f"{name}.flip"))
    return max(worst)


def _compare_pixels(name: str, case: dict, arrays: dict, image: np.ndarray) -> float:
    """Return by how many grey levels the pictures differ."""
    warped, flipped = (sample.image for sample in _warp(name, case, arrays, image))
    if zlib.crc32(warped.tobytes()) == case["img"]["crc32"]:
        return 0.0 if zlib.crc32(flipped.tobytes()) == case["flip_img_crc32"] else float("inf")
    return difference(warped[4::16, 4::16], arrays[f"{name}.img_sub"])


def _compare_views(sample: PoseSample, arrays: dict, name: str) -> float:
    worst = 0.0
    for view in sample.views:
        side = view.size[0]
        joints = np.concatenate([view.keypoints, sample.visibility[..., None]], axis=2)
        mask = np.unpackbits(arrays[f"{name}.mask.s{side}"], count=side * side)
        worst = max(worst,
                    relative_difference(joints, arrays[f"{name}.joints.s{side}"]),
                    difference(view.loss_mask.ravel(), mask))
    return worst


def _check_pipeline(golden: dict, options: Options, tally: Tally) -> None:
    root = options.data / "coco_mini"
    if not root.is_dir():
        return tally.skip("train_pipeline_seeded", "coco_mini is not here")
    metainfo = get_metainfo("coco")
    codec = AssociativeEmbeddingCodec(metainfo, 512, (4, 2))
    dataset = CocoKeypoints(
        "annotations/person_keypoints_train2017.json", "train2017", metainfo, codec, str(root))
    transforms = RandomAffine(codec), RandomFlip(metainfo)
    for item in golden["items"]:
        rng = np.random.RandomState(item["numpy_seed"])
        sample = dataset.load_sample(item["index"])
        for transform in transforms:
            sample = transform(sample, rng)
        name = f"pipeline.{item['index']}.{item['numpy_seed']}"
        tally.add(name, _compare_item(codec, sample, item), TOLERANCE)
    return None


def _compare_item(codec: AssociativeEmbeddingCodec, sample: PoseSample, item: dict) -> float:
    encoded = codec.encode(sample)
    image = PosePreprocessor().normalise(encoded.image[None])[0]
    std = image.std(dim=(1, 2), correction=0)
    pixels = max(difference(image.mean(dim=(1, 2)), item["img_mean"]),
                 difference(std, item["img_std"]))
    places = (0, 5, 9), (1, 256, 256), (2, 300, 100), (0, 400, 500)
    probes = [image[c, y, x] for c, y, x in places]
    worst = [0.0 if pixels < 2e-3 else pixels]
    off = difference(probes, item["img_probe"])
    worst.append(0.0 if off < GREY_LEVELS / 255 / 0.224 else off)
    for level, target in enumerate(encoded.targets):
        heatmap_sum = target.heatmaps.double().sum()
        worst.append(abs(float(heatmap_sum) / item["target_sum"][level] - 1))
        worst.append(difference(target.loss_mask.sum(), item["mask_sum"][level]))
        joints = np.stack([target.tag_index.numpy(), target.tag_valid.numpy()], axis=-1)
        crc = zlib.crc32(joints.astype(np.int32).tobytes())
        worst.append(float(crc != item["joints_crc32"][level]))
    return max(worst)
