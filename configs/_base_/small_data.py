"""100 to 1,000 pictures of one's own: a small HRNet learns from crops, from scratch, on a CPU.

A config names keypoints and files besides, and gives the sizes and numbers of epochs that
`aepose.project.sizes` finds; docs/own_data.md says why each is as it is.
"""

_base_ = ['runtime.py', 'models/toy_hrnet.py']

# UDP finds positions between the cells of maps, which here are as large as small creatures' parts.
codec = dict(convention='udp')
train_dataloader = dict(batch_size=8, dataset=dict(type='CocoKeypoints'))
val_dataloader = dict(dataset=dict(type='CocoKeypoints', test_mode=True))
val_evaluator = dict(type='CocoMetric')
test_time = dict(scales=[1], multi_scales=[0.5, 1, 2])
train_cfg = dict(type='PoseTrainLoop')
optim_wrapper = dict(type='GuardedOptimWrapper', optimizer=dict(type='Adam', lr=0.002))
# No fall of the rate: an average of the weights does its work wherever early stopping ends.
param_scheduler = [dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False)]
ema = dict(momentum=0.005)
