"""The page for people who come from MMPose 0.x: what it shows is run, what it lists is complete."""

import re
import shlex

import cv2
import numpy as np
import pytest

from aepose.commands.app import build_app, call
from aepose.commands.old_options import OLD_OPTIONS
from aepose.errors import AeposeWarning, UsageError
from tests.golden_check import ROOT
from tests.migration.old_files import published

PAGE = (ROOT / "docs" / "from_mmpose.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL)
ROWS = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]


def blocks(language):
    return [content for name, content in BLOCKS if name == language]


def test_every_block_is_checked():
    assert {language for language, _ in BLOCKS} == {"python", "bash", "text"}


@pytest.mark.parametrize("line", [line for block in blocks("bash") for line in block.splitlines()])
def test_command_lines(line):
    program, *arguments = shlex.split(line)
    if program == "python":
        door = ROOT / arguments.pop(0)
        program, arguments = "aepose", [re.search(r'main\("(\w+)"\)', door.read_text())[1],
                                        *arguments]
    assert program == "aepose"
    build_app().parse_args(arguments)


@pytest.mark.parametrize("code", blocks("python"))
def test_code(code, old_model, tmp_path, monkeypatch):
    config, checkpoint = old_model
    for name, path in (("old_config.py", config), ("base.py", config.parent / "base.py"),
                       ("old_checkpoint.pth", checkpoint(True))):
        (tmp_path / name).write_bytes(path.read_bytes())
    cv2.imwrite(str(tmp_path / "photo.jpg"), np.zeros((64, 64, 3), np.uint8))
    monkeypatch.chdir(tmp_path)
    names = {}
    with pytest.warns(AeposeWarning, match="is one of MMPose 0.x"):
        exec(code, names)
    assert names["result"].keypoints.shape[1:] == (3, 2)


@pytest.mark.parametrize("text", blocks("text"))
def test_the_answer_to_an_old_option(text):
    with pytest.raises(UsageError) as error:
        call(["test", "a.py", "b.pth", "--eval", "mAP"])
    assert text == f"error: {error.value}\n"


def test_every_old_option_has_a_row():
    shown = {option for row in ROWS for option in re.findall(r"--[\w-]+", row[0])}
    wanted = {option for options in OLD_OPTIONS.values() for option in options}
    assert {option for option in wanted if option.replace("-", "_") not in
            {s.replace("-", "_") for s in shown}} == set()


def keys_of(value):
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from keys_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from keys_of(part)


def test_every_key_of_a_published_config_has_a_row():
    shown = set(re.findall(r"\w+", " ".join(row[0] for row in ROWS)))
    for name in ("hourglass_ae_coco_512x512", "higherhrnet_w32_aic_512x512_udp",
                 "mobilenetv2_crowdpose_512x512", "res50_coco_512x512"):
        old = {key: value for key, value in published()[name].items() if key != "dataset_info"}
        for split in ("train", "val", "test"):
            old["data"] = {**old["data"], split: {**old["data"][split], "dataset_info": {}}}
        missing = {key for key in keys_of(old) if key not in shown and not key.startswith("stage")}
        assert missing <= {"type", "pipeline", "transforms", "model", "data", "backbone", "val",
                           "train", "test", "keypoint_head", "loss_keypoint", "train_dataloader",
                           "val_dataloader", "test_dataloader", "train_pipeline", "val_pipeline",
                           "test_pipeline", "pipeline_list", "pipeline_indices"}
