"""MHP v2.0, multi-human parsing: 16 keypoints."""

_base_ = '../keypoints.py'

metainfo = 'mhp'
data_root = 'data/mhp'
train_dataloader = dict(
    dataset=dict(
        ann_file='annotations/mhp_train.json',
        img_dir='train/images'))
val_dataloader = dict(
    dataset=dict(
        ann_file='annotations/mhp_val.json',
        img_dir='val/images'))
val_evaluator = dict(use_area=False)
