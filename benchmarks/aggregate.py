"""From network outputs to maps that can be decoded, against MMPose 0.29:
``python benchmarks/aggregate.py``.

Outputs of random numbers, of one 640 x 427 picture and its mirror image, as networks for an input
of 512 give them, are averaged over outputs, flip and scales and enlarged to the network's input.
MMPose's detector does that with the same outputs in place of its network's. Also says how far both
results are apart.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from aepose.codecs.aggregation import aggregate, flip_back
from aepose.experiment import Experiment
from aepose.metainfo import get_metainfo
from aepose.structures import HeadOutput
from common import ROOT, Peer, parse, seconds, table, take_turns

PICTURE = 640, 427
KEYPOINTS = 17
# Config -> channels of each output.
NETWORKS = {"higherhrnet_w32_coco_512x512": (34, 17), "hrnet_w32_coco_512x512": (34,)}
SCALES = (1,), (2, 1, 0.5)
REPEATS = 15

Outputs = list[list[list[torch.Tensor]]]
"""Scale, pass (picture, mirror image), output -> (1, C, H, W)."""


def make_outputs(
    sizes: Sequence[tuple[int, int]], strides: Sequence[int], channels: Sequence[int]
) -> Outputs:
    """Return random outputs for network inputs of ``sizes`` (W, H), with flip test."""
    generator = torch.Generator().manual_seed(0)
    return [[[torch.rand(1, c, height // stride, width // stride, generator=generator)
              for stride, c in zip(strides, channels, strict=True)] for _ in range(2)]
            for width, height in sizes]


def our_aggregation(
    outputs: Outputs, scales: Sequence[float], size: tuple[int, int], flip_index: torch.Tensor
) -> Callable[[], tuple[torch.Tensor, torch.Tensor]]:
    """Return a function that aggregates the outputs as the detector does."""

    def split(maps: list[torch.Tensor]) -> list[HeadOutput]:
        return [HeadOutput(m[:, :KEYPOINTS], m[:, KEYPOINTS:] if m.shape[1] > KEYPOINTS else None)
                for m in maps]

    def run() -> tuple[torch.Tensor, torch.Tensor]:
        passes = ([split(picture), [flip_back(o, flip_index) for o in split(mirrored)]]
                  for picture, mirrored in outputs)
        with torch.inference_mode():
            return aggregate(scales, passes, size, align_corners=False)

    return run


def difference(ours: tuple[torch.Tensor, torch.Tensor], path: Path) -> float:
    """Return the largest difference to the peer's maps; random numbers are below 1."""
    with np.load(path) as arrays:
        return max(float((mine[0].numpy() - arrays[name][0]).__abs__().max())
                   for mine, name in zip(ours, ("heatmaps", "tags"), strict=True))


def compare(name: str, scales: Sequence[float], folder: Path) -> list[str]:
    """Return a row of the table."""
    experiment = Experiment.load(ROOT / "configs" / "coco" / f"{name}.py")
    codec, test_time = experiment.codec, experiment.test_time
    if not test_time.project2image or test_time.align_corners:
        raise ValueError(f"{name} does not aggregate maps as this benchmark expects")
    frame = codec.geometry.eval_frame(PICTURE, codec.train_size, tuple(scales))
    outputs = make_outputs(frame.sizes, codec.map_strides, NETWORKS[name])
    flip_index = get_metainfo("coco").flip_index
    path = folder / f"{name}.{len(scales)}.npz"
    np.savez(path, scales=scales, base_size=frame.base_size, flip_index=flip_index, **{
        f"output.{s}.{p}.{o}": maps.numpy() for s, passes in enumerate(outputs)
        for p, of_pass in enumerate(passes) for o, maps in enumerate(of_pass)})
    ours = our_aggregation(outputs, scales, frame.base_size, torch.from_numpy(flip_index))
    with Peer("aggregate.py", path) as peer:
        apart = difference(ours(), path.with_suffix(".aggregated.npz"))
        found = take_turns({"ours": lambda: seconds(ours),
                            "peer": lambda: peer.seconds(path.stem)}, REPEATS, warmups=3)
    return [name.split("_coco")[0], ", ".join(map(str, scales)), f"{found['ours'] * 1e3:.1f}",
            f"{found['peer'] * 1e3:.1f}", f"{found['peer'] / found['ours']:.1f}x", f"{apart:.0e}"]


def main() -> str:
    """Return the table."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [compare(name, scales, Path(folder)) for scales in SCALES for name in NETWORKS]
    return table(["network", "scales, with flip", "aepose, ms", "MMPose 0.29, ms", "ratio",
                  "largest difference"], rows)


if __name__ == "__main__":
    parse(__doc__)
    print(main())
