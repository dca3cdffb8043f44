"""Swapping two identities in a results file: those rows and no others, whole file or none."""

import json

import pytest

from aepose.errors import DataError, OutputError
from aepose.film.identities import swap_identities


def row(frame, identity, **more):
    return {"image": "walk.mp4", "width": 64, "height": 48, "frame": frame,
            "person": None if identity is None else 0, "identity": identity,
            "keypoints": {"nose": [1.25, 2.0, 0.9, 1]}, "note": "Zoë", **more}


ROWS = [row(0, 1), row(0, 2), row(1, 2), row(1, 1), row(2, None), row(3, 3), row(3, 2), row(4, 1)]


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.jsonl"
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in ROWS), "utf-8")
    return path


def identities(path):
    return [json.loads(line)["identity"] for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize(("pair", "frame", "count", "expected"), [
    ((1, 2), 0, 6, [2, 1, 1, 2, None, 3, 1, 2]),
    ((1, 2), 1, 4, [1, 2, 1, 2, None, 3, 1, 2]),
    ((2, 1), 1, 4, [1, 2, 1, 2, None, 3, 1, 2]),
    ((1, 2), 3, 2, [1, 2, 2, 1, None, 3, 1, 2]),
    ((1, 3), 2, 2, [1, 2, 2, 1, None, 1, 2, 3]),
])
def test_swap(film, pair, frame, count, expected):
    assert swap_identities(film, *pair, frame) == count
    assert identities(film) == expected
    assert [path.name for path in film.parent.iterdir()] == ["film.jsonl"]


def test_all_else_is_kept(film):
    before = film.read_bytes().splitlines()
    swap_identities(film, 1, 2, 3)
    after = film.read_bytes().splitlines()
    assert after[:6] == before[:6]
    for old, new in zip(ROWS, map(json.loads, after), strict=True):
        assert {**old, "identity": 0} == {**new, "identity": 0}
        assert list(old) == list(new)


def test_twice_is_as_before(film):
    before = film.read_bytes()
    swap_identities(film, 1, 2, 1)
    swap_identities(film, 1, 2, 1)
    assert film.read_bytes() == before


def test_another_file(film, tmp_path):
    before = film.read_bytes()
    out = tmp_path / "mended.jsonl"
    assert swap_identities(film, 1, 2, 0, out) == 6
    assert film.read_bytes() == before
    assert identities(out)[0] == 2


@pytest.mark.parametrize(("arguments", "message"), [
    ((1, 7, 0), "identity 7 does not occur from frame 0 on; the last frame is 4"),
    ((3, 1, 4), "identity 3 does not occur from frame 4 on"),
    ((1, 2, 99), "identity 1 does not occur from frame 99 on; the last frame is 4"),
    ((1, 1, 0), "identities 1 and 1 are the same"),
])
def test_what_does_not_occur(film, arguments, message):
    before = film.read_bytes()
    with pytest.raises(DataError, match=message):
        swap_identities(film, *arguments)
    assert film.read_bytes() == before
    assert [path.name for path in film.parent.iterdir()] == ["film.jsonl"]


@pytest.mark.parametrize(("line", "message"), [
    ("{", "not JSON"), ("[]", "no row of a film"), ("{}", "no row of a film"),
    ('{"frame": 1.5, "identity": 1}', "no row of a film"), ('{"identity": 1}', "no row of a film"),
    ('{"frame": 1, "identity": "a"}', "no row of a film"), ('"\xff', "not JSON")])
def test_no_such_file(film, line, message):
    with film.open("ab") as file:
        file.write(line.encode("latin-1"))
    before = film.read_bytes()
    with pytest.raises(DataError, match=rf"film\.jsonl, line 9: {message}"):
        swap_identities(film, 1, 2, 0)
    assert film.read_bytes() == before
    assert [path.name for path in film.parent.iterdir()] == ["film.jsonl"]


def test_rows_without_people_and_frames_that_were_not_read(film):
    with film.open("a") as file:
        file.write('{"image": "walk.mp4", "frame": 5, "person": null}\n'
                   '{"image": "walk.mp4", "error": "damaged"}\n')
    before = film.read_bytes().splitlines()
    assert swap_identities(film, 1, 2, 0) == 6
    assert film.read_bytes().splitlines()[-2:] == before[-2:]


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"none\.jsonl: no such results file"):
        swap_identities(tmp_path / "none.jsonl", 1, 2, 0)


def test_a_folder_that_is_not_there(film, tmp_path):
    with pytest.raises(OutputError, match=r"cannot write out\.jsonl"):
        swap_identities(film, 1, 2, 0, tmp_path / "none" / "out.jsonl")
