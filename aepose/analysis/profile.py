"""Time of a test, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from aepose.codecs.core import build_info
from aepose.datasets import collate_eval, same_size_batches
from aepose.experiment import Experiment, choose_test, coco_metrics
from aepose.models import AssociativeEmbedding
from aepose.models.pipeline import find_people
from aepose.stage_clock import StageClock, stage
from aepose.tables import format_table
from aepose.visualization.bars import draw_bars
from aepose.weights.checkpoint import load_weights, read_checkpoint
from aepose.zoo.hub import find_checkpoint

NETWORK, METRIC, OTHER = "network", "metric", "other"
# In the order of a picture's way.
_COLORS = {
    "read": (158, 202, 225), "warp": (107, 174, 214), "batch": (49, 130, 189),
    NETWORK: (190, 190, 190), "aggregate": (253, 174, 107), "peaks": (229, 245, 224),
    "match": (161, 217, 155), "adjust": (116, 196, 118), "refine": (35, 139, 69),
    METRIC: (158, 154, 200), OTHER: (99, 99, 99),
}


@dataclass(frozen=True)
class Profile:
    """The time of a test of some pictures, in seconds.

    stages: by name, one after the other; what belongs to none is 'other'
    overlapped: of all pictures with reading, network and decoding side by side, as a test runs
    people: found in all pictures
    """


    images: int
    people: int
    stages: dict[str, float]
    overlapped: float

    def shares(self) -> dict[str, float]:
        """Return each stage's share of their sum."""
        return {name: seconds / self.one_by_one for name, seconds in self.stages.items()}

    @property
    def one_by_one(self) -> float:
        """Seconds of all stages."""
        return sum(self.stages.values())

    @property
    def outside(self) -> float:
        """Share of the overlapped time in which the network does not run."""
        return max(0.0, 1 - self.stages[NETWORK] / self.overlapped)


def profile_test(
    experiment: Experiment,
    checkpoint: str | Path | None = None,
    images: int = 50,
    multi_scale: bool = False,
    batch_size: int | None = None,
) -> Profile:
    """Test the first pictures of a set twice: stage after stage, and as a test runs.

    checkpoint: None leaves the network as it is before training; it then finds hardly anybody, and
        what decoding takes means little
    images: how many; all, if there are fewer
    multi_scale, batch_size: as :func:`~aepose.apis.evaluate.evaluate` takes them
    """
    experiment = choose_test(experiment, multi_scale, batch_size)
    dataset = experiment.dataset("test")
    metric = coco_metrics(experiment)[0]
    loading = experiment.loader_options("test")
    sizes = [dataset.test_sizes(index) for index in range(min(images, len(dataset)))]
    batches = same_size_batches(sizes, loading["batch_size"])
    return profile_network(_network(experiment, checkpoint), dataset, metric, batches,
                           loading["num_workers"])


def profile_network(
    model: AssociativeEmbedding, dataset: Dataset, metric: Any, batches: Sequence[Sequence[int]],
    workers: int,
) -> Profile:
    """Test the pictures of some batches twice, as :func:`profile_test` does.

    model: prepared for tests, on its device; batches: numbers of pictures of ``dataset``; workers:
    processes that read pictures in the second test
    """
    _one_by_one(model, dataset, batches[:1], metric)  # the first of its kind takes longer
    metric.results.clear()
    stages = _one_by_one(model, dataset, batches, metric)
    people = sum(len(records) for _, records in metric.results)
    loader = DataLoader(dataset, batch_sampler=batches, collate_fn=collate_eval,
                        num_workers=workers)
    return Profile(sum(map(len, batches)), people, stages, _overlapped(model, loader))


def _network(experiment: Experiment, checkpoint: str | Path | None) -> AssociativeEmbedding:
    model = experiment.network()
    if checkpoint is not None:
        source = find_checkpoint(checkpoint)
        load_weights(model, read_checkpoint(source)["state_dict"], source)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return model.to(device).prepare_for_test()


def _one_by_one(
    model: AssociativeEmbedding, dataset: Dataset, batches: Sequence[Sequence[int]], metric: Any
) -> dict[str, float]:
    """Return the seconds of each stage."""
    start = time.perf_counter()
    with StageClock(next(model.parameters()).device) as clock:
        loaded = (collate_eval([dataset[index] for index in batch]) for batch in batches)
        for _, results in find_people(model, loaded, overlap=False):
            with stage(METRIC):
                metric.process(None, results)
        with stage(METRIC):
            metric.compute_metrics(metric.results)
    rest = time.perf_counter() - start - sum(clock.seconds.values())
    seconds = {**clock.seconds, OTHER: max(0.0, rest)}
    return {name: seconds[name] for name in sorted(seconds, key=list(_COLORS).index)}


def _overlapped(model: AssociativeEmbedding, loader: DataLoader) -> float:
    """Return the seconds from the first batch, which also starts the workers, as if it were any."""
    batches = iter(loader)
    first = next(batches)

    def all_of_them() -> Iterator[dict[str, Any]]:
        yield first
        yield from batches

    start = time.perf_counter()
    for _ in find_people(model, all_of_them()):
        pass
    return time.perf_counter() - start


def format_profile(profile: Profile) -> str:
    """Return a Markdown table of the stages, and what they come to, in milliseconds per picture."""
    per_image = 1e3 / profile.images
    rows = [[name, f"{profile.stages[name] * per_image:.2f}", f"{100 * share:.1f} %"]
            for name, share in profile.shares().items()]
    rows.append(["one by one", f"{profile.one_by_one * per_image:.2f}", "100.0 %"])
    rate = profile.images / profile.overlapped
    how = build_info()["decoding"]
    return "\n".join([
        format_table(["stage", "ms", "share"], rows), "",
        f"{profile.images} images, {profile.people} people; decoding: {how}.",
        f"Overlapped, as a test runs: {profile.overlapped * per_image:.2f} ms per image "
        f"({rate:.2f} images/s), {100 * profile.outside:.1f} % of it outside the network."])


def draw_profile(profile: Profile) -> np.ndarray:
    """Return a chart (H, W, 3) uint8 RGB: all stages, and those besides the network enlarged."""
    sizes = [round(1e3 * profile.stages.get(name, 0.0) / profile.images, 2) for name in _COLORS]
    besides = [0.0 if name == NETWORK else size for name, size in zip(_COLORS, sizes, strict=True)]
    return draw_bars("milliseconds per image, one stage after the other",
                     {"all": sizes, "besides the network": besides}, _COLORS)
