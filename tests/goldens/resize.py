"""resize.json.gz: sizes and warps of test pictures."""

import zlib
from pathlib import Path

import numpy as np
import torch

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.codecs.geometry import CONVENTIONS
from aepose.datasets.transforms import make_eval_item
from aepose.images import read_image
from aepose.metainfo import get_metainfo
from aepose.models.data_preprocessor import PosePreprocessor
from tests.goldens.common import Options, Tally, difference, read_json, relative_difference

# Between builds of OpenCV a warped pixel may differ by a grey level; normalised, that is 0.02.
GREY_LEVEL = 1 / 255 / 0.224


def check_resize(folder: Path, options: Options) -> Tally:
    """Base size, window, sizes and matrices of every picture size."""
    golden, tally = read_json(folder / "resize.json.gz"), Tally()
    for case in golden["sizes"]:
        scales = "x".join(map(str, case["test_scale_factor"]))
        name = f"{case['width']}x{case['height']}.{case['image_size']}.{scales}.{convention(case)}"
        tally.add(name, _compare_sizes(case), 1e-6)
    return tally


def check_pixels(folder: Path, options: Options) -> Tally:
    """Pixels of some pictures."""
    tally = Tally()
    for case in read_json(folder / "resize.json.gz")["pixels"]:
        _check_pixels(case, options, tally)
    return tally


def convention(case: dict) -> str:
    """Return the name of a case's pixel convention."""
    return "udp" if case["use_udp"] else "classic"


def _compare_sizes(case: dict) -> float:
    geometry = CONVENTIONS[convention(case)]()
    scales = tuple(part["s"] for part in case["per_scale"])
    frame = geometry.eval_frame((case["width"], case["height"]), (case["image_size"],) * 2, scales)
    worst = [difference(frame.base_size, case["base_size"]),
             relative_difference(frame.center, case["center"]),
             relative_difference(frame.scale, case["scale"])]
    for part, size in zip(case["per_scale"], frame.sizes, strict=True):
        worst.append(difference(size, part["size_wh"]))
        worst.append(relative_difference(geometry.test_matrix(frame, size), part["matrix"]))
    return max(worst)


def find_image(data: Path, name: str) -> Path | None:
    """Return a picture of that name anywhere in the data folder."""
    return next(data.rglob(name), None)


def _check_pixels(case: dict, options: Options, tally: Tally) -> None:
    scales = [part["s"] for part in case["outputs"]]
    parts = Path(case["picture"]).name, case["image_size"], "x".join(map(str, scales))
    name = ".".join(map(str, (*parts, convention(case))))
    path = find_image(options.data, Path(case["picture"]).name)
    if path is None:
        return tally.skip(name, "picture is not here")
    image = read_image(path)
    if zlib.crc32(image.tobytes()) != case["decoded_rgb_crc32"]:
        return tally.skip(name, "this JPEG decoder gives other pixels")
    codec = AssociativeEmbeddingCodec(get_metainfo("coco"), case["image_size"],
                                      convention=convention(case))
    item = make_eval_item(image, codec, scales)
    preprocessor = PosePreprocessor()
    tensors = [preprocessor.normalise(scale) for scale in preprocessor({"items": [item]})["images"]]
    worst = []
    for part, warped, tensor in zip(case["outputs"], item.images, tensors, strict=True):
        worst.append(_compare_pixels(part, warped, tensor[0]))
    return tally.add(name, max(worst), 1.5 * GREY_LEVEL)


def _compare_pixels(part: dict, warped: np.ndarray, tensor: torch.Tensor) -> float:
    if list(tensor.shape) != part["shape"][1:]:
        return float("inf")
    std, mean = torch.std_mean(tensor, dim=(1, 2))
    rows, columns = np.transpose(part["probe_yx"])
    off = zlib.crc32(warped.tobytes()) != part["uint8_crc32"]
    worst = max(difference(mean, part["mean"]), difference(std, part["std"]),
                difference(tensor[:, rows, columns].T, part["probe"]))
    # Unequal bytes are let pass as another OpenCV's rounding, but show up in the difference.
    return max(worst, off * GREY_LEVEL)
