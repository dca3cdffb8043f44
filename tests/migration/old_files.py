"""Old configs for tests: those published, and one as people write them."""

from functools import cache
from pathlib import Path

from aepose.migration import convert_file
from tests.golden_check import OWN
from tests.goldens.common import read_json

# In the words of a config of MMPose 0.29: names used again, texts with names in them, a base.
BASE = """
checkpoint_config = dict(interval=10)
log_config = dict(interval=50, hooks=[dict(type='TextLoggerHook')])
log_level = 'INFO'
load_from = None
dist_params = dict(backend='nccl')
workflow = [('train', 1)]
dataset_info = dict(
    dataset_name='cat',
    keypoint_info={
        0: dict(name='head', id=0, color=[0, 0, 255], type='upper', swap=''),
        1: dict(name='left', id=1, color=[0, 255, 0], type='lower', swap='right'),
        2: dict(name='right', id=2, color=[255, 0, 0], type='lower', swap='left')},
    skeleton_info={0: dict(link=('head', 'left'), id=0, color=[0, 255, 0])},
    joint_weights=[1.0, 1.0, 1.2],
    sigmas=[0.1, 0.1, 0.1])
"""
CHILD = """
_base_ = ['base.py']
load_from = None
optimizer = dict(type='Adam', lr=0.001)
optimizer_config = dict(grad_clip=None)
lr_config = dict(policy='step', warmup='linear', warmup_iters=500, warmup_ratio=0.001, step=[20])
total_epochs = 30
evaluation = dict(interval=10, metric='mAP', save_best='AP')
channel_cfg = dict(dataset_joints=3, dataset_channel=[[0, 1, 2]], inference_channel=[0, 1, 2])
data_cfg = dict(
    image_size=256, base_size=128, base_sigma=2, heatmap_size=[64],
    num_joints=channel_cfg['dataset_joints'], dataset_channel=channel_cfg['dataset_channel'],
    inference_channel=channel_cfg['inference_channel'], num_scales=1, scale_aware_sigma=False)
model = dict(
    type='AssociativeEmbedding',
    pretrained='torchvision://resnet50',
    backbone=dict(type='ResNet', depth=50),
    keypoint_head=dict(
        type='AESimpleHead', in_channels=2048, num_joints=3, tag_per_joint=True,
        with_ae_loss=[True],
        loss_keypoint=dict(
            type='MultiLossFactory', num_joints=3, num_stages=1, ae_loss_type='exp',
            with_ae_loss=[True], push_loss_factor=[0.001], pull_loss_factor=[0.001],
            with_heatmaps_loss=[True], heatmaps_loss_factor=[1.0])),
    train_cfg=dict(),
    test_cfg=dict(
        num_joints=channel_cfg['dataset_joints'], max_num_people=30, scale_factor=[1],
        with_heatmaps=[True], with_ae=[True], project2image=True, align_corners=False,
        nms_kernel=5, nms_padding=2, tag_per_joint=True, detection_threshold=0.1,
        tag_threshold=1, use_detection_val=True, ignore_too_much=False, adjust=True, refine=True,
        flip_test=True))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='BottomUpRandomAffine', rot_factor=30, scale_factor=[0.75, 1.5],
         scale_type='short', trans_factor=40),
    dict(type='BottomUpRandomFlip', flip_prob=0.5),
    dict(type='ToTensor'),
    dict(type='NormalizeTensor', mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
    dict(type='BottomUpGenerateTarget', sigma=2, max_num_people=30),
    dict(type='Collect', keys=['img', 'joints', 'targets', 'masks'], meta_keys=[]),
]
val_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='BottomUpGetImgSize', test_scale_factor=[1]),
    dict(type='BottomUpResizeAlign', transforms=[
        dict(type='ToTensor'),
        dict(type='NormalizeTensor', mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])]),
    dict(type='Collect', keys=['img'], meta_keys=['image_file', 'flip_index']),
]
test_pipeline = val_pipeline
data_root = 'data/cat'
data = dict(
    workers_per_gpu=2,
    train_dataloader=dict(samples_per_gpu=24),
    val_dataloader=dict(samples_per_gpu=1),
    test_dataloader=dict(samples_per_gpu=1),
    train=dict(
        type='BottomUpCocoDataset', ann_file=f'{data_root}/annotations/train.json',
        img_prefix=f'{data_root}/train/', data_cfg=data_cfg, pipeline=train_pipeline,
        dataset_info={{_base_.dataset_info}}),
    val=dict(
        type='BottomUpCocoDataset', ann_file=f'{data_root}/annotations/val.json',
        img_prefix=f'{data_root}/val/', data_cfg=data_cfg, pipeline=val_pipeline,
        dataset_info={{_base_.dataset_info}}),
    test=dict(
        type='BottomUpCocoDataset', ann_file=f'{data_root}/annotations/val.json',
        img_prefix=f'{data_root}/val/', data_cfg=data_cfg, pipeline=test_pipeline,
        dataset_info={{_base_.dataset_info}}))
"""


@cache
def published():
    """Name -> resolved config, of the 44 that MMPose 0.29 publishes."""
    configs = read_json(OWN / "configs.json.gz")
    return {Path(path).stem: content for path, content in configs.items()}


def write_cat(folder, child=CHILD, base=BASE):
    """Write an old config of three keypoints and its base; return its path."""
    (folder / "base.py").write_text(base)
    path = folder / "cat.py"
    path.write_text(child)
    return path


def convert_cat(folder, *changes, base=None):
    """Convert the config of three keypoints with pieces of its text replaced."""
    text = CHILD
    for piece, other in changes:
        assert piece in text
        text = text.replace(piece, other)
    return convert_file(write_cat(folder, text, *([base] if base else [])))
