"""Downloads from a real server on the loopback address."""

import hashlib
import os
import resource
import socket
import threading

import pytest

from aepose.errors import CheckpointError
from aepose.zoo import download as module
from aepose.zoo.download import NotOnServerError, check_file, download, hash_in_name
from tests.zoo.file_server import CONTENT, HASH, NAME


@pytest.fixture
def target(tmp_path):
    return tmp_path / "new" / NAME


@pytest.mark.parametrize(("name", "expected"), [
    ("higher_hrnet32_coco_512x512-8ae85183_20200713.pth", "8ae85183"),
    ("resnet50-0676ba61.pth", "0676ba61"), ("a-0123abcd.safetensors", "0123abcd"),
    ("best.pth", None), ("a-0123ABCD.pth", None), ("a-0123abc.pth", None), ("epoch-20200713", None),
])
def test_hash_in_name(name, expected):
    assert hash_in_name(name) == expected


@pytest.mark.parametrize("fault", ["", "no_length"])
@pytest.mark.parametrize("before", [None, b"of another time"])
def test_a_file_arrives_whole(server, target, capsys, fault, before):
    server.fault = fault
    if before:
        target.parent.mkdir()
        target.write_bytes(before)
    assert download(f"{server.url}/{NAME}", target) == target
    assert target.read_bytes() == CONTENT
    assert [p.name for p in target.parent.iterdir()] == [NAME]
    assert target.stat().st_mode & 0o777 == 0o666 & ~umask()
    assert NAME in capsys.readouterr().err  # the progress bar


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(("fault", "message"), [
    ("truncate", r"broke off after 0\.3 of 1\.0 MB"),
    ("stall", "timed out"),
    ("trickle", r"timed out, 0\.\d kB/s after 0\.0 MB"),
    ("slow_header", r"timed out, no answer in 0\.3 s"),
    ("endless", r"it has more than 0\.005 GB"),
    ("corrupt", rf"SHA-256 starts with [0-9a-f]{{8}}, but {NAME} must have {HASH}\."),
    ("403", "answers 403 Forbidden"),
    ("404", "answers 404 Not Found"),
    ("500", "answers 500"),
])
def test_faults_and_recovery(server, target, fault, message, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_FILE", 5_000_000)
    server.fault = fault
    url = f"{server.url}/{NAME}"
    with pytest.raises(CheckpointError, match=message) as caught:
        download(url, target, timeout=0.3)
    assert url in str(caught.value)
    assert f"put {NAME} into {target.parent} by hand" in str(caught.value)
    assert isinstance(caught.value, NotOnServerError) == (fault == "404")
    assert list(target.parent.iterdir()) == []
    server.fault = ""
    download(url, target)
    assert target.read_bytes() == CONTENT


def test_a_file_that_says_it_is_too_large(server, target, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_FILE", len(CONTENT) - 1)
    with pytest.raises(CheckpointError, match="it has more than"):
        download(f"{server.url}/{NAME}", target)
    monkeypatch.setattr(module, "LARGEST_FILE", len(CONTENT))
    download(f"{server.url}/{NAME}", target)


def test_nobody_listens(target):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/{NAME}"
    with pytest.raises(CheckpointError, match=rf"cannot download {url}: .*refused.*by hand"):
        download(url, target)
    assert list(target.parent.iterdir()) == []


def test_no_such_host(target):
    with pytest.raises(CheckpointError, match=r"cannot download http://aepose\.invalid/.*by hand"):
        download(f"http://aepose.invalid/{NAME}", target)


def test_a_server_that_never_answers(target):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/{NAME}"
        with pytest.raises(CheckpointError, match=r"cannot download .*timed out"):
            download(url, target, timeout=0.2)


def test_a_disk_that_fills_up(server, target):
    """This process may write no file as large, which the system refuses in the same way."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) // 2, before[1]))
    try:
        with pytest.raises(CheckpointError, match=rf"cannot write {NAME} in .*: File too large"
                                                  r".*make room.*AEPOSE_HOME"):
            download(f"{server.url}/{NAME}", target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(target.parent.iterdir()) == []


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"cannot write .*file.*AEPOSE_HOME"):
        download(f"{server.url}/{NAME}", tmp_path / "file" / "below" / NAME)
    assert server.paths == []


def test_several_may_download_the_same_file(server, target):
    threads = [threading.Thread(target=download, args=(f"{server.url}/{NAME}", target))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [p.name for p in target.parent.iterdir()] == [NAME]
    assert target.read_bytes() == CONTENT
    assert len(server.paths) == 4


@pytest.mark.parametrize(("name", "fits"), [
    (f"a-{hashlib.sha256(b'x').hexdigest()[:8]}.pth", True), ("a-01234567.pth", False),
    ("best.pth", True),
])
def test_check_file(tmp_path, name, fits):
    (tmp_path / name).write_bytes(b"x")
    if fits:
        check_file(tmp_path / name)
    else:
        with pytest.raises(CheckpointError, match=rf"{name} is damaged.*2d711642.*01234567"):
            check_file(tmp_path / name)
