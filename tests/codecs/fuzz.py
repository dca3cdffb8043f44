"""Random and hostile inputs for decoding: ``python -m tests.codecs.fuzz COUNT [CORE]``.

Compares the compiled core with Python and prints how many inputs agreed. CORE: a library to test
instead of the installed one, for example one that was built with sanitizers.
"""

import importlib.util
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

VALUES = np.float32([0, 0, 0.1, 0.25, 0.5, 0.5, 1, -0.0, -0.5, 1e-45, 1e-38, 3e38, -3e38, 1e10])
BROKEN = np.float32([np.nan, np.inf, -np.inf])


def use_core(path: str) -> None:
    """Make ``aepose._core`` the library at ``path``; before anything asks for it."""
    spec = importlib.util.spec_from_file_location("aepose._core", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    import aepose

    sys.modules["aepose._core"] = aepose._core = module


def random_maps(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return float32 maps: noise, plateaus, ties, steps, denormal and huge values."""
    kind = rng.integers(6)
    if kind == 0:
        return rng.random(shape, np.float32)
    if kind == 1:
        return rng.standard_normal(shape, np.float32) * np.float32(10.0 ** rng.integers(-40, 38))
    if kind == 2:
        return rng.choice(VALUES, shape)
    if kind == 3:
        return rng.integers(0, 3, shape).astype(np.float32) / 2
    if kind == 4:
        return np.full(shape, rng.choice(VALUES))
    return np.where(rng.random(shape) < 0.2, rng.random(shape, np.float32), np.float32(0))


def random_layout(rng: np.random.Generator, maps: np.ndarray) -> np.ndarray:
    """Return the same maps, elsewhere in memory or with a flaw."""
    kind = rng.integers(12)
    if kind == 0:
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(maps, -1, 0)), 0, -1)
    if kind == 1:
        return maps[..., ::-1]
    if kind == 2:
        return np.repeat(maps, 2, axis=-1)[..., ::2]
    if kind == 3:
        maps = maps.copy()
        maps.flat[rng.integers(maps.size)] = rng.choice(BROKEN)
    if kind == 4 and rng.random() < 0.3:
        return maps[..., :0] if rng.random() < 0.5 else maps[:0]
    if kind == 5 and rng.random() < 0.3:
        with np.errstate(all="ignore"):
            return maps.astype(rng.choice(["float64", "float16", "int32", ">f4"]))
    if kind == 6 and rng.random() < 0.3:
        return maps[0]
    return maps


def random_people(rng: np.random.Generator, keypoints: int, tags: int) -> np.ndarray:
    """Return up to 3 people (P, K, 3 + L) as grouping finds none: outside of the maps, broken."""
    people = rng.normal(5, 10, (rng.integers(4), keypoints, 3 + tags)).astype(np.float32)
    people[..., 2] = rng.choice([0, -1, 0.5, 1, np.nan], people.shape[:2])
    people[rng.random(people.shape) < 0.05] = np.nan
    return people


def decode(rng: np.random.Generator) -> Callable[[], list[Any]]:
    """Return a function that decodes random maps, stage by stage."""
    from aepose.codecs.dark import newton_step
    from aepose.codecs.matching import match_by_tag
    from aepose.codecs.read_maps import read_maps
    from aepose.codecs.refine import adjust, refine

    keypoints, tags = rng.integers(1, 4, 2)
    height, width = rng.integers(1, 13, 2) if rng.random() < 0.95 else rng.integers(1, 40, 2)
    tag_maps = keypoints if rng.random() < 0.8 else rng.integers(1, 4)
    heat = random_layout(rng, random_maps(rng, (keypoints, height, width)))
    tag = random_layout(rng, random_maps(rng, (tag_maps, height, width, tags)))
    most = int(rng.integers(0, 2 + min(height * width, 30)))
    kernel = int(rng.choice([1, 3, 5, 5, 21, 2**31 + 1, 4]))
    threshold = float(rng.choice([0, 0.1, 0.25, 0.5, 1e-45, 1e300]))
    options = {
        "tag_threshold": float(rng.choice([0, 0.5, 1, 1e9])),
        "use_detection_val": bool(rng.integers(2)), "ignore_too_much": bool(rng.integers(2)),
        "first_people_only": bool(rng.integers(2)),
    }

    strange = random_people(rng, keypoints, tags)

    def run() -> list[Any]:
        maps = read_maps(heat, tag)
        peaks = maps.find_peaks(most, kernel, threshold)
        people = match_by_tag(peaks, range(keypoints), most, threshold, **options)
        return [peaks.xy, peaks.score, peaks.tag, people, *(
            stage for some in (people, strange)
            for stage in (adjust(some, maps.heatmaps), newton_step(some, maps.heatmaps),
                          refine(some, maps, 0.5)))]

    return run


def assignment(rng: np.random.Generator) -> Callable[[], list[Any]]:
    """Return a function that solves a random assignment problem."""
    from aepose.codecs.assignment import assign

    shape = rng.integers(0, 8, 2)
    cost = random_maps(rng, tuple(shape)).astype(np.float64) * rng.choice([1, 100, 1e17, 1e-300])
    if cost.size and rng.random() < 0.3:
        cost[:, rng.random(shape[1]) < 0.5] = 1e10
    if cost.size and rng.random() < 0.05:
        cost.flat[rng.integers(cost.size)] = rng.choice([np.nan, np.inf, -1e19])
    return lambda: [assign(cost)]


def outcome(run: Callable[[], list[Any]]) -> list[Any]:
    """Return what a function returns, or the error that it raises."""
    try:
        with np.errstate(all="ignore"):
            return run()
    except ValueError as error:
        return [str(error)]


def equal(one: list[Any], other: list[Any]) -> bool:
    """Tell whether two outcomes agree to the last bit."""
    return len(one) == len(other) and all(
        np.array_equal(a, b, equal_nan=True) if isinstance(a, np.ndarray) else a == b
        for a, b in zip(one, other, strict=True))


def inputs(count: int, seed: int) -> Iterator[tuple[str, Callable[[], list[Any]]]]:
    """Yield inputs by name; a name tells how to make the input again."""
    for index in range(count):
        make = decode if index % 5 == 0 else assignment
        yield f"{make.__name__} {seed} {index}", make(np.random.default_rng((seed, index)))


def compare(count: int, seed: int = 0) -> tuple[int, list[str]]:
    """Return how many inputs gave a result, not an error, and those where the paths disagree."""
    from tests.codecs.paths import on_path

    results, wrong, following = 0, [], inputs(count, seed)
    # In portions, because changing the path takes longer than decoding.
    while portion := list(itertools.islice(following, 500)):
        found = {}
        for path in ("compiled", "numpy"):
            with on_path(path):
                found[path] = [outcome(run) for _, run in portion]
        for (name, _), one, other in zip(portion, *found.values(), strict=True):
            results += not isinstance(one[0], str)
            if not equal(one, other):
                wrong.append(name)
    return results, wrong


if __name__ == "__main__":
    if len(sys.argv) > 2:
        use_core(sys.argv[2])
    from aepose.codecs.core import core

    start = time.perf_counter()
    good, bad = compare(int(sys.argv[1]))
    print(f"{core().__file__}: {sys.argv[1]} inputs, {good} with a result, {len(bad)} disagree "
          f"{bad[:5]}, {time.perf_counter() - start:.0f} s")
    sys.exit(bool(bad))
