"""A small HRNet for drawn people: 1.2 M parameters, made for two CPU cores."""

codec = dict(type='AssociativeEmbeddingCodec', input_size=256, map_strides=[4])
model = dict(
    type='AssociativeEmbedding',
    backbone=dict(
        type='HRNet', width=16, num_modules=(1, 1, 1), num_blocks=2, stem_channels=32,
        stage1_channels=16, stage1_blocks=1, initialisation='kaiming'),
    keypoint_head=dict(
        type='AESimpleHead', losses=[dict(type='PoseLoss', heatmap=1.0, push=0.01, pull=0.003)]))
