"""``aepose export``."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import CfgOptions, Config, read_size
from aepose.errors import UsageError


@command(
    example="aepose export higherhrnet_w32_coco_512x512 --flip --out exported",
    interrupted="nothing was written")
def export(
    config: Config, checkpoint: Annotated[str | None, Parameter(
        help="weights: a file, its URL, or a published file's name (default: those of the zoo "
        "model)")] = None, /, *,
    out: Annotated[str, Parameter(metavar="DIR", help="folder to write")] = "outputs/export",
    format: Annotated[Literal["onnx", "openvino"], Parameter(
        help="onnx: one file; openvino: OpenVINO's own, .xml and .bin")] = "onnx",
    size: Annotated[str | None, Parameter(
        metavar="WxH", help="the only size of the network input that it takes")] = None,
    dynamic: Annotated[bool, Parameter(help="take pictures of any size (the default)")] = False,
    flip: Annotated[bool, Parameter(
        help="look at the mirrored picture, too, in twice the time")] = False,
    multi_scale: Annotated[bool, Parameter(help="look at several scales")] = False,
    half: Annotated[bool, Parameter(help="weights in float16")] = False,
    layout: Annotated[Literal["aepose", "omz"], Parameter(
        help="omz: as Open Model Zoo's Associative Embedding models, for their clients alone; "
        "--size is what it has before a client reshapes it")] = "aepose",
    int8: Annotated[bool, Parameter(help="compute most layers in 8 bits; needs --calibrate")
                    ] = False,
    calibrate: Annotated[str | None, Parameter(
        metavar="DIR", help="pictures like those that --int8 is for, a hundred or so")] = None,
    pictures: Annotated[str | None, Parameter(
        metavar="DIR", help="compare the file with the network on these (default: drawn ones)")
    ] = None,
    annotations: Annotated[str | None, Parameter(
        metavar="FILE", help="of --pictures, in COCO's format: compare AP, too")] = None,
    strict: Annotated[bool, Parameter(
        help="write no file that differs from the network by more than its type explains")
    ] = False,
    cfg_options: CfgOptions = None,
) -> None:
    """Write a trained network to one file that runs without PyTorch.

    Everything that running it needs is in the file; `aepose predict --model FILE` runs it.
    """
    from aepose.exporting.export import export as export_network

    if size and dynamic:
        raise UsageError("--size and --dynamic: give one of them")
    if dynamic and layout == "omz":
        raise UsageError("--dynamic and --layout omz: its clients read a size in the file, and "
                         "reshape it by OpenVINO; leave out --dynamic")
    made = export_network(
        config, checkpoint, out, format, read_size(size) if size else None, flip, multi_scale, half,
        int8, calibrate, pictures, annotations, strict, layout, cfg_options or ())
    if made.parity:
        print(made.parity.table())
        for problem in made.parity.problems():
            print(f"note: {problem}")
        print()
    print(f"written to {made.path}")
