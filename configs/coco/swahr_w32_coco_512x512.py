_base_ = [
    '../_base_/runtime.py',
    '../_base_/schedule_swahr.py',
    '../_base_/datasets/coco.py',
    '../_base_/models/swahr.py',
]

codec = dict(detection_threshold=0.12)
train_dataloader = dict(batch_size=20)
optim_wrapper = dict(optimizer=dict(lr=0.002))
auto_scale_lr = dict(base_batch_size=160)
test_time = dict(outputs_first=True)
