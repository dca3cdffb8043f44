"""Command lines with arguments taken away, doubled, exchanged, or replaced by odd texts.

Each ends with exit status 0, or with 2 and one message; nothing is written where nobody said so.
"""

import io
import json
import shutil
import warnings
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aepose import toy
from aepose.apis.loading import load_model
from aepose.apis.verify import make_examples
from aepose.commands import process
from aepose.commands.app import COMMANDS, call
from aepose.drawing import write_image
from aepose.errors import CheckpointError
from aepose.release.reproduce import zoo_rows
from aepose.zoo.hub import TOY_CHECKPOINT
from tests.golden_check import ROOT
from tests.hostile.mutants import fewer
from tests.migration.old_files import write_cat
from tests.runtime import drawn

TOY_CONFIG = ROOT / "configs" / "toy" / "hrnet_w16_toy_256x256.py"
VAL = "annotations/person_keypoints_val2017.json"
ODD = [
    "", "-", "--", "---", "-1", "-x", "0", "1", "2", "3.5", "1e400", "nan", "inf", "9" * 30, "é",
    "9" * 5000, "\udcff", "a b", "*", "[", "[]", "{}", "=", "a=", "=1", "x=1", "model=1", "a.b=[",
    "None", "true", "--out", "--help", "-h", "--version", "--cfg-options", "--seed", "--amp", "@x",
    "model.x=1", "%s", "\x1b[31m", "a\nb", "x" * 300, "x/" * 2000, "no.py", "no.json", "no.pth",
    "no/such/folder", "coco", "train", "bf16", "http://127.0.0.1:9/a.pth", "https://[",
]
# Where commands write if nobody says otherwise.
DEFAULTS = ("outputs", "work_dirs", "data", "cat_aepose.py")
FILM = "film.jsonl"  # lies where each line runs: `aepose identities` mends it in its place
# Their other statuses have a meaning.
MORE_STATUSES = {"doctor": {1}, "reproduce": {1}, "convert-config": {1}}


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_config, toy_root):
    """A folder with inputs, and command lines that run."""
    folder = tmp_path_factory.mktemp("lines")
    experiment = tiny_config("lines")
    config, weights = experiment.file, str(folder / "inputs" / "tiny.pth")
    annotations = str(toy_root / VAL)
    rows = folder / "inputs" / "rows.json"
    rows.parent.mkdir()
    torch.save({"state_dict": experiment.network().state_dict()}, weights)
    person = json.loads((toy_root / VAL).read_text())["annotations"][0]
    found = folder / "inputs" / "found.json"
    found.write_text(json.dumps([{key: person[key] for key in (
        "image_id", "category_id", "keypoints")} | {"score": 0.5}]))
    rows.write_text(json.dumps([{
        "name": "tiny", "config": config, "checkpoint": weights,
        "expected": {"single-scale": {"AP": 0.0}}, "tolerance": 1}]))
    write_image(folder / "inputs" / "picture.png", np.zeros((48, 64, 3), np.uint8))
    (folder / "inputs" / FILM).write_text("".join(
        json.dumps({"frame": n, "person": p, "identity": p}) + "\n"
        for n in range(3) for p in range(2)))
    exported = drawn.write(folder / "inputs" / "drawn.onnx")
    examples = make_examples(load_model(exported), [drawn.picture()])
    drawn.write(exported, replace(drawn.DESCRIPTION, examples=examples))
    lines = {
        "new": ["project", "--from", annotations, "--images", str(toy_root / "val2017")],
        "sigmas": [annotations, "--metainfo", "coco"],
        "doctor": [config, "--cfg-options", "model.pretrained=None"],
        "toy": ["--out", "drawn", "--train", "1", "--val", "1", "--seed", "3", "--hard"],
        "zoo": ["list", "higher*"],
        "browse": [config, "--split", "val", "--count", "2", "--out", "out", "--seed", "1"],
        "predict": [str(folder / "inputs" / "picture.png"), "--model", config, "--checkpoint",
                    weights, "--out", "out", "--format", "csv", "--batch-size", "2", "--amp",
                    "--shard", "1/1", "--device", "cpu"],
        "verify": [str(exported), "--engine", "onnxruntime", "--device", "cpu"],
        "identities": [FILM, "--swap", "0", "1", "--from", "1", "--out", "mended.jsonl"],
        "train": [config, "--work-dir", "run", "--seed", "1", "--dry-run", "--accumulate", "2",
                  "--cfg-options", "train_cfg.max_epochs=1", "--amp", "bf16"],
        "test": [config, weights, "--batch-size", "2", "--out", "out", "--work-dir",
                 "run", "--show-dir", "shown", "--amp"],
        "eval": [annotations, str(found), "--dataset", "coco", "--out", "out", "--backend",
                 "pycocotools", "--max-detections", "3"],
        "rescore": ["train", str(found), annotations, "--out", "scores.safetensors", "--dataset",
                    "coco", "--seed", "1"],
        "scripts": [],
        "convert-config": [str(write_cat(folder / "inputs")), "--out", "new.py", "--trust"],
        "analyze": [annotations, str(found), "--dataset", "coco", "--out", "out"],
        "ceiling": [config, "--annotations", annotations, "--input-sizes", "64", "--strides", "4",
                    "--conventions", "udp", "--tag-noise", "0.1"],
        "profile": [config, "--images", "2", "--batch-size", "1", "--out", "out"],
        "info": [config, "--cfg-options", "codec.input_size=64"],
        "reproduce": ["--zoo", str(rows), "--rows", "tiny", "--limit", "1", "--out", "out",
                      "--scales", "single-scale", "--data-root", str(toy_root.parent)],
        "export": [str(TOY_CONFIG), str(TOY_CHECKPOINT), "--size", "128x128", "--out", "out"],
        "publish": [str(TOY_CHECKPOINT), "published/net", "--data-set", "toy"],
        "subset": [annotations, "few.json", "--with-people", "--count", "2"],
        "convert": [annotations, "converted.json", "--from", "coco", "--to", "coco", "--metainfo",
                    "coco", "--images", str(toy_root / "val2017"), "--frames", "jpg"],
    }
    return folder, lines, config, toy_root


@pytest.fixture
def sheltered(place, monkeypatch, tmp_path):
    """No network, and nothing that takes long where an argument is missing."""
    def refuse(url, target, timeout=0):
        raise CheckpointError(f"{url}: no network")

    def few(out, train, val, **options):
        return draw(out, min(train, 1), min(val, 1), **options)

    draw, rows = toy.make_toy_dataset, zoo_rows
    monkeypatch.setattr("aepose.zoo.hub.download", refuse)
    monkeypatch.setattr("aepose.toy.make_toy_dataset", few)
    monkeypatch.setattr("aepose.zoo.index.config_files", lambda: {"lines": Path(place[2])})
    monkeypatch.setattr("aepose.release.reproduce.zoo_rows", lambda pattern: rows(pattern)[:1])
    monkeypatch.setenv("AEPOSE_HOME", str(tmp_path / "home"))
    return place


def run(arguments):
    """Return the exit status of a command line and what it said on stdout and stderr."""
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    show, status = warnings.showwarning, 0
    with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        try:
            process.run(lambda: call(arguments))
        except SystemExit as left:
            status = left.code
        finally:
            warnings.showwarning = show
    return status, *(stream.buffer.getvalue().decode() for stream in streams)


def files(folder):
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


def allowed(path, here, arguments):
    """Whether a new file lies where an argument or a default says."""
    return any(str(path).startswith(str(here / name)) for name in (*DEFAULTS, FILM, *arguments)
               if name not in ("", "."))


@st.composite
def changed(draw, lines):
    """A command and its arguments, of which some are changed."""
    name = draw(st.sampled_from(sorted(lines)))
    line = [name, *lines[name]]
    for _ in range(draw(st.integers(1, 3))):
        if not line:
            break
        at = draw(st.integers(0, len(line) - 1))
        kind = draw(st.sampled_from(["odd", "odd", "odd", "add", "remove", "twice", "swap"]))
        if kind == "remove":
            del line[at]
        elif kind == "twice":
            line.insert(at, line[at])
        elif kind == "swap":
            other = draw(st.integers(0, len(line) - 1))
            line[at], line[other] = line[other], line[at]
        else:
            odd = draw(st.sampled_from(ODD) | st.text(
                st.characters(exclude_characters="\0/.~"), max_size=6))
            line[at : at + (kind == "odd")] = [odd]
    return line


def check(line, place, here):
    here.mkdir()
    shutil.copy(place[0] / "inputs" / FILM, here)
    try:
        inputs = files(place[0]), files(place[3])
        with chdir(here):
            status, said, complained = run(line)
        assert status in {0, 2} | MORE_STATUSES.get(line[0] if line else "", set()), complained
        assert "Traceback" not in said + complained
        errors = [text for text in complained.splitlines() if text.startswith("error: ")]
        none_measured = line[:1] == ["reproduce"] and " missing " in said  # which is no error
        assert len(errors) == (status == 2 and not none_measured), (said, complained)
        assert (files(place[0]), files(place[3])) == inputs
        assert all(allowed(path, here, line) for path in files(here))
    finally:
        shutil.rmtree(here)


def test_the_lines_run_and_every_command_has_one(sheltered, tmp_path):
    assert set(sheltered[1]) == {name for group in COMMANDS.values() for name in group}
    shutil.copy(sheltered[0] / "inputs" / FILM, tmp_path)
    for name, arguments in sheltered[1].items():
        with chdir(tmp_path):
            status, said, complained = run([name, *arguments])
        assert status == 0, (name, said, complained)


@pytest.mark.filterwarnings("ignore")
def test_command_lines(sheltered, tmp_path):
    @fewer(60)
    @given(changed(sheltered[1]))
    def each(line):
        check(line, sheltered, tmp_path / "here")

    each()
