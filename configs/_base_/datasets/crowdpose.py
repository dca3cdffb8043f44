"""CrowdPose: 14 keypoints, trained on its training and validation part, tested on test."""

metainfo = 'crowdpose'
data_root = 'data/crowdpose'
train_dataloader = dict(
    num_workers=2,
    dataset=dict(
        type='CocoKeypoints',
        ann_file='annotations/mmpose_crowdpose_trainval.json',
        img_dir='images',
        transforms=[
            dict(type='RandomAffine', scale=(0.75, 1.5), rotation=30, translation=40,
                 scale_type='short'),
            dict(type='RandomFlip', probability=0.5),
        ]))
val_dataloader = dict(
    num_workers=2,
    dataset=dict(
        type='CocoKeypoints',
        ann_file='annotations/mmpose_crowdpose_test.json',
        img_dir='images',
        test_mode=True))
val_evaluator = dict(type='CrowdPoseMetric')
test_time = dict(scales=[1], multi_scales=[1, 2])
