_base_ = [
    '../_base_/runtime.py',
    '../_base_/schedule_300e.py',
    '../_base_/datasets/crowdpose.py',
    '../_base_/models/resnet.py',
]

model = dict(pretrained='resnet152', backbone=dict(depth=152))
train_dataloader = dict(batch_size=16)
