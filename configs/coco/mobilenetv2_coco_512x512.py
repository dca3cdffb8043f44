_base_ = [
    '../_base_/runtime.py',
    '../_base_/schedule_300e.py',
    '../_base_/datasets/coco.py',
    '../_base_/models/mobilenetv2.py',
]

train_dataloader = dict(batch_size=24, num_workers=1)
val_dataloader = dict(num_workers=1)
