"""A client that is not ours on a network exported with ``--layout omz``: visiongraph's.

Of the people that aepose finds in drawn pictures, without flip test, its AEPoseEstimator finds a
share (OKS > 0.9), with its own decoder. Why it misses the others is told by changing aepose step by
step into the client: a person counts for the step from which on nothing finds it. The peer is set
up by ``benchmarks/peer_omz/setup.sh``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

import aepose
from aepose.apis.inference import PoseInferencer
from aepose.codecs.assignment import assign
from aepose.evaluation.oks import pairwise_oks
from aepose.exporting.export import export
from aepose.exporting.graph import MapsGraph
from aepose.results.formats import pose_boxes
from aepose.toy import draw_picture
from common import FOLDER, limit_threads, table

PEER = FOLDER / "peer_omz"
SAME = 0.9  # OKS
LEAST_SCORE = 0.1  # the client's: mean over keypoints, 0 for those that were not found
FIRST_PICTURE = 500
Poses = dict[str, np.ndarray]
"""Name of a picture -> (P, K, 2) keypoints in its pixels."""
# What each step brings in, from aepose to the client as it is. Those of the client's own decoder
# are, from the last on, what its variants in peer_omz/run.py undo.
STEPS = {
    "maps": "maps stay at a quarter of the network input",
    "input": "the client's resize and padding",
    "tags alone": "its decoder in itself (order, tags of persons, steps)",
    "half a cell": "weighs tag distances by distances in the picture",
    "all people": "half a cell is missing at filled-in keypoints",
    "own tags": f"leaves out who scores {LEAST_SCORE} or less",
    "float32": "then fills in keypoints by tags of others",
    "as it is": "OpenVINO computes in bfloat16 where it can",
}


def found_by_aepose(pictures: Path, changes: Sequence[str] = ()) -> tuple[Poses, Poses]:
    """Return the poses, and their (P,) scores, without flip test."""
    model = PoseInferencer(device="cpu", cfg_options=["test_time.flip=False", *changes])
    results = list(model.predict(str(pictures)))
    return {r.name: r.keypoints for r in results}, {r.name: r.scores for r in results}


def found_in_inputs(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the poses that aepose finds in what the client gives to the network."""
    model = PoseInferencer(device="cpu", cfg_options=["test_time.flip=False",
                                                      "test_time.project2image=False"])
    graph = MapsGraph(model.model.prepare_for_test())
    for path in folder.glob("*.npz"):
        given = np.load(path)
        with torch.no_grad():
            image = torch.from_numpy(given["image"][:, ::-1].copy()).permute(0, 2, 3, 1)
            heatmaps, tags = (maps[0].numpy() for maps in graph(image))
        people = model.decoder.group(heatmaps, np.moveaxis(tags, 0, -1)).people
        yield path.stem, people[..., :2] * given["scale"] + given["shift"]


def found_by_client(model: Path, pictures: Path, folder: Path) -> dict[str, Poses]:
    """Return the poses of each of the client's variants."""
    subprocess.run([PEER / ".venv" / "bin" / "python", PEER / "run.py", model, pictures, folder],
                   check=True)
    found = json.loads((folder / "found.json").read_text())
    return {variant: {name: np.array(poses).reshape(-1, 17, 3)[..., :2]
                      for name, poses in of_pictures.items()}
            for variant, of_pictures in found.items()}


def similarity(people: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return (P,) the OKS of people with what was found, each paired with one at most."""
    best = np.zeros(len(people))
    if len(people) and len(found):
        areas = [pose_boxes(poses)[:, 2:].prod(axis=1) for poses in (people, found)]
        oks = pairwise_oks(people, found, aepose.get_metainfo("coco").sigmas, *areas)
        for i, j in assign(1 - oks):
            best[i] = oks[i, j]
    return best


def report(ours: Poses, scores: Poses, found: dict[str, Poses]) -> str:
    """Return the tables of shares and of steps."""
    oks = {step: np.concatenate([similarity(ours[name].astype(float), poses[name])
                                 for name in ours]) for step, poses in found.items()}
    score = np.concatenate([scores[name] for name in ours])
    rows = []
    for least in (0, LEAST_SCORE, 0.3, 0.5):
        chosen = score > least
        rows.append([f"score above {least:g}", str(chosen.sum()),
                     *(f"{(oks['as it is'][chosen] > limit).mean():.1%}"
                       for limit in (SAME, 0.75, 0.5)),
                     f"{(oks['maps'][chosen] > SAME).mean():.1%}"])
    shares = table(["people of aepose", "number", f"client, OKS > {SAME}", "> 0.75", "> 0.5",
                    f"aepose in these maps, OKS > {SAME}"], rows)
    chosen = score > LEAST_SCORE
    steps = np.stack([oks[step][chosen] > SAME for step in STEPS])
    missed = ~steps[-1]
    # The last step that still found a person; the next one lost it.
    last = np.array([np.flatnonzero(column).max(initial=-1) for column in steps.T])
    rows = [[text, f"{steps[number].mean():.1%}", str((missed & (last == number - 1)).sum())]
            for number, text in enumerate(STEPS.values())]
    return (f"{shares}\n\nOf the {missed.sum()} of {chosen.sum()} people with a score above "
            f"{LEAST_SCORE} that the client misses:\n\n"
            + table(["step, with all before", "found", "missed from here on"], rows))


def about(people: Poses) -> str:
    """Return in words what was looked at."""
    sizes = [pose_boxes(poses)[:, 2:].prod(axis=1) ** 0.5 for poses in people.values()]
    return (f"{len(people)} drawn pictures. A person is {np.median(np.concatenate(sizes)):.0f} "
            "pixels large (root of the area of the keypoints' box, median), a cell of the maps "
            f"about 4. No picture has more than {max(map(len, people.values()))} people; the "
            "client takes 30 candidates per keypoint.")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=100, help="(default 100)")
    options = parser.parse_args()
    if not (PEER / ".venv" / ".done").is_file():
        raise SystemExit("the peer is not set up: run benchmarks/peer_omz/setup.sh")
    limit_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = folder / "pictures"
        pictures.mkdir()
        for seed in range(options.pictures):
            cv2.imwrite(str(pictures / f"{seed:04}.png"),
                        draw_picture(FIRST_PICTURE + seed)[:, :, ::-1])
        model = export(out=folder, format="openvino", layout="omz")
        ours, scores = found_by_aepose(pictures)
        found = found_by_client(model, pictures, folder / "client")
        found["maps"] = found_by_aepose(pictures, ["test_time.project2image=False"])[0]
        found["input"] = dict(found_in_inputs(folder / "client" / "inputs"))
        print(report(ours, scores, found))
        print("\n" + about(ours))


if __name__ == "__main__":
    main()
