"""MHP v2.0, multi-human parsing: 16 keypoints."""

metainfo = 'mhp'
data_root = 'data/mhp'
train_dataloader = dict(
    num_workers=2,
    dataset=dict(
        type='CocoKeypoints',
        ann_file='annotations/mhp_train.json',
        img_dir='train/images',
        transforms=[
            dict(type='RandomAffine', scale=(0.75, 1.5), rotation=30, translation=40,
                 scale_type='short'),
            dict(type='RandomFlip', probability=0.5),
        ]))
val_dataloader = dict(
    num_workers=2,
    dataset=dict(
        type='CocoKeypoints',
        ann_file='annotations/mhp_val.json',
        img_dir='val/images',
        test_mode=True))
val_evaluator = dict(type='CocoMetric', use_area=False)
test_time = dict(scales=[1], multi_scales=[0.5, 1, 2])
