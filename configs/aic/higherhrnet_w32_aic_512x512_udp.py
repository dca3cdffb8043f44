_base_ = [
    '../_base_/runtime.py',
    '../_base_/schedule_300e.py',
    '../_base_/datasets/aic.py',
    '../_base_/models/higherhrnet.py',
]

codec = dict(convention='udp')
model = dict(
    keypoint_head=dict(losses=[
        dict(type='PoseLoss', heatmap=1.0, push=0.01, pull=0.001),
        dict(type='PoseLoss', heatmap=1.0, push=None, pull=None),
    ]))
train_dataloader = dict(batch_size=24)
