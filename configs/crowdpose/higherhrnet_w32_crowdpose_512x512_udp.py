_base_ = [
    '../_base_/runtime.py',
    '../_base_/schedule_300e.py',
    '../_base_/datasets/crowdpose.py',
    '../_base_/models/higherhrnet.py',
]

codec = dict(convention='udp')
train_dataloader = dict(batch_size=24)
