"""Many pictures into files: stopped, repeated, shared out."""

import csv
import json
import shutil

import numpy as np
import pytest

from aepose.apis import parts, predict_files
from aepose.apis.loading import load_model
from aepose.apis.parts import Shard
from aepose.errors import ConfigError, DataError
from aepose.images import read_image
from aepose.results import PoseResult, read_results
from tests.apis.test_inference import tiny  # noqa: F401


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    for module in (parts, predict_files):
        monkeypatch.setattr(module, "BLOCK", 2)


@pytest.fixture(scope="module")
def model(tiny):  # noqa: F811
    return load_model(tiny, device="cpu")


@pytest.fixture
def folder(toy_root, tmp_path):
    """Four pictures and a file that is none."""
    folder = shutil.copytree(toy_root / "val2017", tmp_path / "pictures")
    (folder / "000.jpg").write_bytes(b"no picture")
    return folder


def run(model, folder, out, form="jsonl", **options):
    return predict_files.predict_files(model, [str(folder)], out, form, **options)


def test_a_run(model, folder, tmp_path):
    summary = run(model, folder, tmp_path / "out", progress=True, batch_size=2)
    results = list(read_results(tmp_path / "out" / "results.jsonl"))
    assert summary.file == tmp_path / "out" / "results.jsonl"
    assert (summary.pictures, summary.people) == (4, sum(map(len, results)))
    assert summary.people > 0
    assert [r.image_path for r in results] == [str(p) for p in sorted(folder.iterdir())[1:]]
    assert len(summary.failures) == 1
    assert "000.jpg" in summary.failures[0]
    for result in results:
        drawn = read_image(tmp_path / "out" / f"{result.name}.png")
        np.testing.assert_array_equal(drawn, result.draw())


def test_the_same_again_does_what_is_missing(model, folder, tmp_path, monkeypatch):
    first = run(model, folder, tmp_path / "out", draw=False)
    content = first.file.read_bytes()
    assert not list((tmp_path / "out").glob("*.png"))
    (tmp_path / "out" / "parts" / "part-000001.jsonl").unlink()
    looked_at, predict = [], type(model).predict

    def noting(self, source, **options):
        source = list(source)
        looked_at.extend(picture.path for picture in source)
        return predict(self, source, **options)

    monkeypatch.setattr(type(model), "predict", noting)
    again = run(model, folder, tmp_path / "out")
    assert looked_at == [str(p) for p in sorted(folder.iterdir())[2:4]]
    assert again == first
    assert again.file.read_bytes() == content
    assert len(list((tmp_path / "out").glob("*.png"))) == 4


def test_a_run_that_is_stopped_leaves_whole_parts(model, folder, tmp_path, monkeypatch):
    expected = run(model, folder, tmp_path / "whole", draw=False).file.read_bytes()
    save, drawn = PoseResult.save, []

    def stopped(self, path):
        if len(drawn) == 2:
            raise KeyboardInterrupt
        drawn.append(path)
        save(self, path)

    with monkeypatch.context() as patch:
        patch.setattr(PoseResult, "save", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(model, folder, tmp_path / "out")
    written = sorted(p.name for p in (tmp_path / "out" / "parts").iterdir())
    assert written == ["part-000000.jsonl", "recipe.json"]
    assert run(model, folder, tmp_path / "out").file.read_bytes() == expected


def test_shares_make_the_same_file(model, folder, tmp_path):
    whole = run(model, folder, tmp_path / "whole", draw=False)
    shares = [run(model, folder, tmp_path / "out", draw=False, shard=Shard(i, 2)) for i in (2, 1)]
    assert [share.file for share in shares] == [None, None]
    assert shares[0].pictures == 2
    joined = run(model, folder, tmp_path / "out", draw=False)
    assert joined.file.read_bytes() == whole.file.read_bytes()
    assert (joined.people, joined.failures) == (whole.people, whole.failures)


@pytest.mark.parametrize(("text", "expected"), [
    ("1/1", (1, 1)), ("2/8", (2, 8)), ("8/8", (8, 8)), ("0/8", None), ("9/8", None), ("a/b", None),
    ("3", None), ("-1/2", None), ("1/0", None), ("", None),
])
def test_shards_of_the_command_line(text, expected):
    if expected is None:
        with pytest.raises(DataError, match=f"shard '{text}': write I/N"):
            Shard.parse(text)
    else:
        assert Shard.parse(text) == Shard(*expected)


def test_every_block_is_in_one_share():
    assert all(sum(Shard(i, 3).has(block) for i in (1, 2, 3)) == 1 for block in range(10))


def test_forms(model, folder, tmp_path):
    pytest.importorskip("pyarrow")
    import pyarrow.parquet

    people = run(model, folder, tmp_path / "out").people
    records = json.loads(run(model, folder, tmp_path / "out", "json").file.read_text())
    assert len(records) == people
    assert {type(record["image_id"]) for record in records} == {int}  # they are called by numbers
    rows = list(csv.DictReader(run(model, folder, tmp_path / "out", "csv").file.open()))
    table = pyarrow.parquet.read_table(run(model, folder, tmp_path / "out", "parquet").file)
    assert len(rows) == table.num_rows == people
    assert list(rows[0]) == table.column_names
    assert float(rows[3]["nose_x"]) == table["nose_x"][3].as_py()
    with pytest.raises(ConfigError, match=r"end the name in .*\.parquet"):
        run(model, folder, tmp_path / "out", "xml")


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "parquet"])
def test_nobody(model, folder, tmp_path, form):
    pytest.importorskip("pyarrow")
    summary = run(model, folder, tmp_path / "out", form, min_score=1e9)
    assert (summary.pictures, summary.people) == (4, 0)
    assert summary.file.exists()


@pytest.mark.parametrize(("change", "key"), [
    ({"min_score": 0.5}, "options"), ({"multi_scale": True}, "options"),
])
def test_results_of_another_run_are_refused(model, folder, tmp_path, change, key):
    run(model, folder, tmp_path / "out", draw=False)
    with pytest.raises(DataError, match=f"holds results of another run: its {key} is"):
        run(model, folder, tmp_path / "out", **change)
    picture = sorted(folder.iterdir())[1]
    picture.write_bytes(picture.read_bytes() + b"more")
    with pytest.raises(DataError, match=r"its state of the files \(sizes and times\) is"):
        run(model, folder, tmp_path / "out", draw=False)
    (folder / "new.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="its pictures is"):
        run(model, folder, tmp_path / "out")


@pytest.mark.parametrize(("sources", "message"), [
    ([], "no picture"), (["missing.jpg"], r"picture missing\.jpg does not exist"),
    (["missing*"], r"no file is called missing"),
])
def test_no_picture(model, tmp_path, sources, message):
    with pytest.raises(DataError, match=message):
        predict_files.predict_files(model, sources, tmp_path / "out")
    assert not (tmp_path / "out").exists()
