import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import aepose
from aepose.apis.loading import load_model
from aepose.codecs import core as core_module
from aepose.codecs.core import INTERFACE, NO_CORE, core
from aepose.codecs.read_maps import read_maps
from aepose.codecs.refine import refine
from aepose.errors import AeposeWarning, warn_once
from aepose.experiment.assemble import make_runner
from tests.engine.processes import run_two
from tests.engine.runs import NO_VALIDATION
from tests.golden_check import ROOT

compiled = pytest.mark.skipif(core() is None, reason="the compiled core is not built")


@pytest.fixture
def fresh(monkeypatch):
    """Forget what was loaded and said; put it back afterwards."""
    monkeypatch.delenv(NO_CORE, raising=False)
    for function in (core_module._load, warn_once):
        function.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    for function in (core_module._load, warn_once):
        function.cache_clear()


@compiled
@pytest.mark.parametrize(("value", "decoding"), [
    (None, "compiled"), ("", "compiled"), ("0", "compiled"), ("1", "python"), ("yes", "python"),
])
def test_the_environment_chooses(fresh, value, decoding):
    if value is not None:
        fresh.setenv(NO_CORE, value)
    info = aepose.build_info()
    assert info["decoding"] == decoding
    assert (core() is None) == (decoding == "python")
    if decoding == "compiled":
        assert info["compiler"]
        assert info["reason"] is None
    else:
        assert info == {"decoding": "python", "compiler": None,
                        "reason": "the environment variable AEPOSE_NO_CORE is set"}


MISSING = "the compiled core is not there; install a C\\+\\+17 compiler .*then aepose again"


@pytest.mark.parametrize(("module", "reason"), [
    (None, MISSING),
    (SimpleNamespace(INTERFACE=INTERFACE + 1), f"of another version \\({INTERFACE + 1}, expected"),
])
def test_without_a_core_python_serves_and_says_so_once(fresh, make_codec, recwarn, module, reason):
    fresh.setitem(sys.modules, "aepose._core", module)
    maps = np.zeros((3, 16, 16), np.float32), np.zeros((3, 16, 16, 1), np.float32)
    with pytest.warns(AeposeWarning, match=f"decoding runs in Python.*{reason}"):
        make_codec().group(*maps)
    recwarn.clear()
    make_codec().group(*maps)
    assert not recwarn
    assert aepose.build_info()["decoding"] == "python"


def test_a_core_that_cannot_be_loaded(fresh, tmp_path):
    (tmp_path / "_core.py").write_text("raise ImportError('libstdc++ is too old')")
    fresh.setattr(aepose, "__path__", [str(tmp_path)])
    fresh.delitem(sys.modules, "aepose._core", raising=False)
    assert "cannot be loaded (libstdc++ is too old)" in aepose.build_info()["reason"]


def build(task, *options):
    return lambda config, folder: make_runner(config("without_core", options), folder, task)


# (function of config and folder that builds something, whether it says it)
BUILT = {
    "load_model": (lambda config, folder: load_model(), True),
    "test": (build("test"), True),
    "training": (build("train"), True),
    "training without validation": (build("train", *NO_VALIDATION), False),
}


@pytest.mark.parametrize(("function", "says"), BUILT.values(), ids=BUILT)
def test_what_decodes_says_beforehand_that_there_is_no_core(
        fresh, tiny_config, tmp_path, recwarn, function, says):
    fresh.setitem(sys.modules, "aepose._core", None)
    function(tiny_config, tmp_path)
    assert [w.category for w in recwarn].count(AeposeWarning) == says


@pytest.mark.slow
def test_of_two_processes_with_workers_one_says_that_there_is_no_core(tiny_config, tmp_path):
    cfg = tiny_config("two_without_core")
    without = tmp_path / "without.py"
    without.write_text("import runpy, sys\nsys.modules['aepose._core'] = None\ndel sys.argv[0]\n"
                       "runpy.run_path(sys.argv[0], run_name='__main__')\n")
    checkpoint = tmp_path / "a.pth"
    torch.save({"state_dict": cfg.network().state_dict(), "meta": {}}, checkpoint)
    output = run_two(without, ROOT / "tools" / "test.py", cfg.file, checkpoint,
                     "--work-dir", tmp_path, "--cfg-options", "val_dataloader.num_workers=1")
    assert output.count("warning: decoding runs in Python, slower") == 1
    assert output.count("compiled core") == 1


def floats(*shape):
    return np.zeros(shape, np.float32)


def maps_of(heatmaps, tags):
    return lambda c: c.Maps(heatmaps, tags)


GOOD = floats(2, 4, 5), floats(2, 4, 5, 1)
PEOPLE = np.float32([[[1, 2, 1, 0], [0, 0, 0, 0]]])       # one found, one missing keypoint
XY, SCORE, TAG = np.zeros((2, 3, 2), np.int32), floats(2, 3), floats(2, 3, 1)
MATCH = (XY, SCORE, TAG, [0, 1], 5, 5, 0.1, 1.0, True)


def find(*options):
    return lambda c: c.Maps(*GOOD).find_peaks(*options)


def match_with(position, value):
    arguments = [*MATCH[:position], value, *MATCH[position + 1:]]
    return lambda c: c.match(*arguments)


# What only a caller that goes around the checks in Python can do: (call, error, message).
HOSTILE = {
    "no arrays": (maps_of([[0.5]], None), TypeError, "incompatible"),
    "float64": (maps_of(GOOD[0].astype(float), GOOD[1]), TypeError, "incompatible"),
    "too few axes": (maps_of(floats(4, 5), GOOD[1]), ValueError, "wrong number of axes"),
    "too many axes": (maps_of(GOOD[0], floats(1, 2, 4, 5, 1)), ValueError, "wrong number"),
    "empty axis": (maps_of(floats(2, 0, 5), floats(2, 0, 5, 1)), ValueError, "an axis of 0"),
    "other size": (maps_of(GOOD[0], floats(2, 5, 4, 1)), ValueError, "do not fit"),
    "other keypoints": (maps_of(GOOD[0], floats(3, 4, 5, 1)), ValueError, "do not fit"),
    "gaps": (maps_of(floats(2, 4, 10)[..., ::2], GOOD[1]), ValueError, "must follow each other"),
    "backwards": (maps_of(floats(2, 4, 5)[..., ::-1], GOOD[1]), ValueError, "must follow"),
    "gaps between rows of tags": (
        maps_of(GOOD[0], floats(2, 4, 6, 1)[:, :, :5]), ValueError, "must follow each other"),
    "no peaks asked for": (find(0, 5, 0.1), ValueError, "number of peaks"),
    "more peaks than cells": (find(21, 5, 0.1), ValueError, "number of peaks"),
    "even kernel": (find(3, 4, 0.1), ValueError, "wrong kernel"),
    "negative kernel": (find(3, -5, 0.1), ValueError, "wrong kernel"),
    "NaN threshold": (find(3, 5, np.nan), ValueError, "threshold"),
    "huge number": (find(2**64, 5, 0.1), TypeError, "incompatible"),
    "NaN in a heatmap": (
        lambda c: c.Maps(GOOD[0] * np.float32(np.nan), GOOD[1]).find_peaks(3, 5, 0.1),
        ValueError, "heatmaps: NaN"),
    "NaN under a peak": (
        lambda c: c.Maps(GOOD[0] + 1, GOOD[1] * np.float32(np.nan)).find_peaks(3, 5, 0.1),
        ValueError, "tags: NaN"),
    "NaN under a person": (
        lambda c: c.Maps(GOOD[0], GOOD[1] * np.float32(np.nan)).refine(PEOPLE, 0.5),
        ValueError, "tags: NaN"),
    "NaN where a keypoint is searched": (
        lambda c: c.Maps(GOOD[0] * np.float32(np.nan), GOOD[1]).refine(PEOPLE, 0.5),
        ValueError, "heatmaps: NaN"),
    "people of other keypoints": (
        lambda c: c.Maps(*GOOD).refine(floats(1, 3, 4), 0.5), ValueError, "people: expected"),
    "people with more tags": (
        lambda c: c.Maps(*GOOD).refine(floats(1, 2, 5), 0.5), ValueError, "people: expected"),
    "an offset that is none": (
        lambda c: c.Maps(*GOOD).refine(PEOPLE, None), TypeError, "incompatible"),
    "people without tags": (
        lambda c: c.adjust(floats(1, 2, 3), GOOD[0], 0.5), ValueError, "people: expected"),
    "people for more heatmaps": (
        lambda c: c.newton_step(PEOPLE, GOOD[0][:1]), ValueError, "people: expected"),
    "empty heatmaps": (
        lambda c: c.newton_step(PEOPLE, floats(2, 0, 5)), ValueError, "an axis of 0"),
    "order beyond the keypoints": (match_with(3, [0, 2]), ValueError, "no such keypoint"),
    "negative order": (match_with(3, [-1]), ValueError, "no such keypoint"),
    "xy too short": (match_with(0, XY[:, :2].copy()), ValueError, "xy: expected"),
    "score of other keypoints": (match_with(1, SCORE[:1]), ValueError, "score: expected"),
    "tags without channels": (match_with(2, floats(2, 3, 0)), ValueError, "tag: expected"),
    "no people to choose from": (match_with(4, 0), ValueError, "offered"),
    "no people": (match_with(5, 0), ValueError, "limit"),
    "cost with one axis": (lambda c: c.assign(np.zeros(3)), ValueError, "cost: expected"),
    "cost of NaN": (lambda c: c.assign(np.full((2, 2), np.nan)), ValueError, "cost: NaN"),
    "cost of integers": (lambda c: c.assign(np.zeros((2, 2), int)), TypeError, "incompatible"),
}


@compiled
@pytest.mark.parametrize(("call", "error", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_calls_are_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(core())


@compiled
def test_hostile_numbers_are_no_errors():
    """Extremes that are allowed."""
    maps = core().Maps(*GOOD)
    assert not maps.find_peaks(20, 2**62 + 1, np.inf)[1].any()
    far = np.float32([[[-1e9, 3e18, 1, 0], [np.nan, 1e9, np.nan, np.inf]]])
    np.testing.assert_array_equal(maps.refine(far, 0.5), far)
    assert core().adjust(far, GOOD[0], 0)[0, 0].tolist() == [-1e9, np.float32(3e18), 1, 0]
    np.testing.assert_array_equal(core().newton_step(far, GOOD[0]), far)
    nobody = floats(0, 2, 4)
    for found in (maps.refine(nobody, 0.5), core().adjust(nobody, GOOD[0], 0.5),
                  core().newton_step(nobody, GOOD[0])):
        assert found.shape == (0, 2, 4)
    assert np.isfinite(core().logarithm(np.float32([2**-126, 3e38]))).all()
    assert core().logarithm(floats(0)).shape == (0,)
    assert core().assign(np.zeros((0, 0))) == core().assign(np.zeros((0, 4))) == []
    assert core().assign(np.zeros((2, 0))) == [-1, -1]
    assert core().match(*MATCH[:3], [], *MATCH[4:]).shape == (0, 2, 4)
    np.testing.assert_array_equal(core().match(*MATCH[:6], -np.inf, np.nan, True)[0, :, 2], [0, 0])


def random_maps(seed):
    rng = np.random.default_rng(seed)
    return rng.random((3, 40, 40), np.float32), rng.normal(size=(3, 40, 40, 2)).astype(np.float32)


def test_threads_decode_different_pictures(make_codec):
    codec = make_codec(max_num_people=10)
    pictures = [random_maps(seed) for seed in range(8)]
    expected = [codec.group(*picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda picture: codec.group(*picture), pictures * 5))
    for one, other in zip(found, expected * 5, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_threads_may_share_maps():
    maps = read_maps(*random_maps(0))
    people = np.random.default_rng(1).integers(0, 2, (10, 3, 5)).astype(np.float32)
    expected = refine(people, read_maps(*random_maps(0)))
    assert not np.array_equal(expected, people)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: refine(people, maps), range(20)))
    for refined in found:
        np.testing.assert_array_equal(refined, expected)


@compiled
def test_other_threads_run_while_the_core_works():
    cost = np.random.default_rng(0).integers(0, 50, (900, 900)).astype(np.float64)
    steps = 0
    worker = threading.Thread(target=core().assign, args=(cost,))
    worker.start()
    while worker.is_alive():
        steps += 1
    assert steps > 1000        # a few, if the interpreter were not released


@pytest.mark.slow
def test_the_build_goes_on_without_a_compiler(tmp_path):
    pytest.importorskip("pybind11")
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--force", "--build-lib", tmp_path,
         "--build-temp", tmp_path],
        cwd=ROOT, env={**os.environ, "CC": "/no/compiler", "CXX": "/no/compiler"},
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("aepose: the decode core was not built") == 1
    assert not list(tmp_path.rglob("*_core*"))


def moved(array):
    """The same numbers at an address that no float or integer begins at."""
    place = np.zeros(array.nbytes + 1, np.uint8)[1:]
    place[:] = np.frombuffer(array.tobytes(), np.uint8)
    return place.view(array.dtype).reshape(array.shape)


def strided(array):
    """The same numbers, with others between two rows."""
    return np.moveaxis(np.repeat(np.moveaxis(array, min(1, array.ndim - 1), 0), 2, axis=0)[::2],
                       0, min(1, array.ndim - 1))


def calls():
    """By name: a call of each function of the core, and the arrays that it reads."""
    rng = np.random.RandomState(0)
    heatmaps, tags = (rng.rand(2, 6, 5).astype(np.float32), rng.rand(2, 6, 5, 2).astype(np.float32))
    maps, people = core().Maps(heatmaps, tags), rng.rand(3, 2, 5).astype(np.float32)
    xy, score, tag = (np.zeros((2, 3, 2), np.int32), np.ones((2, 3), np.float32),
                      np.zeros((2, 3, 1), np.float32))
    return {
        "Maps": (lambda *a: core().Maps(*a).find_peaks(2, 3, 0.1), [heatmaps, tags]),
        "refine": (lambda a: maps.refine(a, 0.5), [people]),
        "adjust": (lambda *a: core().adjust(*a, 0.5), [people, heatmaps]),
        "newton_step": (core().newton_step, [people, heatmaps]),
        "logarithm": (core().logarithm, [rng.rand(3).astype(np.float32)]),
        "match": (lambda *a: core().match(*a, *MATCH[3:]), [xy, score, tag]),
        "assign": (core().assign, [rng.rand(3, 4)]),
    }


@compiled
@pytest.mark.parametrize("change", [
    moved, strided, lambda a: a.astype(a.dtype.newbyteorder()), lambda a: a.astype(np.float16),
    lambda a: a[0], lambda a: a[None], lambda a: a.tolist(), lambda a: None,
    lambda a: np.array(a, object), lambda a: np.asfortranarray(a) if a.ndim > 1 else strided(a),
], ids=["misaligned", "strided", "byte order", "type", "axis less", "axis more", "list", "None",
        "object", "fortran"])
@pytest.mark.parametrize("name", [] if core() is None else calls())
def test_every_function_refuses_other_arrays(name, change):
    call, arrays = calls()[name]
    call(*arrays)
    for place in range(len(arrays)):
        changed = [change(a) if i == place else a for i, a in enumerate(arrays)]
        with pytest.raises((ValueError, TypeError)):
            call(*changed)


@compiled
def test_arrays_that_are_read_stay_in_their_place():
    heatmaps, tags = np.zeros((1, 4, 4), np.float32), np.zeros((1, 4, 4, 1), np.float32)
    maps = core().Maps(heatmaps, tags)
    for array in (heatmaps, tags):
        with pytest.raises(ValueError, match="cannot resize"):
            array.resize((1000, 1000), refcheck=False)
    del maps
    heatmaps.resize((2, 4, 4), refcheck=False)
