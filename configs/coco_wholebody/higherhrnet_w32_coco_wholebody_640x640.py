_base_ = [
    '../_base_/runtime.py',
    '../_base_/schedule_300e.py',
    '../_base_/datasets/coco_wholebody.py',
    '../_base_/models/higherhrnet.py',
]

codec = dict(input_size=640)
model = dict(
    keypoint_head=dict(losses=[
        dict(type='PoseLoss', heatmap=1.0, push=0.001, pull=0.001, supervise_empty=False),
        dict(type='PoseLoss', heatmap=1.0, push=None, pull=None, supervise_empty=False),
    ]))
train_dataloader = dict(batch_size=16)
