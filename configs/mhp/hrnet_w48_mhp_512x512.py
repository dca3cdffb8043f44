_base_ = [
    '../_base_/runtime.py',
    '../_base_/schedule_300e.py',
    '../_base_/datasets/mhp.py',
    '../_base_/models/hrnet.py',
]

model = dict(
    pretrained='hrnet_w48',
    backbone=dict(width=48),
    keypoint_head=dict(losses=[
        dict(type='PoseLoss', heatmap=1.0, push=0.01, pull=0.01),
    ]))
train_dataloader = dict(batch_size=16)
train_cfg = dict(max_epochs=600)
optim_wrapper = dict(optimizer=dict(lr=0.005))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=501, by_epoch=False),
    dict(type='MultiStepLR', milestones=[400, 550], gamma=0.1, by_epoch=True),
]
