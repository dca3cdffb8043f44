"""What exported networks find, against PyTorch: ``python benchmarks/exported.py``.

The network that ships, on 200 drawn pictures, in each precision and engine. How long files take,
and what memory, against MMPose and PyTorch, benchmarks/end_to_end.py says.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from aepose.apis.exported import ExportedModel
from aepose.apis.inference import PoseInferencer
from aepose.apis.predictor import Predictor
from aepose.errors import ConfigError
from aepose.evaluation import CocoMetric
from aepose.exporting.export import export
from aepose.tables import format_table
from aepose.toy import make_toy_dataset
from aepose.zoo.hub import TOY_CHECKPOINT

MODEL = "hrnet_w16_toy_256x256"
CALIBRATE, TEST, SEED = 100, 200, 0
# Options of export -> (engine, type that it computes in), and how far AP may be off.
KINDS: tuple[tuple[dict[str, Any], tuple[tuple[str, str | None, float], ...]], ...] = (
    ({}, (("onnxruntime", None, 0.001), ("openvino", None, 0.001),
          ("openvino", "bfloat16", 0.005))),
    ({"format": "openvino"}, (("openvino", None, 0.001),)),
    ({"half": True}, (("onnxruntime", None, 0.005), ("openvino", None, 0.005))),
    ({"int8": True}, (("onnxruntime", None, 0.02), ("openvino", None, 0.02))),
    ({"int8": True, "format": "openvino"}, (("openvino", None, 0.02),)),
)


def average_precision(model: Predictor, data: Path) -> float:
    """Return the AP of a network on the test pictures."""
    ann_file = data / "annotations" / "person_keypoints_val2017.json"
    images = json.loads(ann_file.read_text())["images"]
    metric = CocoMetric("coco", ann_file)
    results = model.predict([data / "val2017" / image["file_name"] for image in images])
    metric.process(None, [replace(result, image_id=image["id"])
                          for result, image in zip(results, images, strict=True)])
    return metric.compute_metrics(metric.results)["AP"]


def rows(data: Path, folder: Path, flip: bool) -> Iterator[list[str]]:
    """Yield the rows of the table."""
    expected = average_precision(PoseInferencer(
        MODEL, TOY_CHECKPOINT, "cpu", cfg_options=[f"test_time.flip={flip}"]), data)
    yield ["PyTorch", "float32", f"{expected:.4f}", "", "", ""]
    for options, runs in KINDS:
        more = {"calibrate": data / "train2017"} if "int8" in options else {}
        path = export(MODEL, TOY_CHECKPOINT, folder, flip=flip, **options, **more).path
        for engine, dtype, most in runs:
            try:
                model = ExportedModel(path, engine, dtype=dtype)
            except ConfigError as error:
                print(f"- Left out: {engine}: {error}")
                continue
            found = average_precision(model, data)
            precision = dtype or model.description.precision
            yield [f"{path.suffix} in {engine}", precision, f"{found:.4f}",
                   f"{found - expected:+.4f}", f"{most:g}",
                   "yes" if abs(found - expected) <= most else "no"]


def main(flip: bool) -> str:
    """Return the table."""
    with tempfile.TemporaryDirectory() as folder:
        data = make_toy_dataset(Path(folder) / "toy", CALIBRATE, TEST, SEED)
        return format_table(["", "numbers", "AP", "off", "asked", "within"],
                            rows(data, Path(folder) / "files", flip), left=(0, 1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flip", action="store_true", help="with flip test")
    print(main(parser.parse_args().flip))
