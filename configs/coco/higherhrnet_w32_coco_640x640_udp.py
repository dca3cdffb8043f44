_base_ = [
    '../_base_/runtime.py',
    '../_base_/schedule_300e.py',
    '../_base_/datasets/coco.py',
    '../_base_/models/higherhrnet.py',
]

codec = dict(input_size=640, convention='udp')
train_dataloader = dict(batch_size=16)
