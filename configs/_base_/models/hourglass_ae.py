"""Four stacked hourglasses, each with heatmaps and tags; the test uses the last."""

codec = dict(type='AssociativeEmbeddingCodec', input_size=512, map_strides=[4])
model = dict(
    type='AssociativeEmbedding',
    backbone=dict(type='HourglassAENet', num_stacks=4),
    keypoint_head=dict(
        type='AEMultiStageHead',
        losses=[dict(type='PoseLoss', heatmap=1.0, push=0.001, pull=0.001)] * 4))
