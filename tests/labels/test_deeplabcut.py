"""DeepLabCut's layouts, old and new, read as they are."""

import csv

import pytest

from aepose.errors import DataError
from aepose.labels import read_labels, write_labels
from tests.film.films import make_film
from tests.labels.sets import write_set
from tests.labels.test_reading import HEAD, write
from tests.shared import shared

MULTI = ("scorer,,,ann,ann,ann,ann,ann,ann\nindividuals,,,mus1,mus1,mus2,mus2,single,single\n"
         "bodyparts,,,nose,nose,nose,nose,corner,corner\ncoords,,,x,y,x,y,x,y\n"
         "labeled-data,day1,p.png,1,2,3,4,5,6\nlabeled-data,day1,q.png,,,7,8.5,,\n"
         "labeled-data,day1,r.png,,,,,,\n")
CONFIG = "Task: mice\nidentity: true\nmultianimalbodyparts: [nose]\nuniquebodyparts: [corner]\n"


@pytest.mark.parametrize(("config", "tracks"), [
    (CONFIG, {"mus1", "mus2", "single"}), (CONFIG.replace("true", "false"), set())])
def test_several_animals(tmp_path, config, tracks):
    write(tmp_path, {"config.yaml": config, "labeled-data/day1/CollectedData_ann.csv": MULTI,
                     **{f"labeled-data/day1/{n}.png": 0 for n in "pqr"}})
    labels = read_labels(tmp_path)
    assert [i["file_name"] for i in labels.data["images"]] == ["p.png", "q.png"]
    assert labels.report.counts("dropped")["pictures without a label"] == 1
    assert [(a["image_id"], a["keypoints"]) for a in labels.data["annotations"]] == [
        (1, [1, 2, 2]), (1, [3, 4, 2]), (1, [5, 6, 2]), (2, [7, 8.5, 2])]
    assert [(c["name"], c["keypoints"]) for c in labels.data["categories"]] == [
        ("mice", ["nose"]), ("mice single", ["corner"])]
    assert {t["name"] for t in labels.data.get("tracks", ())} == tracks
    with pytest.raises(DataError, match="hold one class, the labels have 'mice', 'mice single'"):
        write_labels(labels, tmp_path / "x.csv")


@pytest.mark.parametrize(("files", "options"), [
    ({"CollectedData.csv": HEAD + "labeled-data/day/p.png,1,2,,\n", "labeled-data/day/p.png": 0},
     {}),
    ({"day/CollectedData_ann.csv": HEAD + "labeled-data\\day\\p.png,1,2,,\n", "day/p.png": 0}, {}),
    ({"a/l/CollectedData_ann.csv": HEAD + "labeled-data/day/p.png,1,2,,\n", "m/p.png": 0},
     {"images": "m"}),
    ({"labeled-data/day/CollectedData_ann.csv": HEAD + "labeled-data/day/p.png,1,2,,\n",
      "training-datasets/all/CollectedData_ann.csv": HEAD + "labeled-data/day/p.png,1,2,,\n",
      "labeled-data/day/p.png": 0}, {}),
    ({"d/CollectedData_ann.csv": HEAD + "p.png,1,2,,\n", "d/CollectedData_bob.csv": HEAD.replace(
        "ann", "bob") + "p.png,3,4,,\n", "d/p.png": 0}, {"scorer": "ann"}),
])
def test_places_of_pictures(tmp_path, monkeypatch, files, options):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, files)
    labels = read_labels(tmp_path, "deeplabcut", **options)
    [image] = labels.data["images"]
    assert labels.path(image).is_file()
    assert labels.data["annotations"][0]["keypoints"] == [1, 2, 2, 0, 0, 0]


def test_predictions_of_a_film(tmp_path):
    film = make_film(tmp_path / "walk.mp4", frames=4)
    path = tmp_path / "walkDLC_resnet50_xyz_100.csv"
    path.write_text("scorer,DLC,DLC,DLC\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n"
                    "0,1.5,2,0.5\n3,4,5,0.25\n")
    labels = read_labels(path)
    assert [(f.film, f.number) for f in labels.frames.values()] == [(film, 0), (film, 3)]
    assert [(a["score"], a["keypoint_scores"]) for a in labels.data["annotations"]] == [
        (0.5, [0.5]), (0.25, [0.25])]
    write_labels(labels, tmp_path / "out.csv")
    rows = list(csv.reader((tmp_path / "out.csv").open()))
    assert rows[1:] == [["bodyparts", "nose", "nose", "nose"],
                        ["coords", "x", "y", "likelihood"],
                        ["0", "1.5", "2.0", "0.5"], ["3", "4.0", "5.0", "0.25"]]


def test_written_project(tmp_path):
    labels = read_labels(write_set(tmp_path), images=tmp_path / "pictures")
    write_labels(labels, tmp_path / "project", "deeplabcut")
    assert (tmp_path / "project" / "labeled-data" / "b" / "one.png").is_file()
    rows = list(csv.reader((tmp_path / "project" / "labeled-data" / "b" /
                            "CollectedData_aepose.csv").open()))
    assert rows[1][:2] == ["individuals", "1"]
    assert rows[4][:9] == ["labeled-data/b/one.png", "1.0", "69.0", "49.0", "2.5", "25.0", "33.0",
                           "", ""]
    config = (tmp_path / "project" / "config.yaml").read_text()
    assert "multianimalproject: true" in config
    assert "identity: true" in config


@pytest.mark.parametrize(("path", "pictures", "keypoints"), [
    ("dlc_openfield", 116, 464), ("dlc_openfield/m4s1/CollectedData_Pranav.csv", 116, 464),
    ("mirror_mouse/data/mirror-mouse-example", 90, 1396)])
def test_real_projects(path, pictures, keypoints):
    labels = read_labels(shared(f"data/animals/{path}"), "deeplabcut")
    assert len(labels.data["images"]) == len(labels.data["annotations"]) == pictures
    assert sum(a["num_keypoints"] for a in labels.data["annotations"]) == keypoints
    assert all(labels.path(image).is_file() for image in labels.data["images"])
