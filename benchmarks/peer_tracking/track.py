"""Run a tracker of sleap-nn: ``track.py DETECTIONS.npz OUT.npz TRACKER [INDIVIDUALS]``.

Writes identities (N,), -1 for what was left without one, and the seconds that tracking took.
"""

import sys
import time

import numpy as np
import sleap_io
from loguru import logger
from sleap_nn.inference.tracking import TrackerConfig, apply_tracking


def labels_of(data):
    """Return the detections as labels, and the instance of every row."""
    skeleton = sleap_io.Skeleton([f"k{k}" for k in range(data["keypoints"].shape[1])])
    video = sleap_io.Video(filename="film.mp4", open_backend=False)
    rows, frames = [], []
    points = np.where(data["found"][..., None], data["keypoints"], np.nan)
    for number in range(int(data["num_frames"])):
        here = [sleap_io.PredictedInstance.from_numpy(
            points[row], skeleton=skeleton, score=float(data["scores"][row]),
            point_scores=np.full(points.shape[1], data["scores"][row]))
            for row in np.flatnonzero(data["frame"] == number)]
        rows += here
        frames.append(sleap_io.LabeledFrame(video=video, frame_idx=number, instances=here))
    return sleap_io.Labels(frames, videos=[video], skeletons=[skeleton]), rows


def main():
    """Track and write."""
    logger.remove()
    source, out, tracker, *individuals = sys.argv[1:]
    options = {"tracker": tracker}
    if individuals:
        options["max_tracks"] = int(individuals[0])
    labels, rows = labels_of(np.load(source))
    start = time.perf_counter()
    tracked = apply_tracking(labels, TrackerConfig(**options))
    seconds = time.perf_counter() - start
    names = {track: number for number, track in enumerate(tracked.tracks)}
    kept = {id(instance) for frame in tracked.labeled_frames for instance in frame.instances}
    identities = [names.get(row.track, -1) if id(row) in kept else -1 for row in rows]
    np.savez(out, identities=np.array(identities, np.int64), seconds=seconds)


if __name__ == "__main__":
    main()
