"""How each entry of a published config is said in ours: the one table of the comparison.

Keys are those of the resolved published config, flattened; ``*`` stands for the three splits or
for a position in a list. A function returns, from our config, the value that the published one
must have. What aepose does in one way only stands in FIXED with the value of that way.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from mmengine.config import Config

from aepose.experiment import Experiment
from aepose.models.data_preprocessor import IMAGENET_MEAN, IMAGENET_STD
from aepose.registry import MODELS, TRANSFORMS, build, find

PRETRAINED = {
    None: None,
    "hrnet_w32": "https://download.openmmlab.com/mmpose/pretrain_models/hrnet_w32-36af842e.pth",
    "hrnet_w48": "https://download.openmmlab.com/mmpose/pretrain_models/hrnet_w48-8ef0771d.pth",
    "mobilenet_v2": "mmcls://mobilenet_v2",
    "resnet50": "torchvision://resnet50",
    "resnet101": "torchvision://resnet101",
    "resnet152": "torchvision://resnet152",
}
DATASETS = {
    "coco": "BottomUpCocoDataset", "aic": "BottomUpAicDataset", "mhp": "BottomUpMhpDataset",
    "crowdpose": "BottomUpCrowdPoseDataset", "coco_wholebody": "BottomUpCocoWholeBodyDataset",
}


class Ours:
    """Our config, with the defaults of the classes that it names filled in."""

    def __init__(self, experiment: Experiment) -> None:
        self.cfg = cfg = Config(experiment.to_dict())
        self.metainfo = experiment.metainfo
        self.num_keypoints = self.metainfo.num_keypoints
        self.joints = list(range(self.num_keypoints))
        self.codec = experiment.codec
        self.test_time = experiment.test_time
        self.udp = {"udp": True, "classic": False}[self.codec.convention]
        self.backbone = self._complete(MODELS, cfg.model.backbone)
        self.head = self._complete(MODELS, cfg.model.keypoint_head)
        self.losses = [build(MODELS, loss) for loss in cfg.model.keypoint_head.losses]
        transforms = cfg.train_dataloader.dataset.transforms
        self.affine, self.flip = (self._complete(TRANSFORMS, t) for t in transforms)
        self.warm_up, self.steps = cfg.param_scheduler

    @staticmethod
    def _complete(registry: Any, part: Any) -> dict[str, Any]:
        parameters = inspect.signature(find(registry, part.type, "")).parameters.values()
        return {**{p.name: p.default for p in parameters}, **part}

    @cached_property
    def backbone_channels(self) -> int:
        """Channels of the backbone's first map."""
        with torch.device("meta"):
            backbone = build(MODELS, self.cfg.model.backbone, metainfo=self.metainfo)
        return backbone.out_features[0].channels

    def split(self, name: str) -> Any:
        """The data set of a split; a test is the validation."""
        return self.cfg["train_dataloader" if name == "train" else "val_dataloader"].dataset

    def ann_file(self, name: str) -> str:
        """Annotation file from the project's root."""
        return f"{self.cfg.data_root}/{self.split(name).ann_file}"

    def images(self, name: str) -> str:
        """Folder of pictures from the project's root."""
        return f"{self.cfg.data_root}/{self.split(name).img_dir}/"

    def stage(self, number: int) -> dict[str, Any]:
        """One HRNet stage in the published words."""
        b = self.backbone
        if number == 1:
            return {"num_modules": 1, "num_branches": 1, "block": "BOTTLENECK",
                    "num_blocks": [b["stage1_blocks"]], "num_channels": [b["stage1_channels"]]}
        return {"num_modules": b["num_modules"][number - 2], "num_branches": number,
                "block": "BASIC", "num_blocks": [b["num_blocks"]] * number,
                "num_channels": [b["width"] * 2**i for i in range(number)]}

    def factors(self, name: str) -> list[float]:
        """One loss factor per output; one that is off keeps a number that nothing reads."""
        first = getattr(self.losses[0], name)
        return [first if value is None else value
                for value in (getattr(loss, name) for loss in self.losses)]


Rule = Callable[[Ours], Any]
SCHEDULE: dict[str, Rule] = {
    "optimizer.type": lambda o: o.cfg.optim_wrapper.optimizer.type,
    "optimizer.lr": lambda o: o.cfg.optim_wrapper.optimizer.lr,
    "optimizer_config.grad_clip": lambda o: o.cfg.optim_wrapper.get("clip_grad"),
    "lr_config.policy": lambda o: {"MultiStepLR": "step"}[o.steps.type],
    "lr_config.step": lambda o: o.steps.milestones,
    "lr_config.gamma": lambda o: o.steps.gamma,
    "lr_config.warmup": lambda o: {"LinearLR": "linear"}[o.warm_up.type],
    "lr_config.warmup_iters": lambda o: o.warm_up.end - 1 - o.warm_up.begin,
    "lr_config.warmup_ratio": lambda o: o.warm_up.start_factor,
    "total_epochs": lambda o: o.cfg.train_cfg.max_epochs,
    "evaluation.interval": lambda o: o.cfg.train_cfg.val_interval,
    "evaluation.save_best":
        lambda o: o.cfg.default_hooks.checkpoint.save_best.removeprefix("coco/"),
    # Ours are written more often, so that a stop loses less; the published epochs are among them.
    "checkpoint_config.interval": lambda o: math.lcm(50, o.cfg.default_hooks.checkpoint.interval),
    "log_config.interval": lambda o: o.cfg.default_hooks.logger.interval,
    "log_level": lambda o: o.cfg.log_level,
    "load_from": lambda o: o.cfg.get("load_from"),
    "opencv_num_threads": lambda o: o.cfg.env_cfg.mp_cfg.opencv_num_threads,
}
DATA: dict[str, Rule] = {
    "channel_cfg.dataset_joints": lambda o: o.num_keypoints,
    "channel_cfg.num_output_channels": lambda o: o.num_keypoints,
    "channel_cfg.dataset_channel": lambda o: [o.joints],
    "channel_cfg.inference_channel": lambda o: o.joints,
    "data_cfg.dataset_channel": lambda o: [o.joints],
    "data_cfg.inference_channel": lambda o: o.joints,
    "data_cfg.num_joints": lambda o: o.num_keypoints,
    "data_cfg.image_size": lambda o: o.codec.input_size,
    "data_cfg.base_size": lambda o: o.codec.input_size // 2,
    "data_cfg.base_sigma": lambda o: o.codec.sigma,
    "data_cfg.heatmap_size": lambda o: [width for width, height in o.codec.map_sizes],
    "data_cfg.num_scales": lambda o: len(o.codec.map_sizes),
    "data_root": lambda o: o.cfg.data_root,
    "data.workers_per_gpu": lambda o: o.cfg.train_dataloader.num_workers,
    "data.train_dataloader.samples_per_gpu": lambda o: o.cfg.train_dataloader.batch_size,
    "data.val_dataloader.samples_per_gpu": lambda o: o.cfg.val_dataloader.get("batch_size", 1),
    "data.test_dataloader.samples_per_gpu": lambda o: o.cfg.val_dataloader.get("batch_size", 1),
    **{f"data.{s}.type": lambda o: DATASETS[o.cfg.metainfo] for s in ("train", "val", "test")},
    **{f"data.{s}.ann_file": lambda o, s=s: o.ann_file(s) for s in ("train", "val", "test")},
    **{f"data.{s}.img_prefix": lambda o, s=s: o.images(s) for s in ("train", "val", "test")},
    "train_pipeline.affine.rot_factor": lambda o: o.affine["rotation"],
    "train_pipeline.affine.scale_factor": lambda o: list(o.affine["scale"]),
    "train_pipeline.affine.scale_type": lambda o: o.affine["scale_type"],
    "train_pipeline.affine.trans_factor": lambda o: o.affine["translation"],
    "train_pipeline.flip.flip_prob": lambda o: o.flip["probability"],
    "train_pipeline.target.sigma": lambda o: o.codec.sigma,
    "train_pipeline.target.max_num_people": lambda o: o.codec.max_num_people,
    "*_pipeline.*.mean": lambda o: list(IMAGENET_MEAN),
    "*_pipeline.*.std": lambda o: list(IMAGENET_STD),
    "*_pipeline.*.use_udp": lambda o: o.udp,
    "*_pipeline.*.test_scale_factor": lambda o: list(o.test_time.scales),
}
MODEL: dict[str, Rule] = {
    "model.type": lambda o: o.cfg.model.type,
    "model.pretrained": lambda o: PRETRAINED[o.cfg.model.get("pretrained")],
    "model.backbone.type": lambda o: o.backbone["type"],
    "model.backbone.depth": lambda o: o.backbone["depth"],
    "model.backbone.num_stacks": lambda o: o.backbone["num_stacks"],
    "model.backbone.out_channels": lambda o: 2 * o.num_keypoints,
    **{f"model.backbone.extra.stage{n}.{key}": lambda o, n=n, key=key: o.stage(n)[key]
       for n in (1, 2, 3, 4)
       for key in ("num_modules", "num_branches", "block", "num_blocks", "num_channels")},
    "model.keypoint_head.type": lambda o: o.head["type"],
    "model.keypoint_head.num_joints": lambda o: o.num_keypoints,
    "model.keypoint_head.in_channels": lambda o: o.backbone_channels,
    "model.keypoint_head.out_channels": lambda o: 2 * o.num_keypoints,
    "model.keypoint_head.num_stages": lambda o: len(o.losses),
    "model.keypoint_head.tag_per_joint": lambda o: o.head["tag_per_joint"],
    "model.keypoint_head.with_ae_loss": lambda o: [loss.with_tags for loss in o.losses],
    "model.keypoint_head.cat_output": lambda o: [o.head["cat_output"]],
    "model.keypoint_head.num_basic_blocks": lambda o: o.head["num_basic_blocks"],
    "model.keypoint_head.num_deconv_layers": lambda o: o.head.get("num_deconv_layers", 0),
    "model.keypoint_head.num_deconv_filters": lambda o: [o.backbone_channels],
    "model.keypoint_head.loss_keypoint.num_joints": lambda o: o.num_keypoints,
    "model.keypoint_head.loss_keypoint.num_stages": lambda o: len(o.losses),
    "model.keypoint_head.loss_keypoint.ae_loss_type": lambda o: o.losses[0].push_type,
    "model.keypoint_head.loss_keypoint.with_ae_loss":
        lambda o: [loss.with_tags for loss in o.losses],
    "model.keypoint_head.loss_keypoint.with_heatmaps_loss":
        lambda o: [loss.heatmap is not None for loss in o.losses],
    "model.keypoint_head.loss_keypoint.heatmaps_loss_factor": lambda o: o.factors("heatmap"),
    "model.keypoint_head.loss_keypoint.push_loss_factor": lambda o: o.factors("push"),
    "model.keypoint_head.loss_keypoint.pull_loss_factor": lambda o: o.factors("pull"),
    "model.keypoint_head.loss_keypoint.supervise_empty":
        lambda o: all(loss.supervise_empty for loss in o.losses),
    "model.train_cfg.num_joints": lambda o: o.num_keypoints,
    "model.train_cfg.img_size": lambda o: o.codec.input_size,
    "model.test_cfg.num_joints": lambda o: o.num_keypoints,
    "model.test_cfg.max_num_people": lambda o: o.codec.max_num_people,
    "model.test_cfg.with_heatmaps": lambda o: [loss.heatmap is not None for loss in o.losses],
    "model.test_cfg.with_ae": lambda o: [loss.with_tags for loss in o.losses],
    "model.test_cfg.select_output_index": lambda o: list(o.test_time.outputs),
    "model.test_cfg.project2image": lambda o: o.test_time.project2image,
    "model.test_cfg.align_corners": lambda o: o.test_time.align_corners,
    "model.test_cfg.flip_test": lambda o: o.test_time.flip,
    "model.test_cfg.nms_kernel": lambda o: o.codec.nms_kernel,
    "model.test_cfg.nms_padding": lambda o: o.codec.nms_kernel // 2,
    "model.test_cfg.tag_per_joint": lambda o: o.head["tag_per_joint"],
    "model.test_cfg.detection_threshold": lambda o: o.codec.detection_threshold,
    "model.test_cfg.tag_threshold": lambda o: o.codec.tag_threshold,
    "model.test_cfg.use_detection_val": lambda o: o.codec.use_detection_val,
    "model.test_cfg.ignore_too_much": lambda o: o.codec.ignore_too_much,
    "model.test_cfg.adjust": lambda o: o.codec.adjust,
    "model.test_cfg.refine": lambda o: o.codec.refine,
    "model.test_cfg.use_udp": lambda o: o.udp,
}
RULES: dict[str, Rule] = {**SCHEDULE, **DATA, **MODEL}

# What aepose does in this one way, without a switch.
FIXED: dict[str, Any] = {
    "resume_from": None,  # said on the command line
    "workflow": [["train", 1]],
    "mp_start_method": "fork",
    "dist_params.backend": "nccl",  # where there are GPUs
    "evaluation.metric": "mAP",
    "log_config.hooks.0.type": "TextLoggerHook",
    "data_cfg.scale_aware_sigma": False,
    "model.backbone.in_channels": 3,
    "model.backbone.out_indices": [7],
    "model.backbone.widen_factor": 1.0,
    "model.keypoint_head.num_deconv_kernels": [4],
    "model.keypoint_head.loss_keypoint.type": "MultiLossFactory",
    "model.test_cfg.scale_factor": [1],  # read by nobody: the resize step has the scales
}
# A published config that is silent means these.
SILENT: dict[str, Any] = {
    "lr_config.gamma": 0.1,
    "model.test_cfg.align_corners": True,
    "model.test_cfg.use_udp": False,
    "model.keypoint_head.loss_keypoint.supervise_empty": True,
}
