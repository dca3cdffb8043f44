"""Drawn people in COCO's layout; `python tools/make_toy_data.py` makes them."""

_base_ = '../keypoints.py'

metainfo = 'coco'
data_root = 'data/toy'
train_dataloader = dict(
    dataset=dict(
        ann_file='annotations/person_keypoints_train2017.json',
        img_dir='train2017',
        transforms=[
            dict(type='RandomAffine', scale=(0.8, 1.2), rotation=10, translation=10,
                 scale_type='short'),
            dict(type='RandomFlip', probability=0.5),
        ]))
val_dataloader = dict(
    num_workers=0,
    dataset=dict(
        ann_file='annotations/person_keypoints_val2017.json',
        img_dir='val2017'))
