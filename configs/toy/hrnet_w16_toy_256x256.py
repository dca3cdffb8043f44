"""The demo: a small HRNet that learns to find drawn people in minutes on two CPU cores."""

_base_ = [
    '../_base_/runtime.py',
    '../_base_/datasets/toy.py',
    '../_base_/models/toy_hrnet.py',
]

train_dataloader = dict(batch_size=16)
train_cfg = dict(type='PoseTrainLoop', max_epochs=10, val_interval=5)
optim_wrapper = dict(type='GuardedOptimWrapper', optimizer=dict(type='Adam', lr=0.002))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=10, by_epoch=True, convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(interval=2, max_keep_ckpts=1))
