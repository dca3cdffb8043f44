import errno
import gzip
import json
import os

import pytest
import torch

from aepose.errors import DataError, OutputError
from aepose.files import read_json, regular_file, whole_file, write_json
from aepose.weights.checkpoint import save_safetensors


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("older", [None, "older"])
def test_a_file_appears_when_it_is_whole(tmp_path, older):
    path = tmp_path / "file"
    if older:
        path.write_text(older)
    with whole_file(path) as part:
        part.write_text("half")
        assert (path.read_text() if path.exists() else None) == older
        part.write_text("whole")
    assert path.read_text() == "whole"
    assert names(tmp_path) == ["file"]


def write_text(path):
    with whole_file(path) as part:
        part.write_text("new")


def write_behind_a_private_file(path):
    with whole_file(path) as part:
        private = path.with_name("private")
        os.close(os.open(private, os.O_CREAT | os.O_WRONLY, 0o600))
        private.replace(part)


def write_weights(path):
    save_safetensors(path, {"a": torch.ones(2)}, {})


@pytest.mark.parametrize("write", [write_text, write_behind_a_private_file, write_weights])
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_permissions_are_those_of_any_new_file(tmp_path, write, mask, mode):
    part = tmp_path / ".file.part"
    part.touch(0o600)         # left by a process that was killed
    before = os.umask(mask)
    try:
        write(tmp_path / "file")
    finally:
        os.umask(before)
    assert oct((tmp_path / "file").stat().st_mode & 0o777) == oct(mode)
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_a_disk_that_fails(tmp_path, monkeypatch, code, where):
    def fail(*args):
        raise OSError(code, os.strerror(code))

    path = tmp_path / "file"
    path.write_text("older")
    if where != "write":
        monkeypatch.setattr(os, where, fail)
    message = rf"cannot write file to {tmp_path}: {os.strerror(code)} \(\d+ MiB free\); .*; go on$"

    def write():
        with whole_file(path, "; go on") as part:
            part.write_text("new")
            if where == "write":
                fail()

    with pytest.raises(OutputError, match=message):
        write()
    assert path.read_text() == "older"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(("code", "passes"), [(errno.EINVAL, True), (errno.EIO, False)])
def test_file_systems_that_cannot_sync_folders(tmp_path, monkeypatch, code, passes):
    sync, calls = os.fsync, []

    def fsync(descriptor):
        calls.append(descriptor)
        if len(calls) == 2:      # first the file, then the folder
            raise OSError(code, os.strerror(code))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    if passes:
        write_json(tmp_path / "file", [1])
    else:
        with pytest.raises(OutputError):
            write_json(tmp_path / "file", [1])
    assert len(calls) == 2


@pytest.mark.parametrize(("folder", "why"), [("gone", "No such file or directory"),
                                             ("taken", "Not a directory")])
def test_a_folder_that_is_none(tmp_path, folder, why):
    (tmp_path / "taken").touch()
    with pytest.raises(OutputError, match=rf"cannot write file to .*{folder}: {why}"):
        write_json(tmp_path / folder / "file", {})


@pytest.mark.parametrize("content", [{"a": 1.5, "b": None}, [{"a": 1}, {"a": 2}]])
def test_json(tmp_path, content):
    write_json(tmp_path / "a.json", content)
    assert json.loads((tmp_path / "a.json").read_text()) == content


@pytest.mark.parametrize(("make", "words"), [
    (lambda path: None, "no such file"), (os.mkdir, "is a folder"),
    (os.mkfifo, "is a pipe or a device"), (lambda path: path.symlink_to("/dev/zero"), "a device"),
    (lambda path: path.symlink_to(path), "no such file"),
], ids=["nothing", "folder", "pipe", "device", "loop"])
@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_what_is_no_file_is_not_opened(tmp_path, make, words, suffix):
    path = tmp_path / f"a{suffix}"
    make(path)
    with pytest.raises(DataError, match=words):
        read_json(path)


@pytest.mark.parametrize("name", ["a" * 400, "a\0b", "a/" * 3000])
def test_a_name_that_no_file_can_have(name):
    with pytest.raises(DataError, match="no such file"):
        regular_file(name)


@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_a_file_that_is_too_large(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr("aepose.files.LARGEST_JSON", 1000)
    path = tmp_path / f"a{suffix}"
    for size, fits in ((1000, True), (1001, False), (10**7, False)):
        content = b"3" + b" " * (size - 1)
        path.write_bytes(gzip.compress(content) if suffix == ".json.gz" else content)
        if fits:
            assert read_json(path) == 3
        else:
            with pytest.raises(DataError, match="more than"):
                read_json(path)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000])
def test_json_that_python_cannot_take(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=r"a\.json: not a JSON file"):
        read_json(tmp_path / "a.json")


def write_half(path, error):
    with whole_file(path) as part:
        part.write_text("half")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_whatever_is_raised(tmp_path, error):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(error):
        write_half(path, error)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"
