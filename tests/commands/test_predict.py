"""``aepose predict`` and ``aepose identities``."""

import json
import subprocess

import pytest

from aepose.commands.app import call
from aepose.commands.scripts import FOLDER
from aepose.drawing import write_image
from aepose.errors import DataError, UsageError
from aepose.images import read_image
from aepose.results import read_results
from tests.apis.test_inference import pictures, tiny, toy  # noqa: F401
from tests.film.films import make_film


def line(*arguments):
    return ["predict", *map(str, arguments), "--device", "cpu"]


def test_pictures(tiny, pictures, tmp_path, capsys):  # noqa: F811
    out = tmp_path / "out"
    call(line(*pictures, "--model", tiny, "--out", out, "--min-score", "0"))
    results = list(read_results(out / "results.jsonl"))
    people = sum(map(len, results))
    assert people > 0
    for result, path in zip(results, pictures, strict=True):
        assert result.image_path == str(path)
        assert read_image(out / f"{path.stem}.png").shape == read_image(path).shape
    assert f"2 pictures, {people} people: {out}/results.jsonl" in capsys.readouterr().out
    call(line(*pictures, "--model", tiny, "--out", tmp_path / "none", "--min-score", "99"))
    assert "2 pictures, 0 people" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff\xe0 cut"])
def test_it_goes_on_after_a_bad_picture(
    tiny, pictures, tmp_path, capsys, content  # noqa: F811
):
    bad, out = tmp_path / "bad.jpg", tmp_path / "out"
    bad.write_bytes(content)
    with pytest.raises(DataError, match=r"(?s)1 could not be read; all else is done.*bad\.jpg"):
        call(line(pictures[0], bad, pictures[1], "--model", tiny, "--out", out))
    assert sorted(p.name for p in out.glob("*.png")) == [f"{p.stem}.png" for p in pictures]
    assert "2 pictures, " in capsys.readouterr().out


def test_neither_input_nor_output_is_replaced(tiny, pictures, tmp_path):  # noqa: F811
    """Equal names, also of a drawing and a picture in the same folder, are told apart."""
    for name in ("a.png", "b/A.png", "b/a.x.jpg"):
        write_image(tmp_path / name, read_image(pictures[0]))
    before = (tmp_path / "a.png").read_bytes()
    call(line(tmp_path / "a.png", tmp_path / "b", "--checkpoint", tiny, "--out", tmp_path))
    assert (tmp_path / "a.png").read_bytes() == before
    written = sorted(p.name for p in tmp_path.glob("*.png"))
    assert written == ["A-3.png", "a-2.png", "a.png", "a.x.png"]


@pytest.mark.parametrize("name", ["file", "file/out"])
def test_it_needs_a_folder_to_write(tiny, pictures, tmp_path, name):  # noqa: F811
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file"):
        call(line(pictures[0], "--model", tiny, "--out", tmp_path / name))


def test_pictures_and_a_film(tiny, pictures, tmp_path, capsys):  # noqa: F811
    film = make_film(tmp_path / "film.mp4", 3)
    out = tmp_path / "out"
    call(line(pictures[0], film, "--model", tiny, "--out", out, "--smooth", "one-euro", "--format",
              "jsonl", "--min-score", "0"))
    said = capsys.readouterr().out
    assert "1 picture, " in said
    assert f"{film}: 3 frames, " in said
    assert {p.name for p in out.iterdir()} == {
        "results.jsonl", "parts", f"{pictures[0].stem}.png", "film_poses.mp4", "film_poses.jsonl",
        "film_poses_parts"}


def test_shares(tiny, pictures, tmp_path, capsys):  # noqa: F811
    call(line(*pictures, "--model", tiny, "--out", tmp_path, "--shard", "2/2", "--no-draw"))
    assert "once all 2 shares are done" in capsys.readouterr().out
    assert not (tmp_path / "results.jsonl").exists()


def test_a_share_of_an_array_of_jobs(tmp_path):
    script = FOLDER / "slurm_predict.sh"
    (tmp_path / "python").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "python").chmod(0o755)
    array = {"SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_COUNT": "8"}
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": str(tmp_path / "python")}
    said = subprocess.run([script, "a b", "--out", "c"], env=environment | array, check=True,
                          capture_output=True, text=True).stdout
    assert said == "-m aepose predict a b --out c --shard 3/8\n"
    outside = subprocess.run([script, "a"], env=environment, capture_output=True, text=True)
    assert outside.returncode == 2
    assert "sbatch --array" in outside.stderr


@pytest.mark.parametrize(("arguments", "error", "message"), [
    (["a.jpg", "--out", "b.mp4"], UsageError, "so give one film"),
    (["a.mp4", "b.mp4", "--out", "c.mp4"], UsageError, "so give one film"),
    (["a.jpg", "--individuals", "2"], UsageError, "are for films"),
    (["a.jpg", "--smooth", "savgol"], UsageError, "are for films"),
    (["a.jpg", "--shard", "3/2"], DataError, "shard '3/2'"),
])
def test_what_does_not_go_together(arguments, error, message):
    with pytest.raises(error, match=message):
        call(["predict", *arguments])


def test_identities(tmp_path, capsys):
    rows = [{"image": "a.mp4", "frame": n, "person": p, "identity": p} for n in range(3)
            for p in range(2)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [
        *rows, {"image": "a.mp4", "frame": 3, "person": None}, {"error": "film breaks off"}]))
    call(["identities", str(path), "--swap", "0", "1", "--from", "1"])
    assert f"4 rows changed: {path}" in capsys.readouterr().out
    found = [json.loads(text).get("identity") for text in path.read_text().splitlines()]
    assert found == [0, 1, 1, 0, 1, 0, None, None]
