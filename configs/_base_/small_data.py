"""100 to 1,000 pictures of one's own: a small HRNet learns from crops, on a CPU.

A config names keypoints and files besides, and gives the sizes that `aepose.project.sizes` finds.
"""

_base_ = ['runtime.py', 'models/toy_hrnet.py']

# UDP finds positions between the cells of maps.
codec = dict(convention='udp')
# An epoch is 1,600 crops, 200 steps, however many pictures there are.
train_dataloader = dict(
    batch_size=8, num_workers=2, sampler=dict(type='SeededSampler', samples=1600),
    dataset=dict(type='CocoKeypoints'))
val_dataloader = dict(dataset=dict(type='CocoKeypoints', test_mode=True))
val_evaluator = dict(type='CocoMetric')
test_time = dict(scales=[1], multi_scales=[0.5, 1, 2])
train_cfg = dict(type='PoseTrainLoop', max_epochs=12, val_interval=2)
custom_hooks = [
    dict(type='SaveResultsHook'), dict(type='ValidationPanelHook', count=4),
    dict(type='PoseEarlyStoppingHook', patience=3)]
optim_wrapper = dict(type='GuardedOptimWrapper', optimizer=dict(type='Adam', lr=0.002))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=12, by_epoch=True, convert_to_iter_based=True),
]
