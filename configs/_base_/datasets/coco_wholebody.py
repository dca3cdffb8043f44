"""COCO-WholeBody v1.0: 133 keypoints of body, feet, face and hands on the pictures of COCO."""

metainfo = 'coco_wholebody'
data_root = 'data/coco'
train_dataloader = dict(
    num_workers=2,
    dataset=dict(
        type='CocoKeypoints',
        ann_file='annotations/coco_wholebody_train_v1.0.json',
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
        ann_file='annotations/coco_wholebody_val_v1.0.json',
        img_dir='val2017',
        test_mode=True))
val_evaluator = dict(type='CocoMetric')
test_time = dict(scales=[1], multi_scales=[0.5, 1, 2])
