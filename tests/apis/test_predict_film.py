"""A film: found, followed, drawn; stopped, repeated, shared out, broken off."""

import numpy as np
import pytest

from aepose.apis import parts, predict_film
from aepose.apis.loading import load_model
from aepose.apis.parts import Shard
from aepose.errors import DataError
from aepose.film.video import Film
from aepose.film.writer import film_writer
from aepose.results import read_results
from aepose.toy.film import draw_film
from tests.film.films import cut, make_film

FRAMES = 7


@pytest.fixture(scope="module")
def model():
    """The network that ships, which finds toy people, without the flip test."""
    return load_model(device="cpu", cfg_options=["test_time.flip=False", "codec.input_size=128"])


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """A toy film."""
    path = tmp_path_factory.mktemp("film") / "walk.mp4"
    with film_writer(path, (208, 144), 25) as film:
        for frame in draw_film(FRAMES, 2, seed=2, size=(208, 144)):
            film.write(frame.image)
    return path


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(parts, "BLOCK", 3)


def test_a_film(model, walk, tmp_path):
    found = predict_film.predict_film(model, walk, tmp_path / "out.mp4", progress=True)
    results = list(read_results(found.results))
    assert (found.results, found.film) == (tmp_path / "out.jsonl", tmp_path / "out.mp4")
    assert [r.frame for r in results] == list(range(FRAMES))
    assert (found.frames, found.failures) == (FRAMES, [])
    assert found.people >= sum(map(len, results)) > FRAMES
    assert found.identities >= 1
    assert len(set(results[-1].identities.tolist()) - {-1}) >= 1
    drawn, stored = (list(Film(path)) for path in (found.film, walk))
    assert len(drawn) == FRAMES
    assert np.abs(drawn[3].image.astype(int) - stored[3].image).max() > 100  # lines


def test_a_folder_as_output_and_another_form(model, walk, tmp_path):
    found = predict_film.predict_film(model, walk, tmp_path / "new", "csv", draw=False)
    assert found.film is None
    assert [p.name for p in sorted((tmp_path / "new").iterdir())] == [
        "walk_poses.csv", "walk_poses_parts"]
    assert "identity" in found.results.read_text().partition("\n")[0]


def test_the_same_again_and_shares(model, walk, tmp_path, monkeypatch):
    first = predict_film.predict_film(model, walk, tmp_path / "a.mp4", draw=False)
    for index in (2, 1):
        part = predict_film.predict_film(model, walk, tmp_path / "b.mp4", shard=Shard(index, 2))
        assert part.results is None
    monkeypatch.setattr(type(model), "predict", None)  # all is there
    second = predict_film.predict_film(model, walk, tmp_path / "b.mp4", draw=False)
    assert second.results.read_bytes() == first.results.read_bytes()
    smooth = predict_film.predict_film(model, walk, tmp_path / "b.mp4", draw=False,
                                       smoothing="savgol")
    assert smooth.results.read_bytes() != first.results.read_bytes()


def test_where_a_film_breaks_off(model, tmp_path):
    whole = make_film(tmp_path / "whole.mp4", 30, options={"movflags": "faststart"})
    broken = cut(whole, 0.5, tmp_path / "broken.mp4")
    found = predict_film.predict_film(model, broken, tmp_path / "out.mp4")
    assert 0 < found.frames < 30
    assert len(found.failures) == 1
    assert str(broken) in found.failures[0]
    assert len(list(Film(found.film))) == found.frames


def test_limits_of_individuals(model, walk, tmp_path):
    one = predict_film.predict_film(model, walk, tmp_path / "out.mp4", individuals=1, draw=False)
    assert one.identities == 1


@pytest.mark.parametrize(("source", "out", "message"), [
    ("walk.mp4", "walk.mp4", "is the film that is read"), ("a.jpg", "b.mp4", "no film, by its"),
    ("missing.mp4", "b.mp4", r"missing\.mp4"), ("walk.mp4", "b.avi", "films are written as .mp4"),
])
def test_what_cannot_be_done(model, walk, tmp_path, source, out, message):
    (tmp_path / "walk.mp4").write_bytes(walk.read_bytes())
    with pytest.raises(DataError, match=message):
        predict_film.predict_film(model, tmp_path / source, tmp_path / out)
    assert not list(tmp_path.glob("*_parts"))
