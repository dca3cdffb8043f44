"""Old configs with odd values, and converted ones as files."""

import random

import pytest

from aepose.errors import ConfigError
from aepose.experiment import Experiment
from aepose.migration import config_text, convert_file, read_plainly
from aepose.zoo.index import find_config
from tests.hostile.test_config_values import ODD, leaves, odd_one
from tests.migration.old_files import convert_cat, write_cat


@pytest.mark.parametrize("changes", [[], [("policy='step'", "policy='cyclic'")]])
def test_a_converted_config_as_a_file(tmp_path, changes):
    score = ("flip_test=True", "flip_test=True, score_per_joint=True")
    found = convert_cat(tmp_path, score, *changes)
    text = config_text(found, tmp_path / "cat.py")
    assert all(len(line) <= 110 for line in text.splitlines())
    assert "#   model.test_cfg.score_per_joint: results always" in text
    assert ("# It can only be tested." in text) == bool(changes)
    (tmp_path / "new.py").write_text(text)
    read = Experiment.load(tmp_path / "new.py")
    assert read.to_dict() == Experiment(found.config).to_dict()


@pytest.mark.parametrize("seed", range(4))
def test_odd_values(tmp_path, seed):
    old, draw = read_plainly(write_cat(tmp_path)), random.Random(seed)
    for place in draw.sample([*leaves(old)], 30):
        value = draw.choice(ODD)
        (tmp_path / "odd.py").write_text("".join(
            f"{key} = {part!r}\n" for key, part in odd_one(old, place, value).items()
        ).replace("nan", "3.5").replace("inf,", "7,"))
        said = ""
        try:
            Experiment(convert_file(tmp_path / "odd.py").config)
        except ConfigError as error:
            said = str(error)
        assert "is not as MMPose 0.x takes it" not in said, (place, value)  # which names no key
        assert len(said) < 3000


def test_no_key_becomes_code(tmp_path):
    found = convert_cat(tmp_path)
    notes = [("a\nimport os\r\x0cimport sys\u2028b", "why")]
    text = config_text(type(found)(found.config, notes, []), tmp_path / 'a"""\nimport os.py')
    head = text[:text.index("metainfo")]
    assert all(line.startswith("# ") for line in head.splitlines() if line)


def test_a_config_of_ours_is_told_from_an_old_one():
    with pytest.raises(ConfigError, match=r"hrnet_w32_coco_512x512\.py is none of MMPose 0\.x"):
        convert_file(find_config("hrnet_w32_coco_512x512"))
