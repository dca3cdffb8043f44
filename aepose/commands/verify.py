"""``aepose verify``."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from aepose.commands.describe import command


@command(example="aepose verify model.onnx", interrupted="nothing was changed")
def verify(
    model: Annotated[str, Parameter(help="file of `aepose export`")], /, *,
    engine: Annotated[Literal["onnxruntime", "openvino"] | None, Parameter(
        help="what runs it (default: what is installed)")] = None,
    device: Annotated[str | None, Parameter(
        metavar="DEVICE", help="such as cpu, cuda or tensorrt (default: cpu)")] = None,
) -> None:
    """Run the examples that an exported network carries, and compare with what it found before."""
    from aepose.apis.exported import ExportedModel
    from aepose.apis.verify import verify as run_examples

    tried = run_examples(ExportedModel(model, engine, device))
    tried.check(model)
    found = tried.found
    print(f"{model} computes here what it did: {found.same} of {max(found.first, found.second)} "
          f"people agree, {found.moved} of {found.keypoints} keypoints moved by more than half a "
          f"pixel, heatmaps differ by {tried.difference:.1g}")
