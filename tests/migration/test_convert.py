"""What old configs become."""

from copy import deepcopy

import pytest
import torch

from aepose.errors import AeposeWarning, ConfigError
from aepose.experiment import Experiment
from aepose.migration import convert, convert_file
from tests.golden_check import OWN
from tests.goldens.common import read_json
from tests.goldens.configs import compare
from tests.goldens.hyperparameters import Ours
from tests.goldens.networks import find_config
from tests.migration.old_files import BASE, CHILD, convert_cat, published, write_cat

# What our own configs say otherwise: checkpoints are written more often, of which three are kept,
# and batches of other sizes have a rule for the learning rate.
OURS = ("auto_scale_lr.base_batch_size", "default_hooks.checkpoint.interval",
        "default_hooks.checkpoint.max_keep_ckpts")
# What published configs have and MMPose does not read.
UNREAD = {
    "dataset_info.paper_info", "dataset_info.joint_weights", "model.test_cfg.scale_factor",
    "model.train_cfg.num_joints", "model.train_cfg.img_size", "data.*.data_cfg.base_size",
    "data.*.data_cfg.base_sigma", "data.*.pipeline.*.keys", "data.*.pipeline.*.meta_keys"}


def flat(value, key=""):
    """Dotted keys -> values of a config."""
    if isinstance(value, (list, tuple)) and any(isinstance(part, dict) for part in value):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for name, part in value.items():
            yield from flat(part, f"{key}.{name}".lstrip("."))
    else:
        yield key, list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", published())
def test_published_configs_become_ours(name):
    found = convert(published()[name])
    ours, theirs = (dict(flat(experiment.to_dict())) for experiment in (
        Experiment.load(find_config(name)), Experiment(found.config)))
    for key in OURS:
        ours.pop(key, None)
        theirs.pop(key, None)
    assert theirs == ours
    assert (others(found.notes), found.training) == ([], [])


@pytest.mark.slow
@pytest.mark.parametrize("name", published())
def test_published_configs_as_files_mean_the_same(tmp_path, name):
    old, path = published()[name], tmp_path / f"{name}.py"
    path.write_text("".join(f"{key} = {value!r}\n" for key, value in old.items()))
    with pytest.warns(AeposeWarning, match=r"MMPose 0\.x, and is converted as it is read"):
        read = Experiment.load(path)
    assert all(compare(old, Ours(read)).values())
    golden = read_json(OWN / "state_dicts.json.gz")
    expected = golden["state_dicts"][golden["configs"][name]["state_dict"]]
    with torch.device("meta"):
        state = read.network().state_dict()
    assert [[key, list(value.shape)] for key, value in state.items()] == expected


def others(notes):
    return [key for key, _ in notes if key not in UNREAD]


def test_a_config_as_people_write_it(tmp_path):
    found = convert_cat(tmp_path)
    assert (others(found.notes), found.training) == ([], [])
    config = found.config
    assert config["metainfo"] == {
        "name": "cat", "keypoint_names": ["head", "left", "right"],
        "flip_pairs": [["left", "right"]], "sigmas": [0.1] * 3, "skeleton": [["head", "left"]],
        "keypoint_colors": [[0, 0, 255], [0, 255, 0], [255, 0, 0]],
        "skeleton_colors": [[0, 255, 0]]}
    assert config["data_root"] == "data/cat"
    assert config["train_dataloader"]["dataset"]["img_dir"] == "train"
    assert config["model"]["pretrained"] == "resnet50"
    assert config["codec"] == {"type": "AssociativeEmbeddingCodec", "input_size": 256,
                               "map_strides": [4]}
    experiment = Experiment(config)
    with torch.device("meta"):
        assert experiment.network().keypoint_head.final_layer.weight.shape[0] == 6
    assert experiment.metainfo.num_keypoints == 3


FILTERS = "in_channels=2048, num_deconv_filters=(128, 128, 128), num_deconv_layers=3"
LOSS_OFF = ("with_ae_loss=[True], push", "with_ae_loss=[False], push")
VARIATIONS = {
    "depth": ([("depth=50", "depth=101")], {"model.backbone.depth": 101}),
    "mobile": ([("dict(type='ResNet', depth=50)", "dict(type='MobileNetV2', widen_factor=1.5)"),
                ("in_channels=2048", "in_channels=1920")],
               {"model.backbone.type": "MobileNetV2", "model.backbone.width": 1.5}),
    "synced": ([("depth=50", "depth=50, norm_cfg=dict(type='SyncBN'), with_cp=True")],
               {"sync_bn": True, "model.activation_checkpointing": True}),
    "weights": ([("depth=50", "depth=50, init_cfg=dict(type='Pretrained', checkpoint='a.pth')")],
                {"model.pretrained": "a.pth"}),
    "head": ([("in_channels=2048", FILTERS), ("tag_per_joint=True", "tag_per_joint=False"),
              ("num_joints=3, tag", "num_joints=3, extra=dict(final_conv_kernel=3), tag")],
             {"model.keypoint_head.deconv_channels": 128, "model.keypoint_head.final_kernel": 3,
              "model.keypoint_head.tag_per_joint": False}),
    "losses": ([("'exp'", "'max', supervise_empty=False"), ("push_loss_factor=[0.001]",
                                                            "push_loss_factor=[0.02]"), LOSS_OFF],
               {"model.keypoint_head.losses.0.push": None,
                "model.keypoint_head.losses.0.pull": None,
                "model.keypoint_head.losses.0.push_type": "max",
                "model.keypoint_head.losses.0.supervise_empty": False}),
    "test": ([("flip_test=True", "flip_test=False"), ("threshold=0.1", "threshold=0.2"),
              ("nms_kernel=5, nms_padding=2", "nms_kernel=3, nms_padding=1"),
              ("align_corners=False", "align_corners=True"), ("[1]),", "[0.5, 1, 2]),")],
             {"test_time.flip": False, "codec.detection_threshold": 0.2, "codec.nms_kernel": 3,
              "test_time.align_corners": True, "test_time.scales": [0.5, 1, 2]}),
    "one step": ([("step=[20]", "step=7, gamma=0.5"), ("warmup='linear'", "warmup='constant'")],
                 {"param_scheduler.0.type": "ConstantLR", "param_scheduler.0.factor": 0.001,
                  "param_scheduler.1.type": "StepLR", "param_scheduler.1.step_size": 7}),
    "cosine": ([("'step', warmup='linear'", "'CosineAnnealing', min_lr=1e-5, warmup=None"),
                (", step=[20]", "")],
               {"param_scheduler.0.type": "CosineAnnealingLR", "param_scheduler.0.T_max": 30,
                "param_scheduler.0.eta_min": 1e-5}),
    "schedule": ([("total_epochs = 30", "runner = dict(type='EpochBasedRunner', max_epochs=40)"),
                  ("grad_clip=None", "grad_clip=dict(max_norm=35, norm_type=2)"),
                  ("'Adam', lr=0.001", "'SGD', lr=0.1, momentum=0.9, paramwise_cfg="
                   "dict(bias_lr_mult=2.0)"), ("save_best='AP'", "save_best='AR', start=5")],
                 {"train_cfg.max_epochs": 40, "train_cfg.val_begin": 5,
                  "optim_wrapper.clip_grad.max_norm": 35, "optim_wrapper.optimizer.momentum": 0.9,
                  "optim_wrapper.paramwise_cfg.bias_lr_mult": 2.0,
                  "default_hooks.checkpoint.save_best": "coco/AR"}),
    "accumulated": ([("grad_clip=None", "type='GradientCumulativeOptimizerHook', "
                      "cumulative_iters=4")], {"optim_wrapper.accumulative_counts": 4}),
    "order": ([("    dict(type='ToTensor'),\n    dict(type='NormalizeTensor', mean=[0.485, 0.456, "
                "0.406], std=[0.229, 0.224, 0.225]),\n    dict(type='BottomUpGenerateTarget', "
                "sigma=2, max_num_people=30),",
                "    dict(type='BottomUpGenerateTarget', sigma=2, max_num_people=30),\n"
                "    dict(type='ToTensor'),")], {"train_dataloader.dataset.transforms.1.type":
                                                 "RandomFlip"}),
    "steps": ([("total_epochs", "checkpoint_config = dict(by_epoch=False)\ntotal_epochs")],
              {"default_hooks.checkpoint.by_epoch": False}),
    "no flip": ([("    dict(type='BottomUpRandomFlip', flip_prob=0.5),\n", "")], {}),
    "delete": ([("optimizer = dict(", "log_config = dict(_delete_=True, interval=5)\n"
                 "optimizer = dict(")], {"default_hooks.logger.interval": 5}),
    "not square": ([("image_size=256", "image_size=(256, 128)"), ("size=[64]", "size=[(64, 32)]")],
                   {"codec.input_size": [256, 128], "codec.map_strides": [4]}),
    "suppression": ([("scale_aware_sigma=False", "use_nms=True, soft_nms=False, oks_thr=0.8")],
                    {"val_evaluator.nms": "oks", "val_evaluator.oks_threshold": 0.8}),
    "runtime": ([("data/cat'", "data/cat'\nseed = 3\ndeterministic = True\n"
                   "resume_from = None"), ("workers_per_gpu=2", "workers_per_gpu=0")],
                 {"randomness.seed": 3, "randomness.deterministic": True,
                  "train_dataloader.num_workers": 0}),
}


@pytest.mark.parametrize("name", VARIATIONS)
def test_variations(tmp_path, name):
    changes, expected = VARIATIONS[name]
    found = convert_cat(tmp_path, *changes)
    assert (others(found.notes), found.training) == ([], [])
    config = dict(flat(found.config))
    assert {key: config[key] for key in expected} == expected
    Experiment(found.config)  # checks all of it


def test_what_of_a_test_differs_from_the_validation(tmp_path):
    last = CHILD.rindex("val.json")
    found = convert_file(write_cat(tmp_path, f"{CHILD[:last]}test.json{CHILD[last + 8:]}"))
    test, val = (found.config[f"{split}_dataloader"]["dataset"] for split in ("test", "val"))
    assert test == val | {"ann_file": "annotations/test.json"}


FLIP = "    dict(type='BottomUpRandomFlip', flip_prob=0.5),\n"
AFFINE = """    dict(type='BottomUpRandomAffine', rot_factor=30, scale_factor=[0.75, 1.5],
         scale_type='short', trans_factor=40),
"""
NOT_TRAINED = {
    "step": ([(FLIP, FLIP + "    dict(type='PhotometricDistortion', hue_delta=1),\n")],
             "data.train.pipeline.3.type = 'PhotometricDistortion'", "aepose has no such step"),
    "order": ([(AFFINE, ""), (FLIP, FLIP + AFFINE)], "data.train.pipeline",
              "the order is BottomUpRandomFlip, BottomUpRandomAffine, BottomUpGenerateTarget"),
    "no affine": ([(AFFINE, "")], "data.train.pipeline", "has no BottomUpRandomAffine"),
    "twice": ([(FLIP, FLIP * 2)], "data.train.pipeline.3.type = 'BottomUpRandomFlip'", "twice"),
    "people": ([("sigma=2, max_num_people=30", "sigma=2, max_num_people=20")],
               "data.train.pipeline.5.max_num_people = 20", "model.test_cfg.max_num_people has 30"),
    "policy": ([("policy='step'", "policy='cyclic'")], "lr_config.policy = 'cyclic'", "known are "),
    "rate": ([("'step', ", "'step', by_epoch=False, ")], "lr_config.by_epoch = False", "epochs"),
    "least": ([("'step', ", "'step', min_lr=1, ")], "lr_config.min_lr = 1", "go on to any rate"),
    "warm-up": ([("warmup='linear'", "warmup='exp'")], "lr_config.warmup = 'exp'", "known are"),
    "frozen": ([("depth=50", "depth=50, frozen_stages=1")], "model.backbone.frozen_stages = 1",
               "model.freeze"),
    "eval": ([("depth=50", "depth=50, norm_eval=True")], "model.backbone.norm_eval = True", ""),
    "fp16": ([("total_epochs", "fp16 = dict(loss_scale=512.)\ntotal_epochs")],
             "fp16", "--amp"),
    "runner": ([("total_epochs = 30", "runner = dict(type='IterBasedRunner', max_iters=4)")],
               "runner.type = 'IterBasedRunner'", "by epochs"),
    "optimiser": ([("type='Adam'", "type='os.system'")], "optimizer.type = 'os.system'", "own"),
    "no optimiser": ([("optimizer = dict(type='Adam', lr=0.001)", "")], "optimizer", ""),
    "momentum": ([("total_epochs", "momentum_config = dict(a=1)\ntotal_epochs")],
                 "momentum_config", "stays as it is"),
    "validation": ([("metric='mAP'", "metric='mAP', by_epoch=False")],
                   "evaluation.by_epoch = False", "by epochs"),
    "resumed": ([("total_epochs", "resume_from = 'a.pth'\ntotal_epochs")],
                "resume_from = 'a.pth'", "--resume PATH"),
    "hooks": ([("total_epochs", "custom_hooks = [dict(type='EMAHook')]\ntotal_epochs")],
              "custom_hooks", "ema = dict()"),
    "loss": ([("'MultiLossFactory'", "'MyLoss'")],
             "model.keypoint_head.loss_keypoint.type = 'MyLoss'", "docs/extending.md"),
    "sets": ([("    train=dict(\n        type='BottomUpCocoDataset'", "    train=dict(\n        "
               "type='RepeatDataset', times=3")], "data.train", "reads one data set"),
    "weights": ([("torchvision://resnet50", "open-mmlab://x")],
                "model.pretrained = 'open-mmlab://x'", "resnet50"),
}


@pytest.mark.parametrize("name", NOT_TRAINED)
def test_what_can_be_tested_and_not_trained(tmp_path, name):
    changes, key, why = NOT_TRAINED[name]
    found = convert_cat(tmp_path, *changes)
    assert any(place == key and why in reason for place, reason in found.training)
    experiment = Experiment(found.config)
    with torch.device("meta"):
        experiment.network()
    assert not {"train_cfg", "optim_wrapper", "param_scheduler"} & set(experiment.to_dict())


REFUSED = {
    "a backbone": ([("type='ResNet'", "type='SCNet'")], "model.backbone.type = 'SCNet': aepose has "
                   "no such part; did you mean 'HRNet'?"),
    "a style": ([("depth=50", "depth=50, style='caffe', deep_stem=True")],
                "\n  model.backbone.style = 'caffe': ResNet is as published here\n  model.backbone."
                "deep_stem = True: "),
    "an option": ([("depth=50", "depth=50, wings=2")], "model.backbone.wings = 2: aepose knows no "
                  "such option"),
    "a network": ([("'AssociativeEmbedding'", "'TopDown'")], "model.type = 'TopDown': aepose has "),
    "keypoints": ([("in_channels=2048, num_joints=3", "in_channels=2048, num_joints=4")],
                  "model.keypoint_head.num_joints = 4: the data set has 3 keypoints"),
    "channels": ([("inference_channel=[0, 1, 2])", "inference_channel=[0, 1])")],
                 "data.test.data_cfg.inference_channel = [0, 1]: all keypoints are"),
    "padding": ([("nms_padding=2", "nms_padding=1")], "model.test_cfg.nms_padding = 1: a peak is"),
    "udp": ([("flip_test=True", "flip_test=True, use_udp=True")],
            "use_udp = False: model.test_cfg.use_udp has True; aepose has one value for both"),
    "a mean": ([("mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])]),", "mean=[0], std=[1])"
                 "]),")], "data.val.pipeline.2.transforms.1.mean = [0]: pictures are normalised"),
    "a step": ([("    dict(type='BottomUpGetImgSize'", "    dict(type='Blur'),\n    "
                 "dict(type='BottomUpGetImgSize'")], "data.val.pipeline.1.type = 'Blur': aepose "
               "has no such step"),
    "maps": ([("heatmap_size=[64]", "heatmap_size=[60]")], "data_cfg.heatmap_size = [60]: "
             "image_size = 256 must be a multiple of each"),
    "a data set": ([("'BottomUpCocoDataset'", "'MyDataset'")], "data.test.type = 'MyDataset': known"
                   " are BottomUpCocoDataset"),
    "outputs": ([("with_ae=[True]", "with_ae=[False]")], "model.test_cfg.with_ae = [False]: "),
    "factors": ([("push_loss_factor=[0.001]", "push_loss_factor=[0.1, 0.2]")],
                "loss_keypoint.push_loss_factor = [0.1, 0.2]: the head has 1 output(s), each"),
    "no head": ([("keypoint_head=dict(", "head=dict(")], "model.keypoint_head.type is missing"),
    "a number": ([("heatmap_size=[64]", "heatmap_size=['a']")], "data_cfg.heatmap_size = ['a']"),
    "no model": ([("model = dict(", "model = dict(_delete_=True)\nunused = dict(")],
                 "model.backbone.type is missing"),
    "no text": ([("'torchvision://resnet50'", "dict(a=1)")], "model.pretrained = {'a': 1}: "
                "MMPose 0.x has a text there"),
    "no dict": ([("    val=dict(", "    val=3, unused=dict(")], "data.val: aepose reads one "),
    "no step": ([("pipeline=test_pipeline", "pipeline=[]")], "data.test.pipeline = []: MMPose 0.x "
                "has something there"),
    "no number": ([("nms_kernel=5", "nms_kernel='a'")], "model.test_cfg.nms_kernel = 'a': MMPose "
                  "0.x has a whole number there"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_another_test(tmp_path, name):
    changes, said = REFUSED[name]
    with pytest.raises(ConfigError) as error:
        convert_cat(tmp_path, *changes)
    assert said in str(error.value)
    assert str(tmp_path / "cat.py") in str(error.value)


@pytest.mark.parametrize(("change", "notes"), [
    (("data_root = ", "gpu_ids = [0]\nmine = 3\ndata_root = "), ["gpu_ids", "mine"]),
    (("flip_test=True", "flip_test=True, score_per_joint=True"),
     ["model.test_cfg.score_per_joint"]),
    (("val_dataloader=dict(", "val_dataloader=dict(shuffle=True, "),
     ["data.val_dataloader.shuffle = True"]),
])
def test_what_has_no_effect_is_named(tmp_path, change, notes):
    found = convert_cat(tmp_path, change)
    assert others(found.notes) == notes


def test_a_name_that_is_changed_and_not_read(tmp_path):
    write_cat(tmp_path)
    (tmp_path / "child.py").write_text("_base_ = 'cat.py'\ndata_cfg = dict(image_size=640)")
    found = convert_file(tmp_path / "child.py")
    assert found.config["codec"]["input_size"] == 256
    assert found.notes[-1] == ("data_cfg", "data.test.data_cfg says otherwise, and is what MMPose "
                                           "reads")


@pytest.mark.parametrize(("piece", "other", "said"), [
    ("swap='right'", "swap='head'", "'left' is swapped with a keypoint that is not swapped with"),
    ("('head', 'left')", "('head', 'tail')", "unknown keypoint 'tail'"),
    ("sigmas=[0.1, 0.1, 0.1]", "sigmas=[1.0]", "sigmas has 1 entries, expected 3"),
    ("swap='right'", "swap='tail'", "describes no keypoints as MMPose 0.x does: ValueError: "),
])
def test_keypoints_that_do_not_fit_together(tmp_path, piece, other, said):
    with pytest.raises(ConfigError, match=f"of MMPose 0.x: .*{said}"):
        convert_cat(tmp_path, base=BASE.replace(piece, other))


def test_seventeen_keypoints_are_grouped_as_cocos(coco):
    old = deepcopy(published()["res50_coco_512x512"])
    info = old["dataset_info"]
    points = {key: {**point, "name": f"n_{point['name']}", "swap": point["swap"]
                    and f"n_{point['swap']}"} for key, point in info["keypoint_info"].items()}
    mine = {**info, "dataset_name": "mine", "keypoint_info": points, "skeleton_info": {}}
    old["data"] |= {split: {**old["data"][split], "dataset_info": mine}
                    for split in ("train", "val", "test")}
    metainfo = Experiment(convert(old).config).metainfo
    assert metainfo.keypoint_names[0] == "n_nose"
    assert metainfo.grouping_index == coco.grouping_index
