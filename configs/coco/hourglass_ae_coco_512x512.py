_base_ = [
    '../_base_/runtime.py',
    '../_base_/schedule_300e.py',
    '../_base_/datasets/coco.py',
    '../_base_/models/hourglass_ae.py',
]

train_dataloader = dict(batch_size=6)
test_time = dict(outputs=[3], align_corners=True)
