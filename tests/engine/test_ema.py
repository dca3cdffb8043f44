import json

import pytest
import torch
from torch import nn

from aepose.apis.evaluate import evaluate
from aepose.apis.train import train
from aepose.engine.ema import TRAINED, WeightAverage
from aepose.errors import CheckpointError, ConfigError
from aepose.experiment import Experiment

OPTIONS = ["val_dataloader=None", "val_evaluator=None", "visualizer=None"]


def checkpoint(path):
    return torch.load(path, weights_only=True)


def equal(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def test_average_follows_its_formula():
    network = nn.Linear(1, 1, bias=False)
    values = [1.0, 4.0, 2.0, -3.0]
    nn.init.constant_(network.weight, values[0])
    average, expected = WeightAverage(network, 0.85), values[0]
    for step, value in enumerate(values[1:]):
        nn.init.constant_(network.weight, value)
        average.update()
        expected += max(0.85, 9 / (10 + step)) * (value - expected)
        assert average.values["weight"].item() == pytest.approx(expected, rel=1e-6)
    average.swap()
    assert network.weight.item() == pytest.approx(expected, rel=1e-6)
    assert average.values["weight"].item() == values[-1]
    average.swap()
    average.restart()
    assert (average.values["weight"].item(), average.steps) == (values[-1], 0)


@pytest.fixture(scope="module")
def plain(tiny_config, tmp_path_factory):
    """The work dir of a run without an average."""
    folder = tmp_path_factory.mktemp("plain")
    train(tiny_config("ema_plain", OPTIONS), folder)
    return folder


@pytest.fixture(scope="module")
def averaged(tiny_config, tmp_path_factory):
    """The work dir of a run with one."""
    folder = tmp_path_factory.mktemp("averaged")
    train(tiny_config("ema", ["ema.momentum=0.0002"]), folder)
    return folder


def test_training_is_the_same_and_the_average_beside_it(plain, averaged):
    for epoch in ("epoch_1.pth", "epoch_2.pth"):
        trained, saved = checkpoint(plain / epoch)["state_dict"], checkpoint(averaged / epoch)
        parameters = saved[TRAINED]
        assert equal(parameters, {name: trained[name] for name in parameters})
        buffers = trained.keys() - parameters.keys()
        assert all(torch.equal(trained[n], saved["state_dict"][n]) for n in buffers)
        assert not equal(parameters, {n: saved["state_dict"][n] for n in parameters})


def test_the_average_is_what_is_evaluated(averaged, tiny_config, tmp_path):
    best = checkpoint(next(averaged.glob("best_coco_AP*.pth")))
    assert TRAINED in best
    as_trained = tiny_config("ema_test", ["test_time.faster=False"])
    evaluate(as_trained, averaged / "epoch_2.pth", tmp_path)
    found, expected = (json.loads((folder / "predictions.json").read_text())
                       for folder in (tmp_path, averaged))
    assert found == expected


def test_resuming_goes_on_with_both(averaged, tiny_config, tmp_path):
    train(tiny_config("ema", ["ema.momentum=0.0002"]), tmp_path, str(averaged / "epoch_1.pth"))
    new, old = (checkpoint(folder / "epoch_2.pth") for folder in (tmp_path, averaged))
    assert equal(new["state_dict"], old["state_dict"])
    assert equal(new[TRAINED], old[TRAINED])
    assert new["ema_steps"] == old["ema_steps"]


def test_resuming_without_average_takes_the_trained_weights(plain, averaged, tiny_config, tmp_path):
    train(tiny_config("ema_off", OPTIONS), tmp_path, str(averaged / "epoch_1.pth"))
    new, old = (checkpoint(folder / "epoch_2.pth") for folder in (tmp_path, plain))
    assert equal(new["state_dict"], old["state_dict"])
    assert "the checkpoint was saved with ema" in log_of(tmp_path)


def test_resuming_with_a_new_average_starts_it(plain, tiny_config, tmp_path):
    train(tiny_config("ema_on", [*OPTIONS, "ema.momentum=0.1"]), tmp_path,
          str(plain / "epoch_1.pth"))
    new, old = checkpoint(tmp_path / "epoch_2.pth"), checkpoint(plain / "epoch_2.pth")
    assert equal(new[TRAINED], {name: old["state_dict"][name] for name in new[TRAINED]})
    assert "holds no average of weights" in log_of(tmp_path)


def test_an_average_that_does_not_fit_is_told_of_by_name(averaged, tiny_config, tmp_path):
    content = checkpoint(averaged / "epoch_1.pth")
    for state in (content["state_dict"], content[TRAINED]):
        state["backbone.conv1.weight"] = torch.zeros(1, 2, 3)
    torch.save(content, tmp_path / "epoch_1.pth")
    cfg = tiny_config("ema_misfit", ["ema.momentum=0.0002"])
    with pytest.raises(CheckpointError, match=r"backbone\.conv1\.weight: checkpoint \(1, 2, 3\)"):
        train(cfg, tmp_path, str(tmp_path / "epoch_1.pth"))


def log_of(folder):
    return "\n".join(path.read_text() for path in folder.rglob("*.log"))


def test_accumulated_batches_count_as_one_step(tiny_config, tmp_path):
    train(tiny_config("ema_accumulate", [*OPTIONS, "ema.momentum=0.1",
                                         "optim_wrapper.accumulative_counts=2"]), tmp_path)
    assert checkpoint(tmp_path / "epoch_2.pth")["ema_steps"] == 2


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 1, "x"])
def test_wrong_momentum(tiny_config, tmp_path, value):
    with pytest.raises(ConfigError, match=r"ema\.momentum = .* give a number"):
        train(tiny_config("ema_wrong", [*OPTIONS, f"ema.momentum={value!r}"]), tmp_path)


def test_wrong_option(averaged):
    with pytest.raises(ConfigError, match=r"^ema\.momentm: .*'momentum'"):
        Experiment.load(next(averaged.glob("*.py")), ["ema.momentm=0.1"])
