"""Train sleap-nn bottom-up and find creatures with it: ``run.py TRAIN VAL FOLDER SECONDS``.

TRAIN and VAL are annotation files in COCO's format whose ``file_name`` are whole paths. The
training ends after SECONDS of processor time; the best checkpoint before that counts. Writes
``found.json`` to FOLDER, in COCO's result format, and ``run.json``.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import sleap_io
from sleap_nn.inference.predictor import Predictor

COMMAND = Path(sys.executable).with_name("sleap-nn")
# What sleap-nn chooses for the labels is taken, but for this: pictures are from above; a checkpoint
# is written often; nothing is drawn. And it would take pictures at full size and a larger network
# than that of SLEAP's profile baseline_medium_rf, of which a step took 15 s of a core already; so
# that is taken, at half the size, 5 s.
CHANGES = {
    "data_config.augmentation_config.geometric.rotation_min": -180,
    "data_config.augmentation_config.geometric.rotation_max": 180,
    "+trainer_config.train_steps_per_epoch": 50,
    "trainer_config.min_train_steps_per_epoch": 50,
    "trainer_config.visualize_preds_during_training": "false",
    "trainer_config.trainer_accelerator": "cpu",
    "data_config.preprocessing.scale": 0.5,
    "model_config.backbone_config.unet.filters": 16,
    "model_config.backbone_config.unet.filters_rate": 2.0,
    "model_config.backbone_config.unet.output_stride": 4,
    "model_config.head_configs.bottomup.confmaps.sigma": 2.5,
    "model_config.head_configs.bottomup.confmaps.output_stride": 4,
    "model_config.head_configs.bottomup.pafs.sigma": 75.0,
    "model_config.head_configs.bottomup.pafs.output_stride": 8,
}


def labels_of(annotations):
    """Return annotations as labels, and the pictures' ids."""
    data = json.loads(Path(annotations).read_text())
    [category] = data["categories"]
    names = category["keypoints"]
    skeleton = sleap_io.Skeleton(
        names, edges=[(names[a - 1], names[b - 1]) for a, b in category["skeleton"]])
    video = sleap_io.Video.from_filename([image["file_name"] for image in data["images"]])
    ids = [image["id"] for image in data["images"]]
    instances = {id: [] for id in ids}
    for annotation in data["annotations"]:
        joints = np.array(annotation["keypoints"], float).reshape(-1, 3)
        points = np.where(joints[:, 2:] > 0, joints[:, :2], np.nan)
        instances[annotation["image_id"]].append(
            sleap_io.Instance.from_numpy(points, skeleton=skeleton))
    frames = [sleap_io.LabeledFrame(video=video, frame_idx=number, instances=instances[id])
              for number, id in enumerate(ids)]
    return sleap_io.Labels(frames, videos=[video], skeletons=[skeleton]), ids


def train(config, folder, val, seconds):
    """Train a model; return the processor time that it took."""
    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 60))

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    changes = {**CHANGES, "data_config.val_labels_path": f"[{val}]",
               "trainer_config.ckpt_dir": folder, "trainer_config.run_name": "model"}
    with (folder / "training.log").open("w") as log:
        subprocess.run([COMMAND, "train", config, *(f"{k}={v}" for k, v in changes.items())],
                       stdout=log, stderr=log, preexec_fn=limit, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def record(instance, image_id):
    """Return a found creature as a result record; a keypoint that was not found is 0, 0, 0."""
    points = instance.numpy()
    found = ~np.isnan(points[:, 0])
    joints = np.where(found[:, None], np.column_stack([points, np.ones(len(points))]), 0)
    low, high = points[found].min(axis=0), points[found].max(axis=0)
    return {"image_id": image_id, "category_id": 1, "score": float(instance.score),
            "keypoints": joints.ravel().tolist(), "bbox": [*low.tolist(), *(high - low).tolist()]}


def main():
    """Train, find, write."""
    train_file, val_file, folder, seconds = sys.argv[1:]
    folder = Path(folder).resolve()
    paths = {"train": folder / "train.slp", "val": folder / "val.slp"}
    labels_of(train_file)[0].save(paths["train"])
    labels, ids = labels_of(val_file)
    labels.save(paths["val"])
    config = folder / "config.yaml"
    subprocess.run([COMMAND, "config", paths["train"], "--auto", "--pipeline", "bottomup", "-o",
                    config], check=True, stdout=subprocess.DEVNULL)
    taken = train(config, folder, paths["val"], int(seconds))
    predictor = Predictor.from_model_paths([str(folder / "model")], device="cpu", batch_size=1)
    start = time.process_time()
    predicted = predictor.predict(labels)
    per_picture = (time.process_time() - start) / len(ids)
    records = [record(instance, ids[frame.frame_idx]) for frame in predicted.labeled_frames
               for instance in frame.instances if not np.isnan(instance.numpy()).all()]
    (folder / "found.json").write_text(json.dumps(records))
    (folder / "run.json").write_text(json.dumps(
        {"training seconds": taken, "seconds a picture": per_picture}))


if __name__ == "__main__":
    main()
