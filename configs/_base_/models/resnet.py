"""ResNet, brought to a quarter of the input by three transposed convolutions."""

codec = dict(type='AssociativeEmbeddingCodec', input_size=512, map_strides=[4])
model = dict(
    type='AssociativeEmbedding',
    pretrained='resnet50',
    backbone=dict(type='ResNet', depth=50),
    keypoint_head=dict(
        type='AESimpleHead', num_deconv_layers=3,
        losses=[dict(type='PoseLoss', heatmap=1.0, push=0.001, pull=0.001)]))
