"""One picture from pixels to people, and the memory it takes: ``python benchmarks/end_to_end.py``.

Speed: a 640x427 picture through HigherHRNet-w32 512 with flip test. The network computes, with
random weights; what it gives is then exchanged for maps with five people, the same on both sides.
So it is with the network exported, which runs without PyTorch.
Memory: HigherHRNet-w48 at 640 and scales 0.5, 1 and 2, with flip test, in a process of its own;
once also with the C library told to return freed memory, which costs a fifth of the time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aepose.apis.exported import ExportedModel
from aepose.apis.inference import PoseInferencer
from aepose.codecs import AssociativeEmbeddingCodec
from aepose.datasets.transforms import find_eval_frame
from aepose.errors import ConfigError
from aepose.experiment import Experiment
from aepose.exporting.export import export
from aepose.models import AssociativeEmbedding
from aepose.runtime.files import is_exported
from aepose.runtime.sessions import ENGINES
from aepose.structures import AggregatedMaps, MapView
from aepose.weights.checkpoint import save_safetensors
from common import (
    FOLDER,
    PEER_PYTHON,
    Measured,
    Peer,
    limit_threads,
    need_peer,
    parse,
    seconds,
    table,
    take_turns,
)
from peer.memory import forget_peak, peak_mib, resident_mib

WIDTH, HEIGHT, PEOPLE = 640, 427, 5
SPEED_CONFIG = "configs/coco/higherhrnet_w32_coco_512x512.py"
MEMORY_CONFIG = "configs/coco/higherhrnet_w48_coco_512x512.py"
SIDE, SCALES = 640, (0.5, 1, 2)
MEMORY_OPTIONS = [f"codec.input_size={SIDE}", f"test_time.scales={list(SCALES)}"]
RETURNED = "fp32, MALLOC_MMAP_THRESHOLD_=1048576"
VARIANTS = {
    "fp32": [],
    "bf16": ["test_time.dtype='bfloat16'"],
}
# Name -> whether it is quantised, and how it runs.
EXPORTED = {
    "exported, onnxruntime": (False, {"engine": "onnxruntime"}),
    "exported, OpenVINO": (False, {"engine": "openvino"}),
    "exported, OpenVINO, bf16": (False, {"engine": "openvino", "dtype": "bfloat16"}),
    "exported, onnxruntime, int8": (True, {"engine": "onnxruntime"}),
    "exported, OpenVINO, int8": (True, {"engine": "openvino"}),
}


def random_weights(config: str, folder: Path) -> Path:
    """Return a checkpoint of a network as it is before training."""
    weights = folder / f"{Path(config).stem}.safetensors"
    torch.manual_seed(0)
    save_safetensors(weights, Experiment.load(config).network().state_dict(), {})
    return weights


def load(config: str, weights: Path, options: list[str]) -> PoseInferencer:
    """Return a network that is ready for pictures."""
    return PoseInferencer(config, weights, device="cpu", cfg_options=options)


def make_maps(
    codec: AssociativeEmbeddingCodec, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> list[list[torch.Tensor]]:
    """Return what the two outputs shall give for a picture and for its mirror image."""
    rng = np.random.default_rng(0)
    num_keypoints = codec.metainfo.num_keypoints
    (width, height), = find_eval_frame(size, codec, (1,)).sizes
    middles = np.linspace(0.15, 0.85, PEOPLE)[:, None, None] * [1, 0] + [0, 0.5]
    places = middles + rng.uniform(-1, 1, (PEOPLE, num_keypoints, 2)) * [0.05, 0.3]
    plain = []
    for stride in codec.map_strides:
        size = width // stride, height // stride
        view = MapView((places * size).astype(np.float32), np.ones(size[::-1], bool))
        heatmaps = codec.encode_view(view, np.full(places.shape[:2], 2, np.uint8)).heatmaps
        # No two peaks of a network are equally high.
        heatmaps = heatmaps + 1e-3 * torch.from_numpy(rng.random(heatmaps.shape, np.float32))
        # A person's tags fill the columns around it.
        tags = torch.linspace(0, 2 * PEOPLE, size[0]).floor().expand_as(heatmaps)
        # The first output alone has tags.
        plain.append(torch.cat([heatmaps] if plain else [heatmaps, tags])[None])
    flip = torch.from_numpy(codec.metainfo.flip_index)
    both = torch.cat([flip, flip + num_keypoints])
    return [plain, [maps.flip(3)[:, both[:maps.shape[1]]] for maps in plain]]


def exchange(model: AssociativeEmbedding, passes: list[list[torch.Tensor]]) -> None:
    """Let every pass give the maps, in turn those of the picture and of its mirror image."""
    device = next(model.parameters()).device
    turns = itertools.cycle([[maps.to(device) for maps in of_pass] for of_pass in passes])
    model.keypoint_head.register_forward_hook(lambda head, features, outputs: [
        maps.expand(len(own), -1, -1, -1)
        for maps, own in zip(next(turns), outputs, strict=True)])


def exchange_exported(model: ExportedModel, maps: AggregatedMaps) -> None:
    """Let every pass of an exported network give the maps."""
    session = model._network.session
    run = session.run
    heatmaps = np.asarray(maps.heatmaps)[None].copy()
    tags = np.moveaxis(np.asarray(maps.tags), -1, 0)[None].copy()

    def exchanged(*given: Any) -> tuple[np.ndarray, np.ndarray]:
        run(*given)
        return heatmaps, tags

    session.run = exchanged


def time_picture(
    image: np.ndarray, weights: Path, files: dict[bool, Path], repeats: int, threads: int
) -> Measured:
    """Return the median seconds of the peer and of our variants.

    files: exported networks, by whether they are quantised
    """
    limit_threads(threads)
    timers: dict[str, Callable[[], float]] = {}
    for name, options in VARIANTS.items():
        inferencer = load(SPEED_CONFIG, weights, options)
        passes = make_maps(inferencer.model.codec)
        exchange(inferencer._network, passes)  # the one that is tested
        people = len(inferencer.predict(image))
        timers[name] = lambda inferencer=inferencer: seconds(lambda: inferencer.predict(image))
    maps = inferencer.predict(image, keep_maps=True).maps
    for name, (quantised, chosen) in EXPORTED.items():
        try:
            model = ExportedModel(files[quantised], threads=threads, **chosen)
        except ConfigError as error:
            print(f"- Left out: {name}: {error}")
            continue
        exchange_exported(model, maps)
        assert len(model.predict(image)) == people
        timers[name] = lambda model=model: seconds(lambda: model.predict(image))
    arrays = {f"{name}.{i}": maps.numpy() for name, of_pass in zip(("plain", "mirrored"), passes,
              strict=True) for i, maps in enumerate(of_pass)}
    given = weights.with_name("maps.npz")
    np.savez(given, image=image, people=people, **arrays)
    with Peer("end_to_end.py", "picture", given) as peer:
        timers["peer"] = lambda: peer.seconds("picture")
        return take_turns(timers, repeats)


def compare_speed(folder: Path, repeats: int, threads: list[int]) -> str:
    """Return the table for some numbers of threads."""
    image = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    weights = random_weights(SPEED_CONFIG, folder)
    files = {quantised: export(
        SPEED_CONFIG, weights, folder / str(quantised), flip=True, pictures=[image],
        int8=quantised, calibrate=[image] if quantised else None).path
        for quantised in (False, True)}
    times = [time_picture(image, weights, files, repeats, number) for number in threads]
    return table(
        ["", *(cell for number in threads for cell in (f"ms, threads: {number}", "as fast"))],
        [[name, *(cell for taken in times for cell in (
            f"{1e3 * taken[name]:.0f}", f"{taken['peer'] / taken[name]:.2f}x"))]
         for name in ("peer", *VARIANTS, *EXPORTED) if name in times[0]])


def print_memory(weights: Path, options: list[str]) -> None:
    """Print MiB of this process with a loaded network, and at most.

    weights: or an exported network, whose option is the engine
    """
    inferencer = (ExportedModel(weights, options[0], threads=2) if is_exported(weights)
                  else load(MEMORY_CONFIG, weights, MEMORY_OPTIONS + options))
    forget_peak()
    before = resident_mib()
    inferencer.predict(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    print(json.dumps([before, peak_mib()]))


def memory_of(*command: str | Path, **environment: str) -> tuple[float, float]:
    """Return the two numbers that a program prints last."""
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True,
                         env={**os.environ, **environment})
    return json.loads(run.stdout.splitlines()[-1])


def compare_memory(folder: Path) -> dict[str, tuple[float, float]]:
    """Return MiB before the picture and at most, of the peer and of our variants."""
    weights = random_weights(MEMORY_CONFIG, folder)
    found = {name: memory_of(sys.executable, __file__, "--memory-of", weights, "--options",
                             *options) for name, options in VARIANTS.items()}
    found[RETURNED] = memory_of(sys.executable, __file__, "--memory-of", weights, "--options",
                                MALLOC_MMAP_THRESHOLD_=str(2**20))
    file = export(
        MEMORY_CONFIG, weights, folder, flip=True, multi_scale=True,
        pictures=[np.zeros((HEIGHT, WIDTH, 3), np.uint8)],  # the fewest that it takes
        cfg_options=[f"codec.input_size={SIDE}", f"test_time.multi_scales={list(SCALES)}"]).path
    for name in ENGINES:
        found[f"exported, {name}"] = memory_of(
            sys.executable, __file__, "--memory-of", file, "--options", name)
    found["peer"] = memory_of(PEER_PYTHON, FOLDER / "peer" / "end_to_end.py", "memory", str(SIDE),
                              *map(str, SCALES))
    return found


def main(options: argparse.Namespace) -> str:
    """Return the tables."""
    if options.memory_of:
        print_memory(options.memory_of, options.options)
        sys.exit()
    need_peer()
    with tempfile.TemporaryDirectory() as folder:
        speed = compare_speed(Path(folder), options.repeats, sorted({1, options.threads}))
        memory = compare_memory(Path(folder))
    above = {name: peak - before for name, (before, peak) in memory.items()}
    used = [[name, f"{memory[name][0]:.0f}", f"{above[name]:.0f}",
             f"{above[name] / above['peer']:.2f}x"]
            for name in sorted(memory, key=lambda name: name != "peer")]
    return "\n\n".join([
        f"One {WIDTH}x{HEIGHT} picture, {PEOPLE} people, HigherHRNet-w32 512, flip test.",
        speed,
        f"The same picture, HigherHRNet-w48 {SIDE}, scales {SCALES}, flip test.",
        table(["", "loaded, MiB", "more at most, MiB", "of the peer's"], used)])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's arguments."""
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--options", nargs="*", default=[], help=argparse.SUPPRESS)
    parser.set_defaults(threads=2)


if __name__ == "__main__":
    print(main(parse(__doc__, add_arguments)))
