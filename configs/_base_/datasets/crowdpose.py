"""CrowdPose: 14 keypoints, trained on its training and validation part, tested on test."""

_base_ = '../keypoints.py'

metainfo = 'crowdpose'
data_root = 'data/crowdpose'
train_dataloader = dict(
    dataset=dict(
        ann_file='annotations/mmpose_crowdpose_trainval.json',
        img_dir='images'))
val_dataloader = dict(
    dataset=dict(
        ann_file='annotations/mmpose_crowdpose_test.json',
        img_dir='images'))
val_evaluator = dict(type='CrowdPoseMetric')
test_time = dict(multi_scales=[1, 2])
