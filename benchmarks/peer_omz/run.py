"""Find people by visiongraph's AEPoseEstimator: ``run.py MODEL.xml PICTURES FOLDER``.

Writes ``found.json`` to FOLDER: by the name of a variant of the client, and of a picture, the
poses, a list of (x, y, score) in pixels of the picture. "as it is" is the client as users have it;
the others undo, one after the other, what it does in another way than aepose. And, for each
picture, ``inputs/NAME.npz``: what the client gives to the network, with the ``scale`` and ``shift``
from map cells to pixels.
"""

import json
import logging
import sys
from pathlib import Path

import cv2
import numpy as np
from visiongraph.data.LocalAsset import LocalAsset
from visiongraph.estimator.spatial.pose.AEPoseEstimator import AEPoseEstimator

# All undo what those before do, too.
VARIANTS = ("float32", "own tags", "all people", "half a cell", "tags alone")
NO_THRESHOLD = -1


class Float32(AEPoseEstimator):
    """The client, computing in float32 where OpenVINO would choose bfloat16."""

    def _create_ie_model(self):
        model = super()._create_ie_model()
        model.model_adapter.plugin_config = {"INFERENCE_PRECISION_HINT": "f32"}
        model.load(force=True)
        return model


class Replay:
    """In place of the client's pipeline: decodes again what the network gave the last time."""

    def __init__(self, model, image):
        inputs, self.meta = model.preprocess(image)
        raw = model.infer_sync(inputs)
        self.raw = {name: maps.copy() for name, maps in raw.items()}
        self.model = model
        self.image = inputs[model.image_blob_name]

    def process(self, _image):
        # Its decoder writes into the heatmaps.
        raw = {name: maps.copy() for name, maps in self.raw.items()}
        return self.model.postprocess(raw, self.meta)


def change(estimator, variant):
    """Make one more change to the client."""
    decoder = estimator.ie_model.decoder
    if variant == "own tags":
        # It fills in the keypoints of those above the threshold by the tags of the first of all.
        find, threshold = type(decoder).__call__, decoder.pose_threshold
        decoder.pose_threshold = NO_THRESHOLD

        class OwnTags(type(decoder)):
            least = threshold

            def __call__(self, *maps, **options):
                poses, scores = find(self, *maps, **options)
                return poses[scores > self.least], scores[scores > self.least]

        decoder.__class__ = OwnTags
    elif variant == "all people":
        type(decoder).least = estimator.min_score = NO_THRESHOLD
    elif variant == "half a cell":
        # It adds half a cell to keypoints that were found, not to those that are filled in.
        fill = decoder.refine

        def refine(heatmaps, tags, pose, tag):
            missing = pose[:, 2] <= 0
            pose = fill(heatmaps, tags, pose, tag)
            pose[missing & (pose[:, 2] > 0), :2] += decoder.delta
            return pose

        decoder.refine = refine
    elif variant == "tags alone":
        decoder.dist_reweight = False


def poses(estimator, image):
    """Return the poses of a picture, in its pixels."""
    height, width = image.shape[:2]
    return [[[float(joint.x) * width, float(joint.y) * height, float(joint.t)]
             for joint in pose.landmarks] for pose in estimator.process(image)]


def placement(model, meta):
    """Return the factor and the shift (x, y) by which the client takes cells to the picture."""
    long = model.index_of_max_dimension
    scale = meta["resize_img_scale"][long]
    shift = np.zeros(2)
    shift[1 - long] = (meta["original_size"][long] - max(model.h, model.w) * scale) / 2
    return {"scale": scale * model.output_scale, "shift": shift}


def main():
    """Find, with and without changes, and write."""
    logging.disable(logging.WARNING)  # it tells of every new shape of picture
    model, pictures, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    assets = LocalAsset(model), LocalAsset(str(Path(model).with_suffix(".bin")))
    found = {name: {} for name in ("as it is", *VARIANTS)}
    (folder / "inputs").mkdir(parents=True)
    for path in sorted(pictures.glob("*.png")):
        image = cv2.imread(str(path))
        client = AEPoseEstimator(*assets, device="CPU")
        client.setup()
        found["as it is"][path.stem] = poses(client, image)
        client = Float32(*assets, device="CPU")
        client.setup()
        client.process(image)  # takes on the picture's shape
        replay = client.pipeline = Replay(client.ie_model, image)
        for variant in VARIANTS:
            change(client, variant)
            found[variant][path.stem] = poses(client, image)
        np.savez(folder / "inputs" / f"{path.stem}.npz", image=replay.image,
                 **placement(client.ie_model, replay.meta))
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
