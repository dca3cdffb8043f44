"""Where the time of a test goes."""

import json

import pytest

from aepose.analysis.profile import Profile, draw_profile, format_profile, profile_test
from aepose.commands.app import call
from aepose.experiment import Experiment
from aepose.zoo.hub import TOY_CHECKPOINT

CONFIG = "configs/toy/hrnet_w16_toy_256x256.py"
OPTIONS = ["codec.input_size=128"]
STAGES = {"read", "warp", "batch", "network", "aggregate", "peaks", "match", "adjust", "refine",
          "metric", "other"}


@pytest.mark.parametrize(("options", "images", "expected"), [
    ({"images": 3}, 3, STAGES),
    ({"images": 50, "batch_size": 2}, 4, STAGES),
])
def test_stages_of_real_pictures(toy_root, options, images, expected):
    cfg = Experiment.load(CONFIG, [f"data_root={toy_root}", *OPTIONS])
    profile = profile_test(cfg, TOY_CHECKPOINT, **options)
    assert profile.images == images
    assert profile.people > 0
    assert set(profile.stages) == expected
    assert all(seconds > 0 for seconds in profile.stages.values())
    assert profile.overlapped > 0


PROFILE = Profile(4, 6, {"read": 0.4, "network": 1.0, "refine": 0.6}, 1.25)


def test_numbers_of_a_profile():
    assert PROFILE.one_by_one == 2.0
    assert PROFILE.shares() == pytest.approx({"read": 0.2, "network": 0.5, "refine": 0.3})
    assert PROFILE.outside == pytest.approx(0.2)
    table = format_profile(PROFILE)
    assert "| refine     | 150.00 |  30.0 % |" in table
    assert "312.50 ms per image (3.20 images/s), 20.0 % of it outside the network" in table


def test_the_chart_has_the_stages_in_their_shares():
    chart = draw_profile(PROFILE)
    network = (chart == (190, 190, 190)).all(axis=2).sum(axis=1)
    refine = (chart == (35, 139, 69)).all(axis=2).sum(axis=1)
    bars = network.argmax(), refine[::-1].argmax()
    assert network[bars[0]] == pytest.approx(280, abs=2)        # half of a bar of 560
    assert refine[::-1][bars[1]] == pytest.approx(336, abs=2)   # 0.6 of what is not the network


def test_tool(toy_root, tmp_path, capsys):
    """Also without a checkpoint."""
    call(["profile", CONFIG, "--images", "2", "--multi-scale", "--out", str(tmp_path / "out"),
          "--cfg-options", f"data_root={toy_root}", *OPTIONS])
    printed = capsys.readouterr().out
    assert "one by one" in printed
    assert "2 images, " in printed
    written = json.loads((tmp_path / "out" / "profile.json").read_text())
    assert written["images"] == 2
    assert (tmp_path / "out" / "profile.png").is_file()
