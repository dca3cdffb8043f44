"""Odd values at every place of a config: one error that names the place, or a training that runs.

``make hostile`` tries all of them, the ordinary tests a sample.
"""

import copy
import random
import tempfile

import pytest

from aepose.apis.train import dry_run, train
from aepose.errors import AeposeError, ConfigError
from aepose.experiment import Experiment
from tests.hostile.isolated import isolated

ODD = ["a", "", -1, 0, 0.5, None, float("nan"), float("inf"), [], {}, True, 2**70, 10**6, [1, "a"],
       {"type": "Adam"}, "nan", (0, 0)]
SAMPLE = 40


def leaves(content, place=()):
    """Yield the places of a config's values, also of dicts and lists."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        yield (*place, key)
        if isinstance(value, (dict, list)):
            yield from leaves(value, (*place, key))


def odd_one(content, place, value):
    changed = copy.deepcopy(content)
    target = changed
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    return changed


def full_config(tiny_config):
    """The thinnest experiment with every option of its parts in sight."""
    content = tiny_config("odd").to_dict()
    content["metainfo"] = "coco"
    content["train_dataloader"] |= {"batch_size": 2, "drop_last": False, "num_workers": 0}
    content["optim_wrapper"] |= {"accumulative_counts": 1, "max_bad_steps": 3,
                                 "clip_grad": {"max_norm": 1.0, "norm_type": 2}}
    content["optim_wrapper"]["optimizer"] |= {"betas": [0.9, 0.99], "eps": 1e-8, "weight_decay": 0}
    content["test_time"] |= {"flip": True, "outputs": None, "dtype": None, "faster": True}
    content["log_processor"] = {"window_size": 10, "by_epoch": True}
    content["ema"] = {"momentum": 0.01}
    content["auto_scale_lr"] = {"base_batch_size": 8, "enable": False}
    content["randomness"] = {"seed": 0, "deterministic": False}
    content["train_cfg"] |= {"val_begin": 1}
    return content


def outcome(content, folder):
    """Return the error of a dry run, or '' if it and the training itself went well.

    Anything else is raised.
    """
    try:
        dry_run(Experiment(content))
    except AeposeError as error:
        return str(error)
    if content["train_cfg"]["max_epochs"] < 10:
        with tempfile.TemporaryDirectory(dir=folder) as work_dir:
            train(Experiment(content).changed({"log_level": "ERROR"}), work_dir)
    return ""


@pytest.fixture
def content(tiny_config):
    return full_config(tiny_config)


def try_all(content, chosen, folder):
    failures = []
    for place, value in chosen:
        name = ".".join(map(str, place))
        told = isolated(lambda: outcome(odd_one(content, place, value), folder))  # noqa: B023
        if told.startswith("FAILED") or (told and not names(told, place, value)):
            failures.append(f"{name} = {value!r}: {told}"[:300])
    assert not failures, "\n".join(failures)


# What a message may say instead of the key and the value.
ALSO = {
    # the path that it makes, and which part of a path is looked for
    "data_root": "check ann_file and the data root", "img_dir": "cannot read picture",
    "ann_file": "annotation file",
    # what training takes, and what breaks the weights
    "lr": "maps are not finite numbers", "eps": "maps are not finite numbers",
    # as many threads as the machine lets a process have
    "opencv_num_threads": "bad_alloc",
}


def names(told, place, value):
    """Whether a message names the last key of the place, or its value."""
    key = [key for key in place if isinstance(key, str)][-1]
    return any(word in told for word in (key, f"= {value!r}", ALSO.get(key, key)))


def every_case(content):
    return [(place, value) for place in leaves(content) for value in ODD]


def test_the_config_itself_is_fine(content, tmp_path):
    assert outcome(content, tmp_path) == ""


@pytest.mark.filterwarnings("ignore")
def test_a_sample_of_odd_values(content, tmp_path):
    try_all(content, random.Random(0).sample(every_case(content), SAMPLE), tmp_path)


@pytest.mark.hostile
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", range(20))
def test_every_odd_value(content, part, tmp_path):
    try_all(content, every_case(content)[part::20], tmp_path)


@pytest.mark.parametrize(("option", "message"), [
    ("optim_wrapper.optimizer.lr=1e400", r"^optim_wrapper\.optimizer\.lr = inf: give a finite"),
    ("train_cfg.max_epochs=-1", r"^train_cfg\.max_epochs = -1: give a whole number from 1"),
    ("test_time.flip=abc", r"^test_time\.flip = 'abc': give True or False"),
    ("randomness.seed=-1", r"^randomness\.seed = -1: give a whole number from 0"),
    ("randomness.seed=4294967296", r"^randomness\.seed = 4294967296: give a whole number from 0"),
    ("randomness.seed=[4,2]", r"^randomness\.seed = "),
    ("data_root=1", "^data_root = 1: give a text"),
    ("train_cfg.dynamic_intervals=2", r"^train_cfg\.dynamic_intervals"),
    ("val_evaluator.metainfo=0", r"^val_evaluator\.metainfo = 0"),
    ("val_evaluator.oks_threshold=None", r"^val_evaluator\.oks_threshold = None: give a number"),
    ("default_hooks.logger.interval=0",
     r"^default_hooks\.logger\.interval = 0 cannot be used: interval must be greater than 0"),
    ("param_scheduler.0.start_factor=0", r"^param_scheduler\.0\.start_factor = 0 cannot be used"),
    ("param_scheduler.0.start_factor=2", r"^param_scheduler\.0\.start_factor = 2 cannot be used"),
    ("optim_wrapper.clip_grad={'max_norm': 'nan'}", r"^optim_wrapper\.clip_grad\.max_norm = 'nan'"),
    ("optim_wrapper.clip_grad={'max': 1}", r"^optim_wrapper\.clip_grad\.max: there is no such"),
    ("env_cfg.mp_cfg.mp_start_method=a", r"^env_cfg\.mp_cfg\.mp_start_method = 'a' cannot be used"),
    ("train_dataloader.dataset.transforms=[]", r"^train_dataloader\.dataset\.transforms: none of"),
    ("model.backbone=None", r"^model\.backbone = None: give a dict"),
    ("model.keypoint_head.losses=[None]", r"^model\.keypoint_head\.losses = \[None\]: nothing"),
    ("optim_wrapper.paramwise_cfg={'norm_decay_mult': 0}", "^optim_wrapper.*base_wd should not be"),
    ("model.backbone.num_modules=-1", r"^model\.backbone\.num_modules = -1: give"),
    ("model.backbone.stem_channels=1000000", r"^model\.backbone\.stem_channels = 1000000: give .*"),
    ("train_dataloader.num_workers=100000", r"^train_dataloader\.num_workers = 100000: give a"),
    ("train_dataloader=None", "lacks 'train_dataloader'"), ("model=None", "lacks 'model'"),
    ("train_dataloader.dataset=None", r"lacks 'train_dataloader\.dataset'"),
    ("codec=None", "lacks 'codec'"), ("metainfo=None", "lacks 'metainfo'"),
    ("train_cfg=None", "lacks 'train_cfg'"), ("optim_wrapper=None", "lacks 'optim_wrapper'"),
    ("param_scheduler.0.type=OneCycleLR", "^param_scheduler"),
])
def test_what_users_have_met(tiny_config, option, message):
    with pytest.raises(ConfigError, match=message):
        dry_run(tiny_config("odd", [option]))
