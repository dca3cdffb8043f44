"""COCO person keypoints: 17 keypoints, train2017 and val2017."""

metainfo = 'coco'
data_root = 'data/coco'
train_dataloader = dict(
    num_workers=2,
    dataset=dict(
        type='CocoKeypoints',
        ann_file='annotations/person_keypoints_train2017.json',
        img_dir='train2017',
        transforms=[
            dict(type='RandomAffine', scale=(0.75, 1.5), rotation=30, translation=40,
                 scale_type='short'),
            dict(type='RandomFlip', probability=0.5),
        ]))
val_dataloader = dict(
    num_workers=2,
    dataset=dict(
        type='CocoKeypoints',
        ann_file='annotations/person_keypoints_val2017.json',
        img_dir='val2017',
        test_mode=True))
val_evaluator = dict(type='CocoMetric')
test_time = dict(scales=[1], multi_scales=[0.5, 1, 2])
