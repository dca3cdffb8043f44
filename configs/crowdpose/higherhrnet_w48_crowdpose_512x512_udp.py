_base_ = [
    '../_base_/runtime.py',
    '../_base_/schedule_300e.py',
    '../_base_/datasets/crowdpose.py',
    '../_base_/models/higherhrnet.py',
]

codec = dict(convention='udp')
model = dict(pretrained='hrnet_w48', backbone=dict(width=48))
train_dataloader = dict(batch_size=16)
