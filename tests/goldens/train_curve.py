"""train_curve.json: thirty training steps on one batch of pictures."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from aepose.datasets import CocoKeypoints
from aepose.experiment import Experiment
from aepose.models import AssociativeEmbedding
from aepose.structures import MapTargets, MapView, PoseSample
from tests.goldens.common import Options, Tally, difference, read_json
from tests.goldens.networks import find_config
from tests.goldens.weights import set_procedural_weights

INPUT_SIDE, MAP_SIDE = 128, 32
TERMS = ("heatmap_loss", "push_loss", "pull_loss")
# Every step multiplies the rounding errors of those before it. Seen with oneDNN limited to AVX2 and
# AVX-512 and without a limit, one and two threads: the losses of the first step off by 2e-5, of the
# second by 5e-4, of later ones by 2 %; gradient norms by 0.1 %, 0.5 % and 6 %. Step -> bound of
# either; LATER is for all others.
LOSSES, LOSSES_LATER = {0: 1e-4, 1: 3e-3}, 0.1
NORMS, NORMS_LATER = {0: 5e-3, 1: 3e-2}, 0.2


def check_train_curve(folder: Path, options: Options) -> Tally:
    """The batch, then per step the loss, its terms and the gradient norm."""
    golden, tally = read_json(folder / "train_curve.json"), Tally()
    path, root = find_config(golden["config"]), options.data / "coco_mini"
    if path is None:
        tally.add(golden["config"], float("inf"), 0)  # no such config
        return tally
    if not root.is_dir():
        tally.skip("train_curve", "coco_mini is not here")
        return tally
    model = Experiment.load(path).network().train()
    salt = golden.get("salt", "") if options.salt is None else options.salt
    set_procedural_weights(model, golden.get("final_factor", 1), salt)
    images, targets = _batch(model, root, golden, tally)
    curve = golden["runs"]["reference"]["curve"]
    for expected, found in zip(curve, _train(model, images, targets), strict=False):
        step = expected["iter"]
        losses = max(abs(found[k] - expected[k]) for k in ("loss", *TERMS)) / expected["loss"]
        norm = abs(found["grad_norm"] / expected["grad_norm"] - 1)
        tally.add(f"step {step}.losses", losses, LOSSES.get(step, LOSSES_LATER))
        tally.add(f"step {step}.grad_norm", norm, NORMS.get(step, NORMS_LATER))
    return tally


def _train(
    model: AssociativeEmbedding, images: torch.Tensor, targets: MapTargets
) -> Iterator[dict[str, float]]:
    """Yield what each step found before it changed the weights."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    while True:
        optimiser.zero_grad()
        losses = model(images, targets=[targets], mode="loss")
        losses = {term: losses[term] for term in TERMS}
        total = sum(losses.values())
        total.backward()
        norm = torch.nn.utils.get_total_norm(
            [p.grad for p in model.parameters() if p.grad is not None])
        yield {name: value.item() for name, value in
               {**losses, "loss": total, "grad_norm": norm}.items()}
        optimiser.step()


def _batch(
    model: AssociativeEmbedding, root: Path, golden: dict, tally: Tally
) -> tuple[torch.Tensor, MapTargets]:
    """Build the batch and tally it: pictures (N, 3, 128, 128) normalised, and their targets."""
    codec = model.codec
    dataset = CocoKeypoints("annotations/person_keypoints_train2017.json", "train2017",
                            codec.metainfo, codec, str(root))
    index = {info["id"]: i for i, info in enumerate(dataset.images)}
    samples = [dataset.load_sample(index[image_id]) for image_id in golden["image_ids"]]
    pictures = [cv2.resize(s.image, (INPUT_SIDE, INPUT_SIDE)) for s in samples]
    unlike = [float(zlib.crc32(p.tobytes()) != crc)
              for p, crc in zip(pictures, golden["resized_rgb_crc32"], strict=True)]
    tally.add("pictures", sum(unlike), 0)
    # Kept channels-last in memory, as the reference's were: BatchNorm sums in another order there,
    # and the first loss would differ by 2e-5, the first gradient norm by 3e-3.
    images = model.data_preprocessor.normalise(
        torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2))
    tally.add("input", difference([images.mean(), images.std()],
                                  [golden["input_mean"], golden["input_std"]]), 1e-6)
    targets = MapTargets.stack([_targets(model, s) for s in samples])
    tally.add("heatmaps", abs(float(targets.heatmaps.double().sum()) / golden["target_sum"] - 1),
              1e-6)
    tally.add("tag indices", abs(int(targets.tag_index.sum() + targets.tag_valid.sum())
                                 - golden["joints_sum"]), 0)
    return images, targets


def _targets(model: AssociativeEmbedding, sample: PoseSample) -> MapTargets:
    height, width = sample.image.shape[:2]
    labelled = sample.visibility.any(axis=1)
    factors = np.array([MAP_SIDE / width, MAP_SIDE / height], np.float32)
    view = MapView(sample.keypoints[labelled] * factors, np.ones((MAP_SIDE, MAP_SIDE), bool))
    return model.codec.encode_view(view, sample.visibility[labelled])
