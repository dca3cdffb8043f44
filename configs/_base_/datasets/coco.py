"""COCO person keypoints: 17 keypoints, train2017 and val2017."""

_base_ = '../keypoints.py'

metainfo = 'coco'
data_root = 'data/coco'
train_dataloader = dict(
    dataset=dict(
        ann_file='annotations/person_keypoints_train2017.json',
        img_dir='train2017'))
val_dataloader = dict(
    dataset=dict(
        ann_file='annotations/person_keypoints_val2017.json',
        img_dir='val2017'))
