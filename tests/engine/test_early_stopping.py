"""A training ends when validation does not get better any more, and says which epoch was best."""

import math
from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub

from aepose.apis.train import train
from aepose.engine import PoseCheckpointHook, PoseEarlyStoppingHook
from aepose.errors import ConfigError
from aepose.evaluation import PoseMetric
from tests.engine.runs import logged

VALUES = []


class Scripted(PoseMetric):
    """Gives what VALUES say, one after another, whatever is found."""

    columns = ("value",)

    def process(self, data_batch, data_samples):
        self.results += [0] * len(data_samples)

    def compute_metrics(self, results):
        return {"value": VALUES.pop(0)}


class Runner:
    """What the hook asks of one, without a training."""

    def __init__(self, best="mine/value", rule="greater"):
        self.hooks = [PoseCheckpointHook(save_best=best, rule=rule)]
        self.val_loop, self.train_loop = object(), SimpleNamespace(stop_training=False)
        self.message_hub = MessageHub(f"early stopping {id(self)}")
        self.said, self.epoch, self.max_epochs = [], 0, 9
        self.logger = SimpleNamespace(info=self.said.append, warning=self.said.append)


@pytest.mark.parametrize(("values", "rule", "told"), [
    # As good is no better, and what is no number neither.
    ([0.2, 0.5, 0.4, math.nan, 0.5], "greater",
     "training stops early, after epoch 5 of 9: the best mine/value is 0.5000, of epoch 2; "
     "validations since then: 3, of 3 that end the training"),
    ([0.5, 0.6, 0.7, 0.8], "less", "the best mine/value is 0.5000, of epoch 1"),
    ([math.inf] * 3, "greater", "after epoch 3 of 9: no validation gave a finite number"),
    ([0.1, 0.2, 0.1, 0.1, 0.3, 0.1, 0.1, 0.4, 0.1], "greater", None),
    ([0.9, 0.5, 0.6, 0.6, 0.4, 0.5, 0.5, 0.3, 0.4], "less", None),
])
def test_when_it_stops(values, rule, told):
    runner, hook = Runner(rule=rule), PoseEarlyStoppingHook(patience=3)
    hook.before_train(runner)
    for runner.epoch, value in enumerate(values, start=1):
        assert not runner.train_loop.stop_training
        hook.after_val_epoch(runner, {"mine/value": value})
    assert runner.train_loop.stop_training == (told is not None)
    assert (told or "") in "".join(runner.said[-1:])
    assert sum("counts as no better" in text for text in runner.said) == sum(
        not math.isfinite(value) for value in values)


def run(tiny_config, folder, values, epochs=9, patience=2, resume=False):
    VALUES[:] = values
    changes = {
        "custom_hooks": [{"type": "PoseEarlyStoppingHook", "patience": patience}],
        "visualizer": None, "train_cfg.max_epochs": epochs, "train_dataloader.batch_size": 8,
        "val_evaluator": {"_delete_": True, "type": f"{__name__}.Scripted", "prefix": "mine"},
        "default_hooks.checkpoint.save_best": "mine/value",
    }
    return train(tiny_config("stopping").changed(changes), folder, resume=resume)


@pytest.mark.slow
def test_a_resumed_training_goes_on_counting(tiny_config, tmp_path):
    run(tiny_config, tmp_path, [0.5, 0.4], epochs=2)
    # The last epoch's validation comes behind its checkpoint: it is done again.
    assert run(tiny_config, tmp_path, [0.4, 0.4], resume=True).epoch == 3
    # What was stopped stops again at once, unless there is more patience.
    assert run(tiny_config, tmp_path, [0.4], resume=True).epoch == 3
    log = logged(tmp_path)
    assert ("early stopping: the best mine/value is 0.5000, of epoch 1; validations since then: 1"
            in log)
    assert log.count("after epoch 3 of 9: the best mine/value is 0.5000, of epoch 1") == 2
    assert run(tiny_config, tmp_path, [0.4, 0.6], 4, patience=3, resume=True).epoch == 4


@pytest.mark.parametrize("best", [None, "auto"])
def test_no_metric_to_go_by(best):
    with pytest.raises(ConfigError, match="needs validations, and the metric"):
        PoseEarlyStoppingHook().before_train(Runner(best))


def test_a_metric_that_is_not_there():
    runner, hook = Runner("mine/other"), PoseEarlyStoppingHook()
    hook.before_train(runner)
    with pytest.raises(ConfigError, match=r"goes by 'mine/other' .*, but validation gives mine/v"):
        hook.after_val_epoch(runner, {"mine/value": 0.1})
