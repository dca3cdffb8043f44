from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from aepose.datasets.transforms import make_eval_item
from aepose.errors import ConfigError
from aepose.models import AssociativeEmbedding
from aepose.models.data_preprocessor import IMAGENET_MEAN, IMAGENET_STD
from aepose.models.pipeline import find_people
from aepose.results import PoseResult
from aepose.structures import EvalSettings, MapTargets, MapView
from tests.conftest import TINY_HRNET
from tests.models.test_backbones import TINY_HOURGLASS

HEAD = {"type": "AESimpleHead", "losses": [{"type": "PoseLoss"}]}
LOSS, NO_TAGS = {"type": "PoseLoss"}, {"type": "PoseLoss", "push": None, "pull": None}
DECONVS = {**HEAD, "num_deconv_layers": 3, "deconv_channels": 8}
HOURGLASS = {"type": "HourglassAENet", **TINY_HOURGLASS}
# Name -> backbone, head, strides of the targets, outputs used at test time, and per output the
# channels and the stride.
ARCHITECTURES = {
    "hrnet": (TINY_HRNET, HEAD, (4,), None, [(6, 4)]),
    "higherhrnet": (
        TINY_HRNET, {"type": "AEHigherResolutionHead", "losses": [LOSS, NO_TAGS]}, (4, 2), None,
        [(6, 4), (3, 2)]),
    "hourglass": (
        HOURGLASS, {"type": "AEMultiStageHead", "losses": [LOSS, LOSS]}, (4,), [1],
        [(6, 4), (6, 4)]),
    "hourglass, one tag map": (
        {**HOURGLASS, "tag_per_joint": False},
        {"type": "AEMultiStageHead", "losses": [LOSS, LOSS], "tag_per_joint": False}, (4,), [1],
        [(4, 4), (4, 4)]),
    "mobilenet": ({"type": "MobileNetV2", "width": 0.25}, DECONVS, (4,), None, [(6, 4)]),
    "resnet": ({"type": "ResNet", "depth": 50}, DECONVS, (4,), None, [(6, 4)]),
}
# Two people, each (head, left, right), as fractions of the picture.
PEOPLE = np.array([[[0.25, 0.3], [0.2, 0.6], [0.3, 0.6]], [[0.75, 0.35], [0.7, 0.7], [0.8, 0.7]]])


class SeesColours(nn.Module):
    """A head for pictures of dots: red is a head, green a left, blue a right keypoint.

    In a mirrored picture left and right change places, as for a trained network, so with flip test
    every other call swaps green and blue. Tags rise from 0 to 6 over the width.
    """

    num_tags = 3

    def __init__(self, head, flip):
        super().__init__()
        self.split, self.untrained = head.split, head.untrained
        self.flip = flip
        self.calls = 0

    def forward(self, features):
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
        heatmaps = functional.avg_pool2d(features[0] * std + mean, 4)
        if self.flip and self.calls % 2:
            heatmaps = heatmaps[:, [0, 2, 1]]
        self.calls += 1
        width = heatmaps.shape[3]
        ramp = torch.linspace(0, 6, width).expand(1, self.num_tags, heatmaps.shape[2], width)
        return [torch.cat([heatmaps, ramp], dim=1)]


class Features(nn.Module):
    def forward(self, images):
        return [images]


def make_model(codec, **test_time):
    return AssociativeEmbedding(
        {**TINY_HRNET}, {**HEAD}, codec, EvalSettings(**{"flip": False, **test_time})).eval()


def colour_model(codec, flip=False, **test_time):
    model = make_model(codec, flip=flip, **test_time)
    head = model.keypoint_head
    del model.keypoint_head
    model.backbone, model.keypoint_head = Features(), SeesColours(head, flip)
    return model


def draw(size, people=PEOPLE):
    """A black picture with one soft dot per keypoint, and where they are (P, 3, 2)."""
    xy = people * size
    y, x = np.mgrid[:size[1], :size[0]]
    spread = 2 * (0.05 * min(size)) ** 2
    channels = [np.exp(-((x - xy[:, k, :1, None]) ** 2 + (y - xy[:, k, 1:, None]) ** 2) / spread)
                .max(axis=0) for k in range(3)]
    return (255 * np.stack(channels, axis=2)).astype(np.uint8), xy


def predict(model, image, scales=(1,)):
    item = make_eval_item(image, model.codec, scales, 7, "a.jpg")
    ((_, (result,)),) = find_people(model, [{"items": [item]}], overlap=False)
    return result


def assert_found(result, expected, tolerance):
    assert isinstance(result, PoseResult)
    order = np.argsort(result.keypoints[:, 0, 0])
    np.testing.assert_allclose(result.keypoints[order], expected, atol=tolerance)
    assert (result.keypoint_scores > 0.5).all()


@pytest.mark.parametrize("size", [(128, 128), (192, 128), (128, 192), (301, 227), (64, 50)])
@pytest.mark.parametrize(("flip", "scales"), [(False, (1,)), (True, (1,)), (True, (0.5, 1, 2))])
@pytest.mark.parametrize("project", [True, False])
def test_people_land_where_they_are(make_codec, size, flip, scales, project):
    model = colour_model(make_codec(128), flip, scales=scales, project2image=project)
    image, expected = draw(size)
    result = predict(model, image, scales)
    assert (result.image_size, result.image_id, result.image_path) == (size, 7, "a.jpg")
    assert result.tags.shape == (2, 3, 2 if flip else 1)
    # One cell of the coarsest map, in pixels of the picture.
    assert_found(result, expected, 4 * min(size) / (128 * min(scales)))


@pytest.mark.parametrize("size", [(192, 128), (128, 192), (301, 227)])
@pytest.mark.parametrize("scales", [(1,), (0.5, 1, 2)])
@pytest.mark.parametrize("train_size", [(192, 128), (128, 256)])
@pytest.mark.parametrize("convention", ["classic", "udp"])
def test_people_land_where_they_are_in_a_long_input(
        make_codec, size, scales, train_size, convention):
    codec = make_codec(train_size, convention=convention)
    model = colour_model(codec, True, scales=scales, **codec.geometry.joining)
    image, expected = draw(size)
    factor = max(train_size[0] / size[0], train_size[1] / size[1])
    assert_found(predict(model, image, scales), expected, 4 / (factor * min(scales)))


@pytest.mark.parametrize("scales", [(1,), (1, 2)])
def test_a_mirrored_picture_gives_mirrored_people(make_codec, scales):
    model = colour_model(make_codec(128), flip=True, scales=scales)
    image, _ = draw((192, 128))
    plain = predict(model, image, scales)
    swapped = np.ascontiguousarray(image[:, ::-1, [0, 2, 1]])
    mirrored = predict(model, swapped, scales)
    expected = plain.keypoints[np.argsort(-plain.keypoints[:, 0, 0])][:, [0, 2, 1]]
    expected = expected * [-1, 1] + [191, 0]
    assert_found(mirrored, expected, 2)


def test_flip_test_is_symmetric(make_codec):
    model = make_model(make_codec(), flip=True)
    image = np.random.RandomState(0).randint(0, 256, (64, 96, 3), np.uint8)
    item = make_eval_item(image, model.codec, (1,))
    images = model.data_preprocessor({"items": [item]})["images"]
    with torch.no_grad():
        heatmaps, tags = model.aggregate(images, item)
        mirrored, other_tags = model.aggregate([i.flip(3) for i in images], item)
    assert heatmaps.shape == (1, 3, *images[0].shape[2:])
    torch.testing.assert_close(mirrored.flip(3)[:, [0, 2, 1]], heatmaps)
    torch.testing.assert_close(other_tags.flip(3)[:, [0, 2, 1]].flip(4), tags)


def test_nobody(make_codec):
    model = colour_model(make_codec(), flip=True)
    assert len(predict(model, np.zeros((64, 80, 3), np.uint8))) == 0


@pytest.mark.parametrize("options", [
    [], ["model.backbone_dtype='bfloat16'"], ["model.channels_last=False"],
])
def test_loss_mode(tiny_config, options):
    cfg = tiny_config("loss", options)
    model = cfg.network().train()
    batch = next(iter(cfg.dataloader("train")))
    losses = model(**model.data_preprocessor(batch, training=True), mode="loss")
    assert set(losses) >= {"heatmap_loss", "push_loss", "pull_loss", "tag_gap"}
    assert all(v.ndim == 0 and v.isfinite() and v.dtype == torch.float32 for v in losses.values())
    sum(value for name, value in losses.items() if name.endswith("_loss")).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert model.keypoint_head.final_layer.weight.grad.any()


def test_loss_mode_with_one_tag_map(tiny_config):
    cfg = tiny_config("loss", ["model.keypoint_head.tag_per_joint=False"])
    model = cfg.network().train()
    batch = next(iter(cfg.dataloader("train")))
    losses = model(**model.data_preprocessor(batch, training=True), mode="loss")
    assert losses["push_loss"].isfinite()


def test_predict_with_one_tag_map(make_codec):
    model = colour_model(make_codec(128), flip=True)
    model.keypoint_head.num_tags = 1
    image, expected = draw((128, 128))
    assert_found(predict(model, image), expected, 4)


def build_architecture(name, make_codec, options=None, **test_time):
    backbone, head, strides, outputs, _ = ARCHITECTURES[name]
    codec = make_codec(128, map_strides=strides, detection_threshold=0.0, max_num_people=4)
    return AssociativeEmbedding({**backbone}, {**head}, codec,
                                EvalSettings(**{"outputs": outputs, **test_time}), **options or {})


def two_targets(codec):
    """What a network is trained towards by two pictures of PEOPLE."""
    visibility = np.full((2, 3), 2, np.uint8)
    views = [MapView((PEOPLE * size).astype(np.float32), np.ones(size[::-1], bool))
             for size in codec.map_sizes]
    return [MapTargets.stack([codec.encode_view(view, visibility)] * 2) for view in views]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_maps(make_codec, name):
    model = build_architecture(name, make_codec).eval()
    with torch.no_grad():
        maps = model(torch.zeros(2, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [
        (2, channels, 64 // stride, 96 // stride) for channels, stride in ARCHITECTURES[name][4]]


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize(("width", "height"), [(128, 128), (192, 128)])
def test_a_training_step_reaches_every_weight(make_codec, name, width, height):
    torch.manual_seed(0)
    model = build_architecture(name, make_codec).train()
    codec = make_codec((width, height), map_strides=model.codec.map_strides)
    losses = model(torch.randn(2, 3, height, width), targets=two_targets(codec), mode="loss")
    assert set(losses) >= {"heatmap_loss", "push_loss", "pull_loss", "tag_gap"}
    # Tags that start near zero hardly move the plain sum.
    (losses["heatmap_loss"] + 1e6 * (losses["push_loss"] + losses["pull_loss"])).backward()
    untouched = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not untouched
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("test_time", [
    {"flip": False}, {"flip": True}, {"flip": True, "project2image": False},
    {"flip": True, "scales": (1, 2)},
])
def test_every_architecture_predicts(make_codec, name, test_time):
    model = build_architecture(name, make_codec, **test_time).eval()
    image = np.random.RandomState(0).randint(0, 256, (64, 80, 3), np.uint8)
    scales = test_time.get("scales", (1,))
    item = make_eval_item(image, model.codec, scales)
    ((_, (result,)),) = find_people(model, [{"items": [item]}], keep_maps=True)
    stride = 1 if test_time.get("project2image", True) else ARCHITECTURES[name][4][-1][1]
    size = tuple(side // stride for side in reversed(item.base_size))
    values = 2 if test_time["flip"] else 1
    assert result.maps.heatmaps.shape == (3, *size)
    assert result.maps.tags.shape == (1 if "one tag map" in name else 3, *size, values)
    assert result.tags.shape == (len(result), 3, values)


@pytest.mark.parametrize("index", [0, 1])
def test_only_chosen_outputs_are_used(make_codec, index):
    model = build_architecture("hourglass", make_codec, flip=False, project2image=False,
                               outputs=[index]).eval()
    item = make_eval_item(np.zeros((64, 64, 3), np.uint8), model.codec, (1,))
    images = torch.randint(0, 256, (1, 3, 128, 128), dtype=torch.uint8)
    with torch.no_grad():
        heatmaps, tags = model.aggregate([images], item)
        maps = model(model.data_preprocessor.normalise(images))
    torch.testing.assert_close(torch.cat([heatmaps, tags[..., 0]], dim=1), maps[index])
    assert not torch.equal(maps[0], maps[1])


@pytest.mark.parametrize("tag_per_joint", [True, False])
def test_flip_test_with_one_keypoint(make_codec, three, tag_per_joint):
    one = replace(three, keypoint_names=("head",), flip_pairs=(), sigmas=(0.1,), skeleton=(),
                  keypoint_colors=((0, 0, 0),), skeleton_colors=())
    codec = make_codec(64, one, detection_threshold=0.0)
    head = {**HEAD, "tag_per_joint": tag_per_joint}
    model = AssociativeEmbedding({**TINY_HRNET}, head, codec, EvalSettings(flip=True)).eval()
    nn.init.uniform_(model.keypoint_head.final_layer.weight)    # features are not negative
    result = predict(model, np.random.RandomState(0).randint(0, 256, (64, 96, 3), np.uint8))
    assert len(result) > 0
    assert result.keypoints.shape == (len(result), 1, 2)
    assert result.tags.shape == (len(result), 1, 2)


def test_one_tag_map_is_mirrored_with_the_picture(make_codec):
    head = {**HEAD, "tag_per_joint": False}
    model = AssociativeEmbedding({**TINY_HRNET}, head, make_codec(), EvalSettings(flip=True)).eval()
    image = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    item = make_eval_item(np.zeros((64, 64, 3), np.uint8), model.codec, (1,))
    with torch.no_grad():
        _, tags = model.aggregate([image], item)
        _, mirrored = model.aggregate([image.flip(3)], item)
    assert tags.shape == (1, 1, 64, 64, 2)
    torch.testing.assert_close(mirrored.flip(3).flip(4), tags)


@pytest.mark.parametrize("outputs", [3, "3", [], [0, 0], [-1], [0.0], [True], [[0]]])
def test_outputs_that_are_no_indices(outputs):
    with pytest.raises(ConfigError, match=r"test_time\.outputs = .*: give a list of different"):
        EvalSettings(outputs=outputs)


def test_pretrained_is_only_noted(make_codec):
    model = AssociativeEmbedding({**TINY_HRNET}, {**HEAD}, make_codec(), EvalSettings(),
                                 pretrained="no such file")
    assert model.pretrained == "no such file"


def test_state_dict_holds_only_weights(make_codec):
    model = make_model(make_codec())
    roots = {key.split(".")[0] for key in model.state_dict()}
    assert roots == {"backbone", "keypoint_head"}


def test_scales_without_one(make_codec):
    with pytest.raises(ConfigError, match="scale 1"):
        predict(colour_model(make_codec(), scales=(0.5, 2)), draw((64, 64))[0], (0.5, 2))


@pytest.mark.parametrize(("change", "message"), [
    ({"backbone_dtype": "float8"}, "model.backbone_dtype = 'float8'"),
    ({"backbone": {"type": "HRNte"}}, r"model\.backbone\.type = 'HRNte'"),
    ({"keypoint_head": {**HEAD, "tag_per_joints": 1}}, r"model\.keypoint_head\.tag_per_joints: "),
])
def test_wrong_options(make_codec, change, message):
    options = {"backbone": TINY_HRNET, "keypoint_head": HEAD, "codec": make_codec(),
               "test_time": EvalSettings(), **change}
    with pytest.raises(ConfigError, match=message):
        AssociativeEmbedding(**options)
