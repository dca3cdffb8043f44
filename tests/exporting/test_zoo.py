"""Each kind of network of the zoo, exported; `benchmarks/export_all.py` exports all of them."""

import pytest

from benchmarks.export_all import MOST, differences, small_network


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "fixed"), [
    # Fewer channels: all of its 139 million weights take half a minute.
    ("hourglass_ae_coco_512x512", ["model.backbone.stage_channels=[16,16,16,16,16]",
                                   "model.backbone.feat_channels=16"], False),
    ("res50_coco_512x512", [], True),
])
def test_maps_are_those_of_the_network(name, options, fixed):
    found = list(differences(small_network(name, *options), name, fixed))
    assert [kind for *kind, _ in found] == [
        [".onnx", "onnxruntime"], [".onnx", "openvino"], [".xml", "openvino"]]
    for _, _, off in found:
        assert 0 < off <= MOST
