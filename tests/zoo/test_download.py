"""Downloads from a real server on the loopback address."""

import hashlib
import socket
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import pytest

from aepose.errors import CheckpointError
from aepose.zoo import download as module
from aepose.zoo.download import NotOnServerError, check_file, download, hash_in_name
from tests.zoo.file_server import CONTENT, HASH, NAME, FileServer, start

ROOT = Path(__file__).parents[2]
DAMAGED = b"\1" + CONTENT[1:-1] + b"\1"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = FileServer()
    http = start(server)
    yield server
    server.closing.set()
    http.shutdown()
    http.server_close()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "new" / NAME


def part_of(target, content=None):
    part = target.with_name(target.name + ".part")
    if content is not None:
        target.parent.mkdir(exist_ok=True)
        part.write_bytes(content)
    return part


@pytest.mark.parametrize(("name", "expected"), [
    ("higher_hrnet32_coco_512x512-8ae85183_20200713.pth", "8ae85183"),
    ("resnet50-0676ba61.pth", "0676ba61"), ("a-0123abcd.safetensors", "0123abcd"),
    ("best.pth", None), ("a-0123ABCD.pth", None), ("a-0123abc.pth", None), ("epoch-20200713", None),
])
def test_hash_in_name(name, expected):
    assert hash_in_name(name) == expected


def test_a_file_arrives_whole(server, target, capsys):
    assert download(f"{server.url}/{NAME}", target) == target
    assert target.read_bytes() == CONTENT
    assert [p.name for p in target.parent.iterdir()] == [NAME]
    assert server.requests == [""]
    assert NAME in capsys.readouterr().err  # the progress bar


@pytest.mark.parametrize(("have", "fault", "requests", "sent"), [
    (CONTENT[:400_000], "", ["bytes=400000-"], [len(CONTENT) - 400_000]),
    (CONTENT[:400_000], "ignore_range", ["bytes=400000-"], [len(CONTENT)]),
    (CONTENT[:400_000], "no_length", ["bytes=400000-"], [len(CONTENT)]),
    (CONTENT[:400_000], "wrong_range", ["bytes=400000-", ""], None),
    (CONTENT, "", [f"bytes={len(CONTENT)}-"], [0]),
    (CONTENT + b"more", "", [f"bytes={len(CONTENT) + 4}-", ""], [0, len(CONTENT)]),
    (DAMAGED[:400_000], "", ["bytes=400000-", ""], [len(CONTENT) - 400_000, len(CONTENT)]),
    (DAMAGED, "", [f"bytes={len(CONTENT)}-", ""], [0, len(CONTENT)]),
    (b"", "", [""], [len(CONTENT)]),
], ids=["rest", "range ignored", "no length", "other range", "all there", "too long",
        "damaged part", "damaged whole", "empty"])
def test_a_part_is_gone_on_from(server, target, have, fault, requests, sent):
    part_of(target, have)
    server.fault = fault
    download(f"{server.url}/{NAME}", target)
    assert target.read_bytes() == CONTENT
    assert server.requests == requests
    assert sent is None or server.sent == sent
    assert not part_of(target).exists()


@pytest.mark.parametrize(("fault", "message", "kept"), [
    ("truncate", r"broke off after 0\.3 of 1\.0 MB .*run it again to go on", 300_000),
    ("stall", r"broke off after 0\.3 of 1\.0 MB \(.*timed out\)", 300_000),
    ("corrupt", rf"SHA-256 starts with [0-9a-f]{{8}}, but {NAME} must have {HASH}; it was deleted",
     None),
    ("403", "answers 403 Forbidden", None),
    ("404", "answers 404 Not Found", None),
    ("500", "answers 500", None),
])
def test_faults_and_recovery(server, target, fault, message, kept):
    server.fault = fault
    url = f"{server.url}/{NAME}"
    with pytest.raises(CheckpointError, match=message) as caught:
        download(url, target, timeout=0.3)
    assert url in str(caught.value)
    assert f"put {NAME} into {target.parent} by hand" in str(caught.value)
    assert isinstance(caught.value, NotOnServerError) == (fault == "404")
    assert not target.exists()
    part = part_of(target)
    assert (part.stat().st_size if part.exists() else None) == kept
    server.fault = ""
    download(url, target)
    assert target.read_bytes() == CONTENT
    assert server.sent[-1] == len(CONTENT) - (kept or 0)


def test_damage_after_a_restart_is_not_tried_for_ever(server, target):
    part_of(target, CONTENT[:400_000])
    server.content = DAMAGED
    with pytest.raises(CheckpointError, match="SHA-256"):
        download(f"{server.url}/{NAME}", target)
    assert server.requests == ["bytes=400000-", ""]
    assert list(target.parent.iterdir()) == []


def test_nobody_listens(target):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/{NAME}"
    with pytest.raises(CheckpointError, match=rf"cannot reach {url}: .*refused.*by hand"):
        download(url, target)
    assert list(target.parent.iterdir()) == []


def test_no_such_host(target):
    with pytest.raises(CheckpointError, match=r"cannot reach http://aepose\.invalid/.*by hand"):
        download(f"http://aepose.invalid/{NAME}", target)


def test_a_server_that_never_answers(target):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/{NAME}"
        with pytest.raises(CheckpointError, match=r"cannot reach .*timed out"):
            download(url, target, timeout=0.2)


def test_names_without_hash_are_not_gone_on_from(server, tmp_path):
    target = tmp_path / "best.pth"
    part_of(target, b"of another file")
    download(f"{server.url}/best.pth", target)
    assert target.read_bytes() == CONTENT
    assert server.requests == [""]


def test_no_room(server, target, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage(500_000))
    with pytest.raises(CheckpointError, match=rf"no room for {NAME} in .* needs 1\.0 MB and 0\.5 MB"
                                              r" are free.*AEPOSE_HOME"):
        download(f"{server.url}/{NAME}", target)
    part_of(target, CONTENT[:700_000])  # the rest has room
    download(f"{server.url}/{NAME}", target)
    assert target.read_bytes() == CONTENT


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_disk_that_fills_up(server, target):
    target.parent.mkdir()
    part_of(target).symlink_to("/dev/full")
    with pytest.raises(CheckpointError, match=rf"cannot write {NAME} in .*: No space left"
                                              r".*make room.*AEPOSE_HOME"):
        download(f"{server.url}/{NAME}", target)
    assert not target.exists()


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"cannot write .*file.*AEPOSE_HOME"):
        download(f"{server.url}/{NAME}", tmp_path / "file" / "below" / NAME)
    assert server.requests == []


def start_process(url, target):
    code = ("import sys; from pathlib import Path; from aepose.zoo.download import download; "
            "download(sys.argv[1], Path(sys.argv[2]))")
    return subprocess.Popen([sys.executable, "-c", code, url, str(target)], cwd=ROOT,
                            stderr=subprocess.PIPE, text=True)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_killed_in_mid_download(server, target):
    server.fault = "stall"
    part = part_of(target)
    process = start_process(f"{server.url}/{NAME}", target)
    wait_for(lambda: part.exists() and part.stat().st_size == server.limit)
    process.kill()
    process.communicate()
    assert part.read_bytes() == CONTENT[:server.limit]
    assert not target.exists()
    server.fault = ""
    download(f"{server.url}/{NAME}", target)
    assert target.read_bytes() == CONTENT
    assert server.requests == ["", f"bytes={server.limit}-"]
    assert server.sent == [server.limit, len(CONTENT) - server.limit]


def test_two_processes_download_once(server, target):
    server.fault = "slow"
    url = f"{server.url}/{NAME}"
    other = start_process(url, target)
    wait_for(lambda: server.sent and server.sent[0] > 0)
    assert download(url, target).read_bytes() == CONTENT
    _, printed = other.communicate(timeout=60)
    assert other.returncode == 0, printed
    assert server.requests == [""]
    assert [p.name for p in target.parent.iterdir()] == [NAME]


def test_many_threads_download_once(server, target):
    threads = [threading.Thread(target=download, args=(f"{server.url}/{NAME}", target))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert target.read_bytes() == CONTENT
    assert server.requests == [""]


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
