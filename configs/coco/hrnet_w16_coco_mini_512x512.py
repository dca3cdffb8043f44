"""A small network that learns a handful of pictures by heart: a check of the whole chain."""

_base_ = [
    '../_base_/runtime.py',
    '../_base_/datasets/coco.py',
    '../_base_/models/toy_hrnet.py',
]

data_root = 'data/coco_mini'
codec = dict(input_size=512)
# Small people fill little of a map: with the toy factors the tags would drown the heatmaps.
model = dict(keypoint_head=dict(
    losses=[dict(type='PoseLoss', heatmap=1.0, push=0.001, pull=0.0003)]))
train_dataloader = dict(
    batch_size=4,
    # Only shifted: people keep the size and the side that the test sees.
    dataset=dict(transforms=[
        dict(type='RandomAffine', scale=(1, 1), rotation=0, translation=40),
    ]))
test_time = dict(flip=False)
train_cfg = dict(type='PoseTrainLoop', max_epochs=900, val_interval=900)
optim_wrapper = dict(type='GuardedOptimWrapper', optimizer=dict(type='Adam', lr=0.002))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=900, by_epoch=True, convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(interval=50, max_keep_ckpts=1))
