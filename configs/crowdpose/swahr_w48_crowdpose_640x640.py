_base_ = [
    '../_base_/runtime.py',
    '../_base_/schedule_swahr.py',
    '../_base_/datasets/crowdpose.py',
    '../_base_/models/swahr.py',
]

codec = dict(
    input_size=640,
    # COCO's order, cut after 14 entries: an accident, but the published numbers were made with it.
    grouping_order=[
        'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow', 'left_wrist',
        'right_wrist', 'left_hip', 'right_ankle', 'top_head',
    ])
model = dict(pretrained='hrnet_w48', backbone=dict(width=48))
train_dataloader = dict(batch_size=10)
optim_wrapper = dict(optimizer=dict(lr=0.00096))
auto_scale_lr = dict(base_batch_size=80)
sync_bn = True
test_time = dict(outputs_first=True)
