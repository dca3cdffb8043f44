"""The demo: a small HRNet that learns to find drawn people in minutes on two CPU cores."""

_base_ = [
    '../_base_/runtime.py',
    '../_base_/datasets/toy.py',
    '../_base_/models/hrnet.py',
]

codec = dict(input_size=256)
model = dict(
    backbone=dict(
        width=16, num_modules=(1, 1, 1), num_blocks=2, stem_channels=32, stage1_channels=16,
        stage1_blocks=1),
    keypoint_head=dict(losses=[dict(type='PoseLoss', heatmap=1.0, push=0.01, pull=0.01)]),
    backbone_dtype='bfloat16',
    channels_last=True)
train_dataloader = dict(batch_size=16)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=18, val_interval=6)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=0.002))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=18, by_epoch=True, convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(interval=2, max_keep_ckpts=1))
