"""A network of timm, its maps joined by a neck, with one output at a quarter of the input."""

codec = dict(type='AssociativeEmbeddingCodec', input_size=512, map_strides=[4])
model = dict(
    type='AssociativeEmbedding',
    backbone=dict(type='Timm', name='hgnetv2_b4.ssld_stage2_ft_in1k', pretrained=True),
    keypoint_head=dict(
        type='AESimpleHead', losses=[dict(type='PoseLoss', heatmap=1.0, push=0.001, pull=0.001)]))
