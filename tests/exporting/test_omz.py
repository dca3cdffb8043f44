"""Networks in the layout of Open Model Zoo's Associative Embedding models."""

import cv2
import numpy as np
import pytest
import torch
from onnx import TensorProto, checker, helper

import aepose
from aepose.apis.inference import PoseInferencer
from aepose.codecs.decoder import Decoder
from aepose.errors import CheckpointError, ConfigError, NumericalError
from aepose.exporting.export import export
from aepose.exporting.omz import EMBEDDINGS, OmzGraph, check_codec, try_omz
from aepose.exporting.onnx_file import OPSET, halve
from aepose.files import sha256_of
from aepose.metainfo import get_metainfo
from aepose.runtime.description import HEATMAPS, IMAGE
from aepose.runtime.files import read_description
from aepose.toy import draw_picture
from aepose.zoo.hub import TOY_CHECKPOINT
from tests.farm import FARM

openvino = pytest.importorskip("openvino")
SIZE = 256, 192


@pytest.fixture(scope="module")
def network():
    options = ["test_time.flip=False", "test_time.project2image=False"]
    return PoseInferencer(device="cpu", cfg_options=options)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return export(
        out=tmp_path_factory.mktemp("omz"), format="openvino", layout="omz", size=SIZE).path


def drawn(size=SIZE):
    """Return a picture (1, 3, H, W) float32 BGR, and as aepose takes it, (1, H, W, 3) uint8 RGB."""
    picture = cv2.resize(draw_picture(2), size)[None]
    return np.ascontiguousarray(picture[..., ::-1].transpose(0, 3, 1, 2), np.float32), picture


def suppressed(heatmaps, kernel):
    """Negate what is not the maximum around itself, cell by cell."""
    reach = kernel // 2
    signed = heatmaps.copy()
    for k, y, x in np.ndindex(heatmaps.shape):
        window = heatmaps[k, max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        if heatmaps[k, y, x] < window.max():
            signed[k, y, x] *= -1
    return signed


class Given(torch.nn.Module):
    """In place of a network's maps: those given; they are asked for with RGB pixels."""

    def __init__(self, heatmaps, tags):
        super().__init__()
        self.found = heatmaps, tags

    def forward(self, image):
        self.image = image
        return self.found


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("tag_maps", [1, 4])
def test_rule_of_the_layout(network, kernel, tag_maps):
    rng = np.random.default_rng(kernel)
    heatmaps = rng.normal(size=(1, 4, 9, 7)).astype(np.float32)
    heatmaps[0, 0, 4, 2:4] = 5  # of two equal maxima, both stay
    tags = rng.normal(size=(1, 1, tag_maps, 9, 7)).astype(np.float32)
    graph = OmzGraph(network.model)
    graph.kernel = kernel
    graph.maps = Given(torch.from_numpy(heatmaps), torch.from_numpy(tags))
    image, picture = drawn()
    found, embeddings = (maps.numpy() for maps in graph(torch.from_numpy(image)))
    np.testing.assert_array_equal(graph.maps.image.numpy(), picture)
    np.testing.assert_array_equal(found[0], suppressed(heatmaps[0].clip(min=0), kernel))
    assert (found[0, 0, 4, 2:4] == 5).all()
    assert embeddings.shape == (1, 4, 9, 7, 1)
    np.testing.assert_array_equal(embeddings[0, ..., 0], np.broadcast_to(tags[0, 0], (4, 9, 7)))


@pytest.mark.slow
def test_a_file(exported):
    model = openvino.Core().read_model(exported)
    ports = {port.any_name: (tuple(port.shape), port.element_type.to_string())
             for port in (*model.inputs, *model.outputs)}
    assert ports == {IMAGE: ((1, 3, 192, 256), "f32"), HEATMAPS: ((1, 17, 48, 64), "f32"),
                     EMBEDDINGS: ((1, 17, 48, 64, 1), "f32")}
    said = read_description(exported)
    assert (said.layout, said.size, said.map_stride, said.flip) == ("omz", SIZE, 4, False)
    assert said.checkpoint["sha256"] == sha256_of(TOY_CHECKPOINT)


@pytest.mark.slow
def test_a_client_gives_it_another_size(exported, network):
    image, _ = drawn((320, 256))
    core = openvino.Core()
    model = core.read_model(exported)
    model.reshape({IMAGE: image.shape})
    found = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(image)
    with torch.no_grad():
        wanted = OmzGraph(network.model.prepare_for_test())(torch.from_numpy(image))
    for name, maps in zip((HEATMAPS, EMBEDDINGS), wanted, strict=True):
        assert found[name].shape == tuple(maps.shape)
        np.testing.assert_allclose(np.abs(found[name]), maps.abs(), atol=1e-4 * maps.abs().max())
    peaks = [maps > 0.1 for maps in (found[HEATMAPS], wanted[0].numpy())]
    assert peaks[1].any()
    np.testing.assert_array_equal(*peaks)


@pytest.mark.slow
def test_aepose_does_not_run_it(exported):
    with pytest.raises(CheckpointError, match=f"{exported} was exported with --layout omz"):
        aepose.load_model(exported)


@pytest.mark.slow
def test_a_file_that_computes_something_else(exported, network):
    graph = OmzGraph(network.model.prepare_for_test())
    picture = drawn()[1][0]
    try_omz(exported, graph, picture, "float32")
    graph.kernel = 3
    with pytest.raises(NumericalError, match="peaks agree"):
        try_omz(exported, graph, picture, "float32")
    preprocessor = graph.maps.model.data_preprocessor
    preprocessor.mean = preprocessor.mean + 0.1  # its memory is shared
    with pytest.raises(NumericalError, match="heatmaps differ by"):
        try_omz(exported, graph, picture, "float32")


@pytest.mark.parametrize(("options", "message"), [
    ({"flip": True}, "leave out flip"),
    ({"multi_scale": True}, "leave out flip and multi_scale"),
    ({"cfg_options": ["codec.reach=40"]}, "codec.reach = 40"),
    ({"layout": "zoo"}, "layout = 'zoo': give 'aepose' or 'omz'"),
])
def test_what_clients_cannot_do(options, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        export(out=tmp_path / "out", **{"layout": "omz", **options})
    assert not (tmp_path / "out").exists()


def test_classes_are_not_mixed_up():
    with pytest.raises(ConfigError, match=r"2 classes \(person, dog\)"):
        check_codec(Decoder(metainfo=get_metainfo(FARM), input_size=64))


def test_a_float_input_is_halved_before_it_is_used():
    graph = helper.make_graph(
        [helper.make_node("Shape", [IMAGE], ["shape"]),
         helper.make_node("Reshape", [IMAGE, "shape"], [HEATMAPS])], "graph",
        *([helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, "H", "W"])]
          for name in (IMAGE, HEATMAPS)))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    checker.check_model(halve(model), full_check=True)
