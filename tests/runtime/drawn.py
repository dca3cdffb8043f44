"""A network in a file whose maps are the picture: red is the nose, green the tail, blue the tag."""

import numpy as np

from aepose.metainfo import get_metainfo
from aepose.runtime.description import KEY, Description

METAINFO = get_metainfo({"name": "mouse", "keypoint_names": ["nose", "tail"], "flip_pairs": [],
                         "sigmas": [0.05, 0.05]})
DESCRIPTION = Description("drawn", METAINFO, {"input_size": 64, "size_multiple": 32}, flip=False)
PEOPLE = ((20, 20), (30, 40), 10), ((60, 30), (80, 50), 250)


def write(path, description=DESCRIPTION, metadata=None):
    """Write the file; metadata: what it says of itself, instead of the description."""
    from onnx import TensorProto, helper

    node, size = helper.make_node, len(description.scales) > 1
    heatmaps, blue = ("plain", "plain blue") if size else ("heatmaps", "blue")
    inputs = [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])]
    nodes = [
        node("Cast", ["image"], ["values"], to=TensorProto.FLOAT),
        node("Div", ["values", "most"], ["shares"]),
        node("Transpose", ["shares"], ["planes"], perm=[0, 3, 1, 2]),
        node("Slice", ["planes", "zero", "two", "one"], [heatmaps]),
        node("Slice", ["planes", "two", "three", "one"], [blue]),
    ]
    if size:
        inputs.append(helper.make_tensor_value_info("size", TensorProto.INT64, [2]))
        for plain, resized in ((heatmaps, "heatmaps"), (blue, "blue")):
            nodes += [
                node("Shape", [plain], [f"shape of {plain}"]),
                node("Slice", [f"shape of {plain}", "zero", "two", "zero"], [f"first of {plain}"]),
                node("Concat", [f"first of {plain}", "size"], [f"to {resized}"], axis=0),
                node("Resize", [plain, "", "", f"to {resized}"], [resized], mode="linear"),
            ]
    nodes.append(node("Unsqueeze", ["blue", "one"], ["tags"]))
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
               for name in ("heatmaps", "tags")]
    numbers = [helper.make_tensor(name, TensorProto.INT64, [1], [value])
               for value, name in enumerate(("zero", "one", "two", "three"))]
    most = helper.make_tensor("most", TensorProto.FLOAT, [1], [255.0])
    model = helper.make_model(
        helper.make_graph(nodes, "drawn", inputs, outputs, [most, *numbers]),
        opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    for key, value in ({KEY: description.to_text()} if metadata is None else metadata).items():
        model.metadata_props.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    return path


def picture(people=PEOPLE, size=(96, 64)):
    """(H, W, 3) uint8; people: nose, tail (x, y) and a tag, 0 to 255, each."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for nose, tail, tag in people:
        for channel, (x, y) in enumerate((nose, tail)):
            # Lit less around, so that a peak has a place.
            image[y - 1 : y + 2, x - 1 : x + 2, channel] = 100
            image[y, x, channel] = 250
            image[y - 1 : y + 2, x - 1 : x + 2, 2] = tag
    return image
