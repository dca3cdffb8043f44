"""HRNet with one output at a quarter of the input."""

codec = dict(type='AssociativeEmbeddingCodec', input_size=512, map_strides=[4])
model = dict(
    type='AssociativeEmbedding',
    pretrained='hrnet_w32',
    backbone=dict(type='HRNet', width=32),
    keypoint_head=dict(
        type='AESimpleHead', losses=[dict(type='PoseLoss', heatmap=1.0, push=0.001, pull=0.001)]))
