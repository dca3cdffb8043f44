"""The published schedule: Adam, 300 epochs, steps at 200 and 260, linear warm-up."""

train_cfg = dict(type='PoseTrainLoop', max_epochs=300, val_interval=50)
# Fused takes a third of the time for the same update.
optim_wrapper = dict(
    type='GuardedOptimWrapper', optimizer=dict(type='Adam', lr=0.0015, fused=True))
auto_scale_lr = dict(base_batch_size=192)
param_scheduler = [
    # Full rate at iteration 500; the engine's `end` is one past the last warm-up step.
    dict(type='LinearLR', start_factor=0.001, begin=0, end=501, by_epoch=False),
    dict(type='MultiStepLR', milestones=[200, 260], gamma=0.1, by_epoch=True),
]
