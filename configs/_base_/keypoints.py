"""What the data sets share: COCO's format, augmentation, metric and test scales."""

train_dataloader = dict(
    num_workers=2,
    dataset=dict(
        type='CocoKeypoints',
        transforms=[
            dict(type='RandomAffine', scale=(0.75, 1.5), rotation=30, translation=40,
                 scale_type='short'),
            dict(type='RandomFlip', probability=0.5),
        ]))
val_dataloader = dict(num_workers=2, dataset=dict(type='CocoKeypoints', test_mode=True))
val_evaluator = dict(type='CocoMetric')
test_time = dict(scales=[1], multi_scales=[0.5, 1, 2])
