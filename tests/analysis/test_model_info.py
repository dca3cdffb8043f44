from pathlib import Path

import pytest

from aepose.analysis.model_info import model_info
from aepose.commands.app import call
from aepose.experiment import Experiment

CONFIGS = Path(__file__).parents[2] / "configs"

# Published sizes at 512 x 512: millions of parameters, 10^9 multiply-adds.
PUBLISHED = [
    ("coco/higherhrnet_w32_coco_512x512", 28.65, 46.2, [(34, 128, 128), (17, 256, 256)]),
    ("coco/higherhrnet_w48_coco_512x512", 63.8, 95.7, [(34, 128, 128), (17, 256, 256)]),
    ("coco/hrnet_w32_coco_512x512", 28.5, 40.8, [(34, 128, 128)]),
    ("coco/hrnet_w48_coco_512x512", 63.6, 83.7, [(34, 128, 128)]),
    ("coco/hourglass_ae_coco_512x512", 138.9, 221.2, [(34, 128, 128)] * 4),
    ("coco/mobilenetv2_coco_512x512", 9.57, 8.4, [(34, 128, 128)]),
    ("coco/res50_coco_512x512", 34.0, 29.0, [(34, 128, 128)]),
]


@pytest.mark.parametrize(("name", "parameters", "gmacs", "outputs"), PUBLISHED)
def test_published_sizes(name, parameters, gmacs, outputs):
    info = model_info(Experiment.load(CONFIGS / f"{name}.py"))
    assert info.parameters / 1e6 == pytest.approx(parameters, abs=0.05)
    assert info.gmacs == pytest.approx(gmacs, rel=0.01)
    assert list(info.output_shapes) == outputs


def test_memory_of_a_known_network(tiny_config):
    small = model_info(tiny_config())
    large = model_info(tiny_config("large", ["codec.input_size=128"]))
    assert large.activation_bytes == 4 * small.activation_bytes
    # At least the stem's two maps of 8 channels at half resolution are alive at once.
    assert small.activation_bytes >= 2 * 8 * 32 * 32 * 4


def test_cost_of_a_long_input(tiny_config):
    square, long = model_info(tiny_config()), model_info(
        tiny_config("long", ["codec.input_size=(128,64)"]))
    assert (long.input_shape, long.output_shapes) == ((3, 64, 128), ((34, 16, 32),))
    assert long.gmacs == 2 * square.gmacs


def test_tool_prints_a_row_per_config(capsys):
    call(["info", str(CONFIGS / "toy/hrnet_w16_toy_256x256.py")])
    header, row = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["config", "parameters", "GMACs"]
    assert row.split()[:4] == ["hrnet_w16_toy_256x256", "1.21", "M", "0.5"]
