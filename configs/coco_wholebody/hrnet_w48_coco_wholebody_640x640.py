_base_ = [
    '../_base_/runtime.py',
    '../_base_/schedule_300e.py',
    '../_base_/datasets/coco_wholebody.py',
    '../_base_/models/hrnet.py',
]

codec = dict(input_size=640)
model = dict(
    pretrained='hrnet_w48',
    backbone=dict(width=48),
    keypoint_head=dict(losses=[
        dict(type='PoseLoss', heatmap=1.0, push=0.001, pull=0.001, supervise_empty=False),
    ]))
train_dataloader = dict(batch_size=8)
