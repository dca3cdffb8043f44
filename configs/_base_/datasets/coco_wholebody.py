"""COCO-WholeBody v1.0: 133 keypoints of body, feet, face and hands on the pictures of COCO."""

_base_ = '../keypoints.py'

metainfo = 'coco_wholebody'
data_root = 'data/coco'
train_dataloader = dict(
    dataset=dict(
        ann_file='annotations/coco_wholebody_train_v1.0.json',
        img_dir='train2017'))
val_dataloader = dict(
    dataset=dict(
        ann_file='annotations/coco_wholebody_val_v1.0.json',
        img_dir='val2017'))
