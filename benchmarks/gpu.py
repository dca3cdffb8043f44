"""Testing and training HigherHRNet-w32 512 on a GPU: ``python benchmarks/gpu.py [PART ...]``.

Pictures are drawn, 640x480. In testing the network computes, with random weights; what it gives is
exchanged for maps with five people. Rows are printed as they are found. Says so and measures
nothing where there is no GPU; ``--device cpu`` tries the program itself.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import torch
from torch._dynamo.exc import TorchDynamoException

from aepose.analysis.profile import NETWORK, Profile, profile_network
from aepose.datasets import collate_eval
from aepose.experiment import Experiment, coco_metrics
from aepose.models import AssociativeEmbedding
from aepose.models.pipeline import find_people
from common import NOT_MEASURED, parse, seconds, take_turns
from data import Ours
from drawn import SIZE, draw_pictures
from end_to_end import PEOPLE, exchange, make_maps
from end_to_end import VARIANTS as TEST_TYPES
from train_step import COMPILE, VARIANTS, make_step

FAST = VARIANTS["bf16"]
# Name -> config options and settings of cuDNN. By PyTorch's default, convolutions of float32 are
# computed in TF32 in training.
TRAINING = {
    "fp32": ([], {}),
    "fp32, channels first": (VARIANTS["fp32, channels first"], {}),
    "fp32, without TF32": ([], {"allow_tf32": False}),
    "bf16": (FAST, {}),
    "bf16, cudnn.benchmark": (FAST, {"benchmark": True}),
}
STEPS = 5
WARMUPS = 2
BATCHES = 3, 60  # of one size in a test, at least and at most
READING = "read", "warp", "batch"
DECODING = "peaks", "match", "adjust", "refine"


def wait(device: torch.device) -> None:
    """Wait for what the device still has to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def show(*cells: str) -> None:
    """Print a row of a Markdown table at once: the program may be stopped."""
    print("| " + " | ".join(cells) + " |", flush=True)


def head(*titles: str) -> None:
    """Print the head of a table whose first column is text and whose others are numbers."""
    print()
    show(*titles)
    show("---", *["---:"] * (len(titles) - 1))


def tested_network(cfg: Experiment, device: torch.device) -> AssociativeEmbedding:
    """Return a network that is ready for pictures of one size."""
    model = cfg.network().to(device).prepare_for_test()
    exchange(model, make_maps(model.codec, SIZE))
    return model


def profile(
    cfg: Experiment, model: AssociativeEmbedding, batch_size: int, options: argparse.Namespace
) -> Profile:
    """Test so many batches that they take about ``options.seconds``."""
    dataset = cfg.dataset("test")
    metric = coco_metrics(cfg)[0]
    batch = collate_eval([dataset[i % len(dataset)] for i in range(batch_size)])

    def test() -> None:
        list(find_people(model, [batch]))

    taken = take_turns({"one": lambda: seconds(test)}, repeats=2)["one"]
    least, most = BATCHES
    number = max(least, min(most, round(options.seconds / taken)))
    order = cycle(range(len(dataset)))
    batches = [list(islice(order, batch_size)) for _ in range(number)]
    return profile_network(model, dataset, metric, batches, options.workers)


def testing(root: Path, options: argparse.Namespace) -> None:
    """Pictures per second with flip test, and milliseconds per picture stage by stage."""
    head("test", "batch", "pictures/s", "outside the network", "reading, ms", "network, ms",
         "aggregation, ms", "decoding, ms", "people")
    for name, changes in TEST_TYPES.items():
        cfg = Experiment.load(options.config, [*changes, f"data_root={root}",
                                           f"codec.input_size={options.side}"])
        model = tested_network(cfg, options.device)
        for batch_size in options.batch_sizes:
            _show_test(name, batch_size, profile(cfg, model, batch_size, options))
    # Tests have the channels of a pixel together, which suits tensor cores; float32 has none.
    cfg = Experiment.load(options.config, [f"data_root={root}", f"codec.input_size={options.side}"])
    model = tested_network(cfg, options.device).to(memory_format=torch.contiguous_format)
    model.memory_format = torch.contiguous_format
    batch_size = options.batch_sizes[len(options.batch_sizes) // 2]
    _show_test("fp32, channels first", batch_size, profile(cfg, model, batch_size, options))


def _show_test(name: str, batch_size: int, found: Profile) -> None:
    def per_picture(*stages: str) -> str:
        return f"{1e3 * sum(found.stages.get(s, 0.0) for s in stages) / found.images:.2f}"

    show(name, str(batch_size), f"{found.images / found.overlapped:.1f}",
         f"{100 * found.outside:.0f} %", per_picture(*READING), per_picture(NETWORK),
         per_picture("aggregate"), per_picture(*DECODING), f"{found.people / found.images:.1f}")


@contextmanager
def cudnn(settings: dict[str, bool]) -> Iterator[None]:
    """Set attributes of ``torch.backends.cudnn`` in this scope."""
    before = {name: getattr(torch.backends.cudnn, name) for name in settings}
    try:
        for name, value in settings.items():
            setattr(torch.backends.cudnn, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(torch.backends.cudnn, name, value)


def rate(step: Callable[[], object], options: argparse.Namespace) -> float:
    """Return pictures per second of a training step."""
    def steps() -> None:
        for _ in range(STEPS):
            step()
        wait(options.device)

    taken = take_turns({"steps": lambda: seconds(steps)}, options.repeats, WARMUPS)["steps"]
    return STEPS * options.batch_size / taken


def training(_: Path, options: argparse.Namespace) -> None:
    """Pictures per second of whole training steps, one batch again and again."""
    head(f"training step, {options.batch_size} pictures", "pictures/s", "to fp32")
    plain = None
    for name, (changes, settings) in TRAINING.items():
        with cudnn(settings):
            step = _make_step(changes, options)
            found = rate(step, options)
        plain = plain or found
        show(name, f"{found:.1f}", f"{found / plain:.2f}x")
        del step  # both networks would not fit a small GPU
        if options.device.type == "cuda":
            torch.cuda.empty_cache()


def compiled(_: Path, options: argparse.Namespace) -> None:
    """The same, of a network that is compiled; the first step takes minutes."""
    step = _make_step([*FAST, COMPILE], options)

    def first() -> None:
        step()
        wait(options.device)

    try:
        taken = seconds(first)
    except TorchDynamoException as error:
        sys.exit(f"cannot be compiled: {str(error).strip().splitlines()[0]}")
    if options.hold:
        if options.device.type == "cuda":
            torch.cuda.empty_cache()
        print("waiting to be measured until the input is closed", flush=True)
        sys.stdin.read()
    head(f"training step, {options.batch_size} pictures", "pictures/s", "first step, s")
    show("bf16, compiled", f"{rate(step, options):.1f}", f"{taken:.0f}")


def _make_step(changes: list[str], options: argparse.Namespace) -> Callable[[], object]:
    return make_step(options.config, changes, options.side, options.batch_size,
                     str(options.device))[0]


def data(root: Path, options: argparse.Namespace) -> None:
    """Training samples per second of the data path, from JPEG files to batches."""
    head("data path", "pictures/s")
    ours, batches = Ours(root, options.side), 4 * options.workers
    taken = ours.load(options.workers, batches, options.batch_size)
    show(f"{options.workers} workers, batches of {options.batch_size}",
         f"{batches * options.batch_size / taken:.1f}")


PARTS = {"testing": testing, "training": training, "data": data, "compiled": compiled}


def main(options: argparse.Namespace) -> None:
    """Print the tables of the parts asked for."""
    if unknown := set(options.parts) - set(PARTS):
        sys.exit(f"no such part: {', '.join(unknown)}; choose from {', '.join(PARTS)}")
    if options.device.type == "cuda" and not torch.cuda.is_available():
        print(f"{NOT_MEASURED}: this machine has no GPU that PyTorch can use.")
        return
    name = torch.cuda.get_device_name() if options.device.type == "cuda" else "the CPU"
    print(f"{options.config} at {options.side} on {name}; drawn pictures {SIZE[0]}x{SIZE[1]}, "
          f"{PEOPLE} people put into the maps; {options.workers} workers read.", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        reads = {"testing", "data"} & set(options.parts)
        root = draw_pictures(Path(folder)) if reads else Path(folder)
        for part in options.parts:
            PARTS[part](root, options)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's arguments."""
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="PART",
                        help="of " + ", ".join(PARTS) + " (default: all)")
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda"))
    parser.add_argument("--config", default="higherhrnet_w32_coco_512x512")
    parser.add_argument("--side", type=int, default=512, help="of the pictures (default 512)")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 32],
                        help="of tests (default 1 8 32)")
    parser.add_argument("--batch-size", type=int, default=24, help="of training (default 24)")
    parser.add_argument("--workers", type=int, default=min(12, os.cpu_count() or 1))
    parser.add_argument("--seconds", type=float, default=4, help="that each test takes, about")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--hold", action="store_true",
                        help="compiled: measure only when the input is closed")


if __name__ == "__main__":
    main(parse(__doc__, add_arguments))
