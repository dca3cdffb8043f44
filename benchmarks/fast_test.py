"""AP and pictures per second of the ways to test a network, on one core of a processor.

``python benchmarks/fast_test.py [--flies FOLDER] [--plot FILE]`` tests with maps enlarged to the
network's input or not (then with ``codec.subpixel='newton'``), with and without flip test, at one
scale or three, in float32 and bfloat16: the network that ships on drawn people, one of flies that
``benchmarks/recipes.py FOLDER`` trained, and HigherHRNet-w32 on photographs, whose random weights
tell no AP. Of each kind of numbers the ways that no other beats in both are the front.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from aepose.apis.inference import PoseInferencer
from aepose.experiment import coco_metrics
from aepose.toy import make_toy_dataset
from aepose.zoo.hub import TOY_CHECKPOINT
from common import PICTURES, limit_threads, table
from end_to_end import SPEED_CONFIG, random_weights

TOY = "hrnet_w16_toy_256x256"
MAPS = {"enlarged": ["test_time.project2image=True", "codec.subpixel=None"],
        "as they are": ["test_time.project2image=False", "codec.subpixel=newton"]}
SCALES = {"1": ["test_time.scales=[1]"], "0.5, 1, 2": ["test_time.scales=[0.5,1,2]"]}
TYPES = {"float32": ["test_time.dtype=None"], "bfloat16": ["test_time.dtype=bfloat16"]}


@dataclass(frozen=True)
class Way:
    """One way to test: cells of the table, AP (None for random weights), pictures per second."""

    maps: str
    flip: bool
    scales: str
    type: str
    ap: float | None
    speed: float

    @property
    def cells(self) -> list[str]:
        """The start of its row."""
        return [self.maps, "yes" if self.flip else "no", self.scales, self.type]


@dataclass(frozen=True)
class Data:
    """A network and the pictures it is tested on.

    taken: every which picture
    """

    name: str
    config: str | Path
    checkpoint: Path
    taken: int = 1
    options: tuple[str, ...] = ()
    trained: bool = True

    def ways(self) -> Iterator[Way]:
        """Test in all ways."""
        for (maps, how), flip, (scales, at), (kind, dtype) in itertools.product(
                MAPS.items(), (True, False), SCALES.items(), TYPES.items()):
            model = PoseInferencer(self.config, self.checkpoint, "cpu", cfg_options=[
                *self.options, *how, *at, *dtype, f"test_time.flip={flip}"])
            ap, speed = self._measure(model)
            way = Way(maps, flip, scales, kind, ap if self.trained else None, speed)
            print(self.name, *way.cells, ap, speed, flush=True)
            yield way

    def _measure(self, model: PoseInferencer) -> tuple[float, float]:
        """Return AP and pictures per second of processor time, reading and decoding included."""
        (metric,) = coco_metrics(model.experiment)
        dataset = model.experiment.dataset("test")
        items = [dataset[index] for index in range(0, len(dataset), self.taken)]
        paths, ids = [item.image_path for item in items], [item.image_id for item in items]
        model.predict(paths[0])
        start = time.process_time()
        results = list(model.predict(paths))
        speed = len(paths) / (time.process_time() - start)
        metric.process(None, [replace(result, image_id=image)
                              for result, image in zip(results, ids, strict=True)])
        metric.records = [record for _, found in metric.results for record in found]
        return metric.score(metric.scored[-1], ids).stats["AP"], speed


def front(ways: list[Way]) -> list[Way]:
    """Return the ways that no other beats in AP and speed, from the fastest on."""
    best: list[Way] = []
    for way in sorted(ways, key=lambda way: (-way.speed, -way.ap)):
        if not best or way.ap > best[-1].ap:
            best.append(way)
    return best


def report(data: Data, ways: list[Way]) -> str:
    """Return the table of a network."""
    published = ways[0].speed
    chosen = front(ways) if data.trained else []
    rows = [[*way.cells, f"{way.ap:.3f}" if data.trained else "-", f"{way.speed:.2f}",
             f"{way.speed / published:.1f}x", "yes" if way in chosen else ""] for way in ways]
    return f"**{data.name}**\n\n" + table(
        ["maps", "flip", "scales", "numbers", "AP", "pictures/s", "", "front"], rows)


def plot(found: dict[str, list[Way]], path: Path) -> None:
    """Draw AP over pictures per second, and the front."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5 * len(found), 4.5), layout="constrained")
    for axes, (name, ways) in zip(figure.subplots(1, len(found), squeeze=False)[0], found.items(),
                                  strict=True):
        line = front(ways)
        axes.plot([way.speed for way in line], [way.ap for way in line], color="0.7", zorder=0)
        for way in ways:
            axes.plot(way.speed, way.ap, "o" if way.flip else "s", markersize=8,
                      color="tab:blue" if way.maps == "enlarged" else "tab:orange",
                      fillstyle="full" if way.type == "float32" else "none",
                      alpha=1 if way.scales == "1" else 0.5)
        axes.set(title=name, xlabel="pictures per second, one core", ylabel="AP")
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.grid(alpha=0.3)
    legend = {"maps enlarged": ("o", "tab:blue", "full", 1),
              "as they are": ("o", "tab:orange", "full", 1),
              "no flip test": ("s", "0.3", "full", 1), "bfloat16": ("o", "0.3", "none", 1),
              "three scales": ("o", "0.3", "full", 0.5)}
    for label, (marker, color, fill, alpha) in legend.items():
        axes.plot([], [], marker, color=color, fillstyle=fill, alpha=alpha, label=label)
    axes.legend(fontsize="small")
    figure.savefig(path)


def main() -> None:
    """Test and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flies", type=Path, metavar="FOLDER", help="of benchmarks/recipes.py")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write a picture")
    options = parser.parse_args()
    limit_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        toy = make_toy_dataset(Path(folder) / "toy", 0, 200, seed=0)
        chosen = [Data("Drawn people", TOY, TOY_CHECKPOINT, options=(f"data_root={toy}",))]
        if options.flies:
            config = options.flies / "flies_375" / "PoseLoss__push_0_01__pull_0_003.py"
            last = config.parent / "trained" / config.stem / "0" / "last.pth"
            chosen.append(Data("Flies", config, last, 5))
        if PICTURES.is_dir():
            chosen.append(Data(
                "Photographs, HigherHRNet-w32 512", SPEED_CONFIG,
                random_weights(SPEED_CONFIG, Path(folder)), 40, trained=False,
                options=(f"data_root={PICTURES}",)))
        found = {data.name: list(data.ways()) for data in chosen}
        print("\n\n".join(report(data, found[data.name]) for data in chosen))
    if options.plot:
        plot({data.name: found[data.name] for data in chosen if data.trained}, options.plot)


if __name__ == "__main__":
    main()
