"""The core for C++ programs, and its instruction sets and threads, find what Python finds."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.codecs.core import core
from aepose.metainfo import get_metainfo
from tests.codecs.fuzz import random_maps
from tests.golden_check import OWN, ROOT

compiled = pytest.mark.skipif(core() is None, reason="the compiled core is not built")
SETS = () if core() is None else core().INSTRUCTIONS


def noisy(seed, height, width, channels, tag_maps=17):
    """Maps of one of the kinds of fuzz, with a few peaks."""
    rng = np.random.default_rng(seed)
    heat = random_maps(rng, (17, height, width)).clip(-1, 1)
    heat[:, rng.integers(height, size=9), rng.integers(width, size=9)] = rng.random((17, 9))
    return heat, rng.normal(0, 2, (tag_maps, height, width, channels)).astype(np.float32)


def planar(maps):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(maps, -1, 0)), 0, -1)


# Maps whose tiles are whole and are not, smaller than one, with several layouts.
MAPS = {
    "whole tiles": noisy(0, 64, 128, 2), "odd": noisy(1, 61, 75, 2), "a row": noisy(2, 1, 90, 1),
    "three tags": noisy(3, 40, 33, 3), "one tag map": noisy(4, 30, 20, 1, tag_maps=1),
    "1x1": noisy(5, 1, 1, 2), "all equal": (np.full((17, 16, 16), 0.5, np.float32),
                                            np.ones((17, 16, 16, 1), np.float32)),
    "nobody": (np.zeros((17, 9, 9), np.float32), np.zeros((17, 9, 9, 1), np.float32)),
}


def group(maps, **options):
    most = min(30, maps[0][0].size)
    return AssociativeEmbeddingCodec(
        get_metainfo("coco"), 64, max_num_people=most, **options).group(*maps)


@compiled
@pytest.mark.parametrize("maps", MAPS.values(), ids=MAPS)
def test_instructions_and_threads_change_no_bit(monkeypatch, maps):
    expected = group(maps)
    for number, name in enumerate(SETS):
        monkeypatch.setenv("AEPOSE_CORE_INSTRUCTIONS", name)
        monkeypatch.setenv("AEPOSE_CORE_THREADS", str(1 + 2 * (number % 2)))
        for tags in (maps[1], planar(maps[1])):
            for one, other in zip(group((maps[0], tags)), expected, strict=True):
                np.testing.assert_array_equal(one, other)


@compiled
@pytest.mark.parametrize(("variable", "value", "message"), [
    ("AEPOSE_CORE_INSTRUCTIONS", "mmx", "instruction set 'mmx': not here; there are .*baseline"),
    ("AEPOSE_CORE_THREADS", "0", "AEPOSE_CORE_THREADS = 0: expected 1 to 999"),
    ("AEPOSE_CORE_THREADS", "-1", "expected 1 to 999"),
    ("AEPOSE_CORE_THREADS", "two", "expected 1 to 999"),
])
def test_settings_that_cannot_be(monkeypatch, variable, value, message):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=message):
        group(MAPS["odd"])


@compiled
def test_an_error_in_a_thread_is_raised(monkeypatch):
    monkeypatch.setenv("AEPOSE_CORE_THREADS", "3")
    heat, tags = (maps.copy() for maps in MAPS["odd"])
    heat[5, 60, 74] = np.inf
    with pytest.raises(ValueError, match="heatmaps: NaN or infinite values"):
        group((heat, tags))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder where the commands of docs/cpp.md were run, and what they printed last."""
    for program in ("cmake", "c++"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program}")
    folder = tmp_path_factory.mktemp("cpp")
    for name in ("CMakeLists.txt", "include", "csrc", "aepose/version.py"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        (folder / name).parent.mkdir(exist_ok=True)
        copy(ROOT / name, folder / name)
    text = (ROOT / "docs" / "cpp.md").read_text(encoding="utf-8")
    for block, path in re.findall(r"```(?:cpp|cmake)\n((?://|#) (\S+)\n.*?)```", text, re.DOTALL):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(block)
    save(folder, MAPS["whole tiles"])
    commands = "".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))
    done = subprocess.run(["bash", "-ec", commands], cwd=folder, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder, done.stdout.splitlines()[-1]


def save(folder, maps):
    for name, values in zip(("heatmaps", "tags"), maps, strict=True):
        np.save(folder / f"{name}.npy", np.ascontiguousarray(values))


def printed(grouped):
    """People in the words of csrc/decode_maps.cpp."""
    lines = []
    for pose, score, found in zip(*grouped[:3], strict=True):
        lines.append(f"person {score:.9g}")
        for joint, seen in zip(pose, found, strict=True):
            x, y, value, *tags = (f"{number:.9g}" for number in joint)
            lines.append(" ".join([x, y, value, str(int(seen)), *tags]))
    return "".join(f"{line}\n" for line in lines)


def golden_maps():
    """Name -> maps of the stored grouping cases."""
    with np.load(OWN / "grouping.npz") as stored:
        names = [name.removesuffix(".hm") for name in stored if name.endswith(".hm")]
        return {name: [stored[f"{name}.{part}"].astype(np.float32) for part in ("hm", "tag")]
                for name in names}


OPTIONS = [
    {}, {"convention": "udp"}, {"max_num_people": 1, "ignore_too_much": True},
    {"first_people_only": True, "use_detection_val": False, "tag_threshold": 0.25},
    {"nms_kernel": 1, "detection_threshold": 0.0, "adjust": False}, {"refine": False},
    {"subpixel": "newton"}, {"convention": "udp", "subpixel": "quarter"},
]


@pytest.mark.slow
def test_the_program_prints_the_people_that_python_finds(built):
    folder, _ = built
    goldens, people = golden_maps(), 0
    assert len(goldens) > 10
    for name, maps in {**MAPS, **goldens}.items():
        save(folder, maps)
        for options in OPTIONS:
            options = {"max_num_people": min(30, maps[0][0].size), **options}
            codec = AssociativeEmbeddingCodec(get_metainfo("coco"), 64, **options)
            expected = codec.group(*maps)
            people += len(expected.people)
            options["grouping_order"] = ",".join(map(str, codec.grouping_index))
            arguments = (f"{key}={int(value) if isinstance(value, bool) else value}"
                         for key, value in options.items())
            found = run_program(folder, *arguments)
            assert found.stdout == printed(expected), (name, options)
    assert people > 1000


def run_program(folder, *arguments):
    return subprocess.run([folder / "build" / "decode_maps", "heatmaps.npy", "tags.npy",
                           *arguments], cwd=folder, capture_output=True, text=True, check=False)


def broken(place, value):
    """Maps with one value that is not finite; where tags are searched."""
    maps = [MAPS["odd"][0].copy(), MAPS["odd"][1].copy()]
    maps[place].reshape(-1)[-1] = value
    return maps


@pytest.mark.slow
@pytest.mark.parametrize(("maps", "argument", "message"), [
    (broken(0, np.nan), "threads=2", "heatmaps: NaN or infinite values"),
    (broken(1, np.inf), "threads=2", "tags: NaN or infinite values"),
    (MAPS["odd"], "threads=0", "threads: expected at least 1"),
    (MAPS["odd"], "nms_kernel=4", "nms_kernel: expected an odd number"),
    (MAPS["odd"], "max_num_people=4576", "max_num_people: expected 1 to the number of cells"),
    (MAPS["odd"], "grouping_order=0,1,1", "grouping_order: expected a permutation"),
    (MAPS["odd"], "grouping_order=0,1", "grouping_order: expected all keypoints"),
    (MAPS["odd"], "convention=old", "convention=old: expected classic or udp"),
    (MAPS["odd"], "subpixel=half", "subpixel=half: expected quarter or newton"),
    (MAPS["odd"], "instructions=mmx", "instruction set 'mmx': not here"),
    (MAPS["odd"], "colour=red", "colour=red: no such option"),
    ((MAPS["odd"][0], MAPS["1x1"][1]), "threads=1", "of different sizes"),
    ((MAPS["odd"][0], MAPS["odd"][1][:3]), "threads=1", "tags: expected K or 1 maps"),
    ((MAPS["odd"][0], MAPS["odd"][0]), "threads=1", "tags.npy: expected 4 axes"),
    ((MAPS["odd"][0].astype(float), MAPS["odd"][1]), "threads=1", "heatmaps.npy: expected little-"),
])
def test_the_program_says_what_is_wrong(built, maps, argument, message):
    save(built[0], maps)
    done = run_program(built[0], argument)
    assert done.returncode == 1
    assert re.match(rf"decode_maps: .*{re.escape(message)}", done.stderr), done.stderr


@pytest.mark.slow
def test_a_program_finds_the_package(built):
    """One keypoint at (32, 64) of the map; equal neighbours move it by a quarter cell."""
    assert built[1] == "1 people, 129, 257"
