"""MobileNetV2, brought to a quarter of the input by three transposed convolutions."""

codec = dict(type='AssociativeEmbeddingCodec', input_size=512, map_strides=[4])
model = dict(
    type='AssociativeEmbedding',
    pretrained='mobilenet_v2',
    backbone=dict(type='MobileNetV2'),
    keypoint_head=dict(
        type='AESimpleHead', num_deconv_layers=3,
        losses=[dict(type='PoseLoss', heatmap=1.0, push=0.001, pull=0.001)]))
