"""SLEAP's files: whose labels count, films, pictures inside of the file."""

import numpy as np
import pytest

from aepose.errors import DataError
from aepose.images import read_image
from aepose.labels import FilmFrame, read_labels, write_labels
from tests.film.films import make_film, picture
from tests.labels.sets import poses, write_set
from tests.shared import shared

sleap_io = pytest.importorskip("sleap_io")


def project(path, film):
    """Frames 2 and 9 labelled (2 with a guess beside), 5 guessed, 7 negative, 8 empty."""
    skeleton = sleap_io.Skeleton(["nose", "earL", "earR"], edges=[("nose", "earL")],
                                 symmetries=[("earR", "earL")], name="mouse")
    video = sleap_io.Video(str(film), open_backend=False)
    track = sleap_io.Track("anna")

    def user():
        points = np.array([[10.0, 20.5], [30, 7], [np.nan, np.nan]])
        instance = sleap_io.Instance.from_numpy(points, skeleton, track=track)
        instance.points["visible"][1] = False
        return instance

    def guess():
        return sleap_io.PredictedInstance.from_numpy(
            np.array([[1.0, 2], [3, 4], [5, 6]]), skeleton, point_scores=np.array([0.5, 0.25, 1]),
            score=0.75, track=track)
    frames = {2: [user(), guess()], 9: [user()], 5: [guess()], 7: [], 8: []}
    sleap_io.save_slp(sleap_io.Labels([sleap_io.LabeledFrame(
        video, number, people, is_negative=number == 7) for number, people in frames.items()]),
        str(path), verbose=False)
    return path


def test_film(tmp_path):
    film = make_film(tmp_path / "walk.mp4", frames=10)
    labels = read_labels(project(tmp_path / "x.slp", "/gone/walk.mp4"))
    assert list(labels.frames.values()) == [FilmFrame(film, n) for n in (2, 9, 7)]
    assert labels.report.counts("dropped") == {
        "predicted creatures, as there are labels of people (--predictions keeps those of other "
        "frames)": 2, "frames without labels, not marked as negative": 2}
    assert labels.report.counts("changed") == {"films found by the end of their path": 1}
    [first, second] = labels.data["annotations"]
    assert first["keypoints"] == second["keypoints"] == [10, 20.5, 2, 30, 7, 1, 0, 0, 0]
    assert labels.data["tracks"] == [{"id": 1, "name": "anna"}]
    assert labels.data["categories"][0]["flip_pairs"] == [["earL", "earR"]]
    written = write_labels(labels, tmp_path / "out" / "x.json")
    assert written.folder == tmp_path / "out" / "x_frames"
    for image, number in zip(written.data["images"], (2, 9, 7), strict=True):
        got = read_image(written.path(image)).astype(int)
        assert image["film"] == str(film)
        assert np.argmin([np.abs(got - picture(n)).mean() for n in range(10)]) == number
    again = read_labels(tmp_path / "out" / "x.json")
    assert poses(again) == poses(written)
    assert again.folder == written.folder


def test_predictions(tmp_path):
    make_film(tmp_path / "walk.mp4", frames=10)
    labels = read_labels(project(tmp_path / "x.slp", "walk.mp4"), predictions=True)
    assert [a.get("score") for a in labels.data["annotations"]] == [None, None, 0.75]
    assert labels.data["annotations"][2]["keypoint_scores"] == [0.5, 0.25, 1]
    write_labels(labels, tmp_path / "y.slp")
    again = read_labels(tmp_path / "y.slp", predictions=True)
    assert again.frames == labels.frames
    for a, b in zip(again.data["annotations"], labels.data["annotations"], strict=True):
        assert a == b


def test_film_that_is_another(tmp_path):
    path = project(tmp_path / "x.slp", "walk.mp4")
    with pytest.raises(DataError, match=r"film walk.mp4 is not there.*--images"):
        read_labels(path)
    make_film(tmp_path / "x.mp4", frames=6)  # called as the label file is
    labels = read_labels(path)
    assert any("called otherwise" in text for text in labels.report.counts("changed"))
    with pytest.raises(DataError, match=r"x.mp4 has no frame 9.*2 of 3 labelled frames"):
        write_labels(labels, tmp_path / "x.json")
    (tmp_path / "films").mkdir()
    film = make_film(tmp_path / "films" / "walk.mp4", frames=10)
    for images in (tmp_path / "films", film):
        assert {f.film for f in read_labels(path, images=images).frames.values()} == {film}


def test_pictures_inside(tmp_path):
    labels = read_labels(write_set(tmp_path), images=tmp_path / "pictures")
    write_labels(labels, tmp_path / "set.slp")
    stored = sleap_io.load_slp(str(tmp_path / "set.slp"))
    sleap_io.save_slp(stored, str(tmp_path / "set.pkg.slp"), embed=True, verbose=False)
    (tmp_path / "pictures").rename(tmp_path / "elsewhere")
    inside = read_labels(tmp_path / "set.pkg.slp")
    written = write_labels(inside, tmp_path / "out.json")
    assert [p[2] for people in poses(inside).values() for p in people] == [
        p[2] for people in poses(labels).values() for p in people]
    for image in written.data["images"]:
        got = read_image(written.path(image))
        assert got.shape[:2] == (image["height"], image["width"])
        assert (got == 90).all()


def test_newer_format(tmp_path):
    import h5py

    path = project(tmp_path / "x.slp", "walk.mp4")
    with h5py.File(path, "a") as file:
        file["metadata"].attrs["format_id"] = 99.0
    with pytest.raises(DataError, match="newer than this version of sleap-io"):
        read_labels(path)


def test_no_skeleton(tmp_path):
    sleap_io.save_slp(sleap_io.Labels(), str(tmp_path / "x.slp"), verbose=False)
    with pytest.raises(DataError, match="no skeleton"):
        read_labels(tmp_path / "x.slp")


@pytest.mark.slow
def test_real_films():
    """The pictures of flies13 are frames of these films, and its labels theirs."""
    films = shared("data/animals/films")
    labels = read_labels(films / "flies_clip.slp")
    assert len(labels.data["images"]) == 1500
    assert len(labels.data["annotations"]) == 3000
    assert {f.film for f in labels.frames.values()} == {films / "flies_clip.mp4"}
    assert [t["name"] for t in labels.data["tracks"]] == ["female", "male"]
    given = read_labels(shared("data/animals/flies13/annotations/val.json"))
    people = {(f.number, a["track_id"]): a["keypoints"] for a in labels.data["annotations"]
              for f in [labels.frames[a["image_id"]]]}
    for image in given.data["images"]:
        number = int(image["file_name"].removeprefix("val_").removesuffix(".jpg"))
        for a in given.data["annotations"]:
            if a["image_id"] == image["id"]:
                assert a["keypoints"] in [people[number, track] for track in (1, 2)]
    guessed = read_labels(films / "flies_120s.slp")
    assert len(guessed.data["annotations"]) == 6000
    assert all(a["score"] > 0 for a in guessed.data["annotations"])
