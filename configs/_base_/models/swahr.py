"""SWAHR: HigherHRNet with scales for its training, grouped as its authors do."""

_base_ = './higherhrnet.py'

codec = dict(first_people_only=True)
model = dict(keypoint_head=dict(
    scales=True,
    losses=[
        dict(type='SWAHRLoss', heatmap=1.0, scale=1.0, push=0.001, pull=0.001),
        dict(type='SWAHRLoss', heatmap=1.0, scale=1.0, push=None, pull=None),
    ]))
