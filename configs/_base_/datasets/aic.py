"""AI Challenger: 14 keypoints, people without an annotated area."""

_base_ = '../keypoints.py'

metainfo = 'aic'
data_root = 'data/aic'
train_dataloader = dict(
    dataset=dict(
        ann_file='annotations/aic_train.json',
        img_dir='ai_challenger_keypoint_train_20170902/keypoint_train_images_20170902'))
val_dataloader = dict(
    dataset=dict(
        ann_file='annotations/aic_val.json',
        img_dir='ai_challenger_keypoint_validation_20170911/keypoint_validation_images_20170911'))
val_evaluator = dict(use_area=False)
