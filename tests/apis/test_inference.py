"""From a checkpoint to results, through the API and through the tools."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from aepose.apis import inference
from aepose.apis.inference import PoseInferencer
from aepose.apis.loading import load_model
from aepose.commands.app import call
from aepose.errors import AeposeWarning, CheckpointError, ConfigError, DataError
from aepose.experiment import Experiment
from aepose.images import read_image
from aepose.results import PoseResult
from aepose.toy import make_toy_dataset
from aepose.weights.checkpoint import save_safetensors
from tests.film.films import make_film

CONFIG = Path(__file__).parents[2] / "configs" / "toy" / "hrnet_w16_toy_256x256.py"
TINY = ("codec.input_size=64", "codec.max_num_people=3", "model.backbone.width=4",
        "model.backbone.stem_channels=8", "model.backbone.stage1_channels=4",
        "model.backbone.num_blocks=1", "test_time.multi_scales=[0.5,1]")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Path of a checkpoint of a tiny untrained network that finds some people, with its config."""
    cfg = Experiment.load(CONFIG, TINY)
    torch.manual_seed(0)
    model = cfg.network()
    # A fresh network has maps near zero, where nobody is found.
    for weight in model.parameters():
        if weight.ndim == 4:
            torch.nn.init.kaiming_normal_(weight)
    path = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    save_safetensors(path, model.state_dict(), {"aepose_config": json.dumps(cfg.to_dict())})
    return path


@pytest.fixture(scope="module")
def bare(tiny):
    """The same weights without a config."""
    path = tiny.with_name("bare.safetensors")
    save_safetensors(path, inference.read_checkpoint(tiny)["state_dict"], {})
    return path


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Folder of a toy set with two validation pictures."""
    out = tmp_path_factory.mktemp("toy")
    make_toy_dataset(out, 0, 2)
    return out


@pytest.fixture
def pictures(toy):
    return sorted((toy / "val2017").iterdir())


def test_config_comes_from_the_checkpoint(tiny, pictures):
    result = PoseInferencer(checkpoint=tiny, device="cpu").predict(pictures[0])
    assert len(result) > 0
    assert result.image_path == str(pictures[0])
    height, width = read_image(pictures[0]).shape[:2]
    assert result.image_size == (width, height)


def test_a_config_file_gives_the_same(tiny, bare, pictures):
    own = PoseInferencer(checkpoint=tiny, device="cpu").predict(pictures[0])
    for config in (CONFIG, Experiment.load(CONFIG)):
        given = load_model(config, bare, device="cpu", cfg_options=TINY).predict(pictures[0])
        np.testing.assert_array_equal(given.keypoints, own.keypoints)


def test_an_array_gives_the_same_as_its_file(tiny, pictures):
    find = PoseInferencer(checkpoint=tiny, device="cpu")
    of_file, of_array = find([pictures[0], read_image(pictures[0])])
    np.testing.assert_array_equal(of_file.keypoints, of_array.keypoints)
    assert of_array.image_path == ""


def test_without_arguments_the_shipped_network_is_used(tiny, pictures, monkeypatch):
    monkeypatch.setattr(inference, "TOY_CHECKPOINT", tiny)
    assert isinstance(load_model(device="cpu").predict(pictures[0]), PoseResult)


def test_multi_scale(tiny, pictures):
    """Of one call, by the config's scales."""
    find = PoseInferencer(checkpoint=tiny, device="cpu")
    one, many = (find.predict(pictures[0], multi_scale=several, keep_maps=True)
                 for several in (False, True))
    other = PoseInferencer(checkpoint=tiny, device="cpu", cfg_options=["test_time.scales=[0.5,1]"])
    assert torch.equal(many.maps.heatmaps, other.predict(pictures[0], keep_maps=True).maps.heatmaps)
    assert not torch.equal(many.maps.heatmaps, one.maps.heatmaps)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_an_error_comes_after_all_results_before_it(tiny, pictures, batch_size):
    several = [pictures[0], pictures[1], pictures[0], "missing.jpg", pictures[1]]
    results = PoseInferencer(checkpoint=tiny, device="cpu").predict(several, batch_size)
    assert [next(results).image_path for _ in range(3)] == [str(p) for p in several[:3]]
    with pytest.raises(DataError, match=r"missing\.jpg"):
        next(results)


def test_pictures_that_cannot_be_read_are_skipped_and_counted(tiny, pictures, tmp_path):
    (tmp_path / "empty.jpg").touch()
    several = [pictures[0], "missing.jpg", np.zeros((4, 4)), tmp_path / "empty.jpg", pictures[1],
               [tmp_path / "nowhere.mp4"]]
    results = PoseInferencer(checkpoint=tiny, device="cpu").predict(several, on_error="skip")
    with pytest.warns(AeposeWarning, match=r"4 pictures were left out:\n.*missing"):
        assert [r.image_path for r in results] == [str(p) for p in pictures]
    assert len(results.failures) == 4
    assert results.failures[1].startswith("picture 3 of the source: picture array is (4, 4)")


def test_what_an_iterable_raises_is_passed_on(tiny, pictures):
    def source():
        yield pictures[0]
        raise ZeroDivisionError("of the user")

    results = PoseInferencer(checkpoint=tiny, device="cpu").predict(source(), on_error="skip")
    assert next(results).image_path == str(pictures[0])
    with pytest.raises(ZeroDivisionError, match="of the user"):
        next(results)


def test_scores_and_times(tiny, pictures):
    find = PoseInferencer(checkpoint=tiny, device="cpu")
    everybody = find(pictures[0])
    best = float(everybody.scores.max())
    likely = find(pictures[0], min_score=best)
    assert len(likely) < len(everybody)
    assert (likely.scores >= best).all()
    assert list(likely.seconds) == ["read", "network", "decode"]
    assert min(likely.seconds.values()) > 0
    assert everybody.metainfo is find.metainfo


def test_pixels_are_kept_of_what_cannot_be_read_again(tiny, pictures):
    find = PoseInferencer(checkpoint=tiny, device="cpu")
    image = read_image(pictures[0])
    of_array, of_file = find([image, pictures[0]])
    assert of_file.image is None
    np.testing.assert_array_equal(of_array.draw(), of_file.draw())


def test_progress(tiny, pictures, capsys):
    list(PoseInferencer(checkpoint=tiny, device="cpu").predict(pictures, progress=True))
    assert "2/2" in capsys.readouterr().err


def test_a_film(tiny, tmp_path, pictures):
    film = tmp_path / "film.mp4"
    make_film(film, 5, size=(64, 48))
    results = list(PoseInferencer(checkpoint=tiny, device="cpu").predict(film, batch_size=2))
    assert [r.frame for r in results] == list(range(5))
    assert results[4].name == "film_000004"
    assert results[1].time > results[0].time == 0
    assert results[0].draw().shape == (48, 64, 3)


@pytest.mark.parametrize(("options", "message"), [
    ({"batch_size": 0}, "batch_size = 0"), ({"batch_size": 1.5}, "batch_size"),
    ({"min_score": float("nan")}, "min_score = nan"), ({"on_error": "stop"}, "on_error = 'stop'"),
])
def test_options_of_predict(tiny, pictures, options, message):
    with pytest.raises(ConfigError, match=message):
        PoseInferencer(checkpoint=tiny, device="cpu").predict(pictures, **options)


@pytest.mark.parametrize("device", ["cuda:99", "nowhere", "meta:a", 1.5])
def test_devices_that_are_not_there(tiny, device):
    with pytest.raises(ConfigError, match=f"device = '{device}' cannot be used"):
        load_model(tiny, device=device)


def test_a_checkpoint_alone_and_its_type(tiny, pictures):
    find = load_model(tiny, device="cpu", dtype=torch.bfloat16)
    assert find.experiment.test_time.dtype == "bfloat16"
    assert len(find.predict(pictures[0])) > 0


@pytest.mark.parametrize("batch_size", [2, 3, 50])
def test_batches_give_what_single_pictures_give(pictures, batch_size):
    """Of several sizes, in the order given.

    By a trained network: in maps of random weights the order of a convolution's additions, which
    depends on the batch, decides who is found.
    """
    find = PoseInferencer(device="cpu")
    image = read_image(pictures[0])
    several = [image, image[:, ::-1].copy(), image[:200], read_image(pictures[1]), image[:, :200]]
    several = several * 2
    alone = [find.predict(one) for one in several]
    assert sum(map(len, alone)) > 5
    together = list(find(iter(several), batch_size=batch_size))
    assert [r.image_size for r in together] == [r.image_size for r in alone]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(other.keypoints, one.keypoints, atol=1e-3)
        np.testing.assert_allclose(other.keypoint_scores, one.keypoint_scores, atol=1e-5)


@pytest.mark.parametrize("array", [
    np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4, 3)), np.zeros((4, 0, 3), np.uint8),
])
def test_other_arrays_are_refused(tiny, array):
    with pytest.raises(DataError, match=r"\(H, W, 3\)"):
        PoseInferencer(checkpoint=tiny, device="cpu").predict(array)


def test_weights_that_do_not_fit(tiny):
    with pytest.raises(CheckpointError, match=rf"(?s){tiny.name} does not fit.*wrong shape"):
        PoseInferencer(CONFIG, tiny, cfg_options=[*TINY, "model.backbone.width=8"])


def test_a_checkpoint_without_config(bare):
    with pytest.raises(CheckpointError, match=rf"{bare.name}.*--config"):
        PoseInferencer(checkpoint=bare)


def test_a_config_without_checkpoint():
    with pytest.raises(CheckpointError, match="--checkpoint"):
        PoseInferencer(CONFIG)


def test_options_are_checked(tiny):
    with pytest.raises(ConfigError, match="width"):
        PoseInferencer(checkpoint=tiny, cfg_options=["model.backbone.widht=8"])


@pytest.mark.parametrize(("text", "message"), [
    ("{", "cannot be used"),
    ("[1]", "cannot be used"),
    ('{"modell": {}}', "did you mean 'model'"),
    ('{"model": {"type": "subprocess.run", "args": "true"}}', "not part of aepose"),
    ('{"custom_hooks": [{"type": "os.system"}]}', "not part of aepose"),
    ('{"custom_imports": {"imports": ["os"]}}', "names modules of its own"),
    ('{"metainfo": "/etc/keypoints.json"}', "names a file of keypoints"),
])
def test_stored_configs_that_cannot_be_used(text, message):
    with pytest.raises(CheckpointError, match=rf"x\.pth .*{message}.*--config"):
        Experiment.of_checkpoint({"aepose_config": text}, "x.pth")


def test_test_tool(tiny, toy, tmp_path, capsys):
    shutil.copytree(toy, tmp_path / "toy")
    arguments = ["--out", str(tmp_path / "new" / "out"), "--show-dir",
                 str(tmp_path / "shown"), "--work-dir", str(tmp_path / "work"),
                 "--cfg-options", *TINY, f"data_root={tmp_path / 'toy'}"]
    call(["test", str(CONFIG), str(tiny), "--multi-scale", *arguments])
    table = capsys.readouterr().out.splitlines()[-3:]
    assert "AP50" in table[0]
    assert table[2].startswith("| multi-scale |")
    drawn = {p.name for p in (tmp_path / "shown").glob("*.png")}
    assert len(drawn - {"overview.png"}) == 2
    assert json.loads((tmp_path / "new" / "out" / "predictions.json").read_text())
