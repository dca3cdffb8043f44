"""AI Challenger: 14 keypoints, people without an annotated area."""

metainfo = 'aic'
data_root = 'data/aic'
train_dataloader = dict(
    num_workers=2,
    dataset=dict(
        type='CocoKeypoints',
        ann_file='annotations/aic_train.json',
        img_dir='ai_challenger_keypoint_train_20170902/keypoint_train_images_20170902',
        transforms=[
            dict(type='RandomAffine', scale=(0.75, 1.5), rotation=30, translation=40,
                 scale_type='short'),
            dict(type='RandomFlip', probability=0.5),
        ]))
val_dataloader = dict(
    num_workers=2,
    dataset=dict(
        type='CocoKeypoints',
        ann_file='annotations/aic_val.json',
        img_dir='ai_challenger_keypoint_validation_20170911/keypoint_validation_images_20170911',
        test_mode=True))
val_evaluator = dict(type='CocoMetric', use_area=False)
test_time = dict(scales=[1], multi_scales=[0.5, 1, 2])
