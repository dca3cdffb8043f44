"""The schedule of SWAHR: Adam, 300 epochs, the rate rising for three of them, then falling to 0."""

train_cfg = dict(type='PoseTrainLoop', max_epochs=300, val_interval=50)
optim_wrapper = dict(type='GuardedOptimWrapper', optimizer=dict(type='Adam', fused=True))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=3, by_epoch=True,
         convert_to_iter_based=True),
    dict(type='LinearLR', start_factor=1, end_factor=0, begin=3, end=300, by_epoch=True,
         convert_to_iter_based=True),
]
