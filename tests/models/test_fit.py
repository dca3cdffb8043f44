"""The parts of a network fit each other, the codec and the test, or it cannot be built."""

import re

import numpy as np
import pytest

from aepose.errors import ConfigError
from aepose.models import AssociativeEmbedding, FeatureSpec
from aepose.models.pipeline import find_people
from aepose.structures import EvalSettings
from tests.conftest import TINY_HRNET
from tests.models.test_associative_embedding import (
    ARCHITECTURES,
    HEAD,
    HOURGLASS,
    LOSS,
    NO_TAGS,
    build_architecture,
    predict,
)

LOSSES = {"none": None, "heatmaps": NO_TAGS, "tags": {**LOSS, "heatmap": None}}


@pytest.mark.parametrize("switched", LOSSES)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_loss_that_is_switched_off_changes_no_network(make_codec, name, switched):
    """Every output keeps its channels, and the test goes on with them."""
    backbone, head, strides, outputs, _ = ARCHITECTURES[name]
    first = {**head, "losses": [LOSSES[switched], *head["losses"][1:]]}
    whole, model = (AssociativeEmbedding(
        {**backbone}, h, make_codec(map_strides=strides), EvalSettings(outputs=outputs))
        for h in ({**head}, first))
    shapes = [{k: v.shape for k, v in m.state_dict().items()} for m in (whole, model)]
    assert shapes[0] == shapes[1]
    assert model.test_outputs == whole.test_outputs


UNTRAINED = {
    "all trained": ("hrnet", [LOSS], None, []),
    "no tags": ("hrnet", [NO_TAGS], None, ["the tags of output 0"]),
    "nothing": ("hrnet", [None], None, ["the heatmaps of output 0", "the tags of output 0"]),
    "second output": ("higherhrnet", [LOSS, None], None, ["the heatmaps of output 1"]),
    "second output, not used": ("higherhrnet", [LOSS, None], [0], []),
    "stage that is not used": ("hourglass", [None, LOSS], [1], []),
}


@pytest.mark.parametrize("case", UNTRAINED)
def test_a_test_warns_of_what_is_not_trained(make_codec, monkeypatch, case):
    name, losses, outputs, expected = UNTRAINED[case]
    backbone, head, strides, _, _ = ARCHITECTURES[name]
    told = []
    monkeypatch.setattr("aepose.models.associative_embedding.warn_once", told.append)
    model = AssociativeEmbedding({**backbone}, {**head, "losses": losses},
                                 make_codec(map_strides=strides), EvalSettings(outputs=outputs))
    assert not told                                     # a training needs no such outputs
    find_people(model.eval(), [])
    assert [text.split(",")[0] for text in told] == [f"a test uses {part}" for part in expected]


@pytest.mark.parametrize(("name", "losses", "message"), [
    ("hrnet", [LOSS, LOSS], r"losses has 2 entries, but AESimpleHead here has 1"),
    ("hrnet", LOSS, r"losses has \{.*\} entries.*give a list"),
    ("higherhrnet", [LOSS, LOSS],
     r"losses\.1 trains tags, which output 1 of AEHigher.* lacks; set push and pull to None"),
])
def test_losses_that_do_not_fit(make_codec, name, losses, message):
    backbone, head, strides, _, _ = ARCHITECTURES[name]
    with pytest.raises(ConfigError, match=r"model\.keypoint_head\." + message):
        AssociativeEmbedding({**backbone}, {**head, "losses": losses},
                             make_codec(map_strides=strides), EvalSettings())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_codecs_that_do_not_fit(make_codec, name):
    """Said when the network is built, with what to set; the order of strides is free."""
    backbone, head, strides, outputs, _ = ARCHITECTURES[name]

    def build(**codec):
        return AssociativeEmbedding({**backbone}, {**head}, make_codec(**codec),
                                    EvalSettings(outputs=outputs))

    model = build(map_strides=strides[::-1])
    assert model.codec.map_sizes == tuple((64 // stride,) * 2 for stride in strides)
    cls, listed = backbone["type"], re.escape(str(list(strides)))
    with pytest.raises(ConfigError, match=rf"codec\.map_strides = \[8\], but .* on {cls} have the "
                                          rf"strides {listed}; set codec\.map_strides"):
        build(map_strides=(8,))
    needed = model.backbone.size_multiple
    with pytest.raises(ConfigError, match=rf"codec\.size_multiple = 8, but .* of {cls} must be "
                                          rf"multiples of {needed}; set"):
        build(map_strides=strides, size_multiple=8)


def test_an_input_of_another_multiple(make_codec):
    """What a deeper hourglass needs, as a config can say it."""
    backbone = {**HOURGLASS, "stage_channels": (8, 8, 8, 8, 8, 8)}
    head = {"type": "AEMultiStageHead", "losses": [None, LOSS]}
    with pytest.raises(ConfigError, match=r"set codec\.size_multiple=128"):
        AssociativeEmbedding(backbone, head, make_codec(128), EvalSettings(outputs=[1]))
    codec = make_codec(128, size_multiple=128, detection_threshold=0.0)
    model = AssociativeEmbedding(backbone, head, codec, EvalSettings(outputs=[1]))
    image = np.random.RandomState(0).randint(0, 256, (100, 150, 3), np.uint8)
    assert predict(model.prepare_for_test(), image).image_size == (150, 100)


@pytest.mark.parametrize(("change", "message"), [
    ({"backbone": {"type": "AESimpleHead", "in_features": [FeatureSpec(8, 4)], "losses": [None]}},
     r"model\.backbone\.type = 'AESimpleHead': AESimpleHead is not .* aepose\.models\.Backbone"),
    ({"keypoint_head": {"type": "PoseLoss"}}, r"model\.keypoint_head.*aepose\.models\.AEHead"),
])
def test_parts_of_another_kind(make_codec, change, message):
    options = {"backbone": TINY_HRNET, "keypoint_head": HEAD, "codec": make_codec(),
               "test_time": EvalSettings(), **change}
    with pytest.raises(ConfigError, match=message):
        AssociativeEmbedding(**options)


@pytest.mark.parametrize(("name", "outputs", "message"), [
    ("hrnet", [1], "AESimpleHead has outputs 0 to 0"),
    ("hourglass", None, r"exactly one output that has tags \(these are \[0, 1\]"),
    ("higherhrnet", [1], r"exactly one output that has tags \(these are \[0\]"),
])
def test_outputs_that_the_head_lacks(make_codec, name, outputs, message):
    with pytest.raises(ConfigError, match=r"test_time\.outputs = .*" + message):
        build_architecture(name, make_codec, outputs=outputs)
