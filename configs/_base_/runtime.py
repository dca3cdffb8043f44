"""What every run shares: logs, checkpoints, seeds."""

randomness = dict(seed=0)
log_level = 'INFO'
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(
        type='PoseCheckpointHook', interval=1, max_keep_ckpts=3, save_last=True,
        save_best='coco/AP', rule='greater'),
)
custom_hooks = [dict(type='SaveResultsHook'), dict(type='ValidationPanelHook', count=4)]
visualizer = dict(
    type='Visualizer',
    vis_backends=[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')])
env_cfg = dict(mp_cfg=dict(opencv_num_threads=0))
