"""Compiled and Python decoding, given the same random and hostile inputs, do the same."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from aepose.codecs.array_maps import CompiledMaps, NumpyMaps
from tests.codecs.fuzz import compare, decode, equal, random_maps
from tests.codecs.paths import PATHS, missing, on_path, read_tensors

ROOT = Path(__file__).resolve().parents[2]
# The leak checker has nothing to say about Python's own memory.
OPTIONS = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}


@pytest.mark.skipif(missing("compiled") is not None, reason=str(missing("compiled")))
def test_compiled_decoding_does_what_python_does():
    results, wrong = compare(1500, seed=1)
    assert not wrong
    assert 750 < results < 1500        # there are hostile ones among them, but not only


@pytest.mark.skipif(missing("compiled") is not None, reason=str(missing("compiled")))
def test_ties_are_settled_as_torch_settles_them():
    """In maps so large that topk keeps a heap, with negative cells at the beginning or none."""
    for seed in range(60):
        rng = np.random.default_rng(seed)
        heat = np.round(random_maps(rng, (2, *rng.integers(40, 60, 2))).clip(-9, 9) * 4) / 4
        found = [kind(heat, heat[..., None]).find_peaks(20, 5, 0.25)
                 for kind in (CompiledMaps, NumpyMaps)]
        assert equal(*([peaks.xy, peaks.score] for peaks in found)), seed


@pytest.mark.parametrize("convention", ["classic", "udp"])
def test_every_path_gives_the_same_people(make_codec, coco, device, convention):
    """Maps with noise, ties and many people."""
    rng = np.random.default_rng(0)
    codec = make_codec(64, coco, max_num_people=20, convention=convention)
    heat = np.round(rng.random((17, 32, 40)) ** 4, 2).astype(np.float32)
    tags = rng.normal(0, 2, (17, 32, 40, 2)).astype(np.float32)
    found = {}
    for path in PATHS:
        if missing(path):
            continue
        with on_path(path), pytest.MonkeyPatch.context() as patch:
            if path == "torch":
                patch.setattr("aepose.codecs.decoder.read_maps", read_tensors)
            found[path] = codec.group(heat, tags)
    expected = next(iter(found.values()))
    assert len(expected.people) > 30
    for other in found.values():
        for ours, theirs in zip(other, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_an_input_can_be_made_again():
    """The name of an input that disagrees is enough to look into it."""
    runs = [decode(np.random.default_rng((0, 10))) for _ in range(2)]
    one, other = (run() for run in runs)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def sanitizer_libraries(compiler):
    """Paths of the runtime libraries that must be loaded before everything else."""
    found = []
    for name in ("libasan.so", "libstdc++.so"):
        path = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True,
                              text=True, check=True).stdout.strip()
        if not Path(path).is_absolute():
            pytest.skip(f"the compiler has no {name}")
        found.append(path)
    return " ".join(found)


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory):
    """A core that stops at the first bad access or undefined operation, and how to load it."""
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    pybind11 = pytest.importorskip("pybind11")
    libraries = sanitizer_libraries(compiler)
    core = tmp_path_factory.mktemp("sanitized") / "_core.so"
    includes = pybind11.get_include(), sysconfig.get_paths()["include"], ROOT / "include"
    subprocess.run(
        [compiler, "-std=c++17", "-O1", "-g", "-ffp-contract=off", "-fvisibility=hidden",
         "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-shared", "-fPIC",
         *(f"-I{folder}" for folder in includes), ROOT / "csrc" / "core.cpp", "-o", core],
        check=True)
    return core, {**os.environ, **OPTIONS, "LD_PRELOAD": libraries, "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
@pytest.mark.parametrize("count", [20_000, pytest.param(100_000, marks=pytest.mark.hostile)])
def test_sanitizers_find_nothing(sanitized, count):
    core, environment = sanitized
    done = subprocess.run(
        [sys.executable, "-m", "tests.codecs.fuzz", str(count), core], cwd=ROOT, env=environment,
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert re.match(rf"{re.escape(str(core))}: {count} inputs, \d+ with a result, 0 disagree",
                    done.stdout)


@pytest.mark.slow
def test_sanitizers_let_hostile_calls_pass(sanitized):
    core, environment = sanitized
    script = (f"from tests.codecs.fuzz import use_core; use_core({str(core)!r}); "
              "import sys, pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', "
              "'tests/codecs/test_core.py', '-k', 'hostile or threads']))")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
